"""The Strategy port: what Keel asks of a strategy, in its two forms.

A *vectorised* strategy sees all bars at once and returns all target weights; row k may depend on rows 0 … k only. An
*event-driven* strategy is called at each close and sees the past alone. Both say what to hold, as a fraction of equity
for each instrument; sizing, risk and execution are the engine's. Weights that sum above what the account can buy are
filled in the configured order. `python -m keel check-causality` finds a row that depends on later bars.

    import talib

    from keel.strategies.port import StrategyParams, VectorStrategy


    class AboveItsMean(VectorStrategy):
        class Params(StrategyParams):
            bars: int = 100

        def target_weights(self, bars):
            return bars.each(lambda one: one.close > talib.SMA(one.close, self.params.bars)) / bars.n
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from keel.domain.account import AccountView
from keel.domain.orders import OrderSide
from keel.strategies.desk import ExecutionReport, Lifetime, LiveOrder, OrderDesk, Ticket
from keel.strategies.panel import BarPanel

MOST_BARS: Final = 100_000
"""Longest window of an indicator, in bars: TA-Lib's limit."""


class StrategyParams(BaseModel):
    """Be the base of a strategy's own parameters: frozen; unknown keys, other types, NaN and infinity refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Strategy:
    """Be a strategy; subclass VectorStrategy or EventStrategy and declare `Params`."""

    Params: ClassVar[type[StrategyParams]] = StrategyParams

    def __init__(self, params: StrategyParams) -> None:
        self.params = params

    def check_market(self, venue: str, symbols: Sequence[str], timeframe: str) -> None:
        """Refuse, by a UsageError, a market that this strategy is not made for. Any market is fine by default."""

    def extra_columns(self) -> tuple[str, ...]:
        """Return the names of stored columns to be read beside the bars, found in `BarPanel.extra`; none by default."""
        return ()


class VectorStrategy(Strategy, ABC):
    """Decide all bars at once."""

    @abstractmethod
    def target_weights(self, bars: BarPanel) -> NDArray[np.float64]:
        """Return target weights of shape (rows, N), fractions of equity; row k from bars 0 … k only.

        Give 0 to be flat and repeat the last weight to hold. NaN, inf and any other shape are refused.
        """


class OrderTerms(TypedDict, total=False):
    """Say what an order is told; prices and distances are quote currency per unit, all left out is a market order.

    `limit`: not worse than this. `stop`: at market once the price has moved to it, against the position; with `limit`,
    a limit order from then on. `touch`: at market once the price has moved to it, in favour (a take-profit). `trail`,
    `trail_fraction`: a stop that follows the best price at a distance, or at a fraction of it. `time_in_force`: gtc,
    ioc, fok, day, gtd with `expires_ms` (UTC epoch milliseconds), or at_open or at_close: a market or limit order for
    that auction of a market that closes, and for nothing else. `reduce_only`: never opens or grows a position.
    `stop_loss` (or `stop_trail`, `stop_trail_fraction`) and `take_profit`: legs that wait at the venue for the first
    fill and close what was filled; one cancels the other.
    """

    limit: float
    stop: float
    touch: float
    trail: float
    trail_fraction: float
    time_in_force: Lifetime
    expires_ms: int
    reduce_only: bool
    stop_loss: float
    stop_trail: float
    stop_trail_fraction: float
    take_profit: float


class Context:
    """Stand at one close: the past in `bars`, the account in `account`; set targets, or place orders yourself.

    Steer an instrument by targets or by orders: a target that differs from the last one (0 at first) counts, reckons
    with the orders of its instrument that still live and cancels those in its way (docs/execution.md, rule 6). Prices
    of orders are those the market trades at (`account.mark_price`), also where `bars` are adjusted for splits.
    """

    __slots__ = ("_account", "_desk", "_panel", "_past", "_row", "_weights")

    def __init__(
        self,
        panel: BarPanel,
        account: Callable[[], AccountView],
        weights: NDArray[np.float64],
        desk: OrderDesk,
        row: int,
    ) -> None:
        self._panel = panel
        self._account = account
        self._weights = weights
        self._desk = desk
        self._row = row
        self._past: BarPanel | None = None

    def on(self, panel: BarPanel, row: int) -> Context:
        """Return the same close as it stands in a panel that goes further back."""
        return Context(panel, self._account, self._weights, self._desk, row)

    @property
    def bars(self) -> BarPanel:
        """Return the past: all bars up to this close, this one included."""
        if self._past is None:
            self._past = self._panel.until(self._row)
        return self._past

    def close(self, symbol: str) -> float:
        """Return the price this bar closed at, NaN if the instrument has none. Raises KeyError for an unknown symbol.

        The same as `bars.close[-1, bars.index(symbol)]`, at a fraction of its time.
        """
        return self._panel.close_at(self._row, symbol)

    @property
    def account(self) -> AccountView:
        """Return the account as the local book shows it now."""
        return self._account()

    @property
    def orders(self) -> tuple[LiveOrder, ...]:
        """Return the orders whose end is not known yet, oldest first; those asked for at this close are not in it."""
        return self._desk.orders()

    @property
    def reports(self) -> tuple[ExecutionReport, ...]:
        """Return what was heard of orders and account since the close before: fills, refusals, dividends, ..."""
        return self._desk.reports()

    def set_target(self, symbol: str, weight: float) -> None:
        """Ask for a position of `weight` (fraction of equity; negative is short).

        Raises KeyError for a symbol that is not in the run and ValueError for NaN or inf.
        """
        if not math.isfinite(weight):
            raise ValueError(f"the weight for {symbol} is {weight}: give a finite fraction of equity, 0 to be flat")
        self._weights[self._panel.index(symbol)] = weight

    def buy(self, symbol: str, qty: float, **terms: Unpack[OrderTerms]) -> int:
        """Place an order to buy `qty` base units; return the number it goes by. `OrderTerms` says what it may be told.

        Raises KeyError for a symbol that is not in the run and ValueError for terms that contradict each other.
        """
        return self._desk.place(self._panel.index(symbol), OrderSide.BUY, qty, Ticket.of(terms))

    def sell(self, symbol: str, qty: float, **terms: Unpack[OrderTerms]) -> int:
        """Place an order to sell `qty` base units; return the number it goes by. See `buy`."""
        return self._desk.place(self._panel.index(symbol), OrderSide.SELL, qty, Ticket.of(terms))

    def pair(self, first: int, second: int) -> None:
        """Make two orders placed at this close partners, one cancels the other. Raises ValueError for others."""
        self._desk.pair(first, second)

    def cancel(self, order: int) -> None:
        """Ask for the end of an order; it may be filled before the cancel arrives. Raises ValueError for no order."""
        self._desk.cancel(order)

    def amend(
        self, order: int, *, qty: float | None = None, limit: float | None = None, stop: float | None = None
    ) -> None:
        """Ask for a lower quantity, another limit or another trigger; it may be filled before the amend arrives.

        `order` + 1 is the stop-loss that came with an order, `order` + 2 its take-profit. Raises ValueError for nothing
        to change and for no order.
        """
        self._desk.amend(order, qty, limit, stop)


class EventStrategy(Strategy, ABC):
    """Decide one close at a time."""

    def prepare(self, bars: BarPanel) -> None:
        """Look at all bars once, right before a run begins, for work that is cheaper done at once; by default, nothing.

        What is kept for row k may depend on bars 0 … k only: `check-causality` plays the run on other bars after a cut
        and so finds a look ahead made here, too.
        """

    def follow(self, bars: BarPanel) -> None:
        """Take one more close into account, in a live run: the last row of `bars`. By default, prepare again.

        The oldest rows may be gone since the close before. What `prepare` would forget of the run is to be kept here.
        """
        self.prepare(bars)

    @abstractmethod
    def on_bar(self, context: Context) -> None:
        """Look at the context and set targets or place orders; an instrument without a new target keeps its last."""
