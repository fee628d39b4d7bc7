"""Keel's side of a comparison: configuration, wiring and backtest as any user has them, on bars in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keel.app.wire_data import MarketData
from keel.app.wiring import wire_backtest
from keel.backtest.run import BacktestInputs, run_backtest
from keel.config.load import load_config
from keel.domain.layout import ACTION, BAR
from keel.domain.orders import EventKind
from keel.strategies.panel import BarPanel
from keel.strategies.port import Context, EventStrategy, StrategyParams, VectorStrategy

from .played import Played, fills_of

BARE = Path(__file__).with_name("bare.yaml")
SHORTING = ("account.type=margin", "account.maintenance_margin=0", "market.instrument.shortable=true")
"""The peers' default account: shorts cost no more than their price, nothing is liquidated while equity is left."""
LEVERED = (*SHORTING, "account.initial_margin=0.1")

ASKED = np.dtype(
    [("row", "i8"), ("exit", "?"), ("cancel", "?")] + [(name, "f8") for name in ("qty", "limit", "stop", "sl", "tp")]
)
"""An order asked for at the close of a row: a signed quantity and prices, 0 for none.

Or, instead: `exit` closes what is held, `cancel` ends what waits.
"""


class Weights(VectorStrategy):
    """Hold the weights given, (rows, N)."""

    def __init__(self, weights: np.ndarray) -> None:
        super().__init__(StrategyParams())
        self.weights = weights

    def target_weights(self, bars: BarPanel) -> np.ndarray:
        return self.weights


class Signals(EventStrategy):
    """Follow codes (rows,): 1 enter long, -1 enter short, 2 exit, 0 nothing; `size` units an entry."""

    def __init__(self, codes: np.ndarray, size: float, *, adds: bool = False) -> None:
        super().__init__(StrategyParams())
        self.codes, self.size, self.adds = codes, size, adds

    def on_bar(self, context: Context) -> None:
        code, held = self.codes[len(context.bars) - 1], context.account.position_qty[0]
        need = 0.0
        if code == 2:
            need = -held
        elif code != 0 and code * held < 0.0:
            need = code * self.size - held
        elif code != 0 and (held == 0.0 or self.adds):
            need = code * self.size
        if need != 0.0:
            (context.buy if need > 0.0 else context.sell)(context.bars.symbols[0], abs(need))


class Orders(EventStrategy):
    """Place ASKED orders, one a row.

    With `flat_only` entries that find a position or an order are left out, and an exit, beside the legs of a bracket,
    only reduces.
    """

    def __init__(self, asked: np.ndarray, *, flat_only: bool = False) -> None:
        super().__init__(StrategyParams())
        self.asked, self.flat_only = {int(order["row"]): order for order in asked}, flat_only

    def on_bar(self, context: Context) -> None:
        order, held = self.asked.get(len(context.bars) - 1), context.account.position_qty[0]
        if order is None:
            return
        if order["cancel"]:
            for waiting in context.orders:
                context.cancel(waiting.order)
        elif order["exit"]:
            if held != 0.0:
                self._trade(context, -held, {"reduce_only": self.flat_only})
        elif not (self.flat_only and (held != 0.0 or context.orders)):
            names = {"limit": "limit", "stop": "stop", "sl": "stop_loss", "tp": "take_profit"}
            terms = {ours: float(order[name]) for name, ours in names.items() if order[name] > 0.0}
            self._trade(context, float(order["qty"]), terms)

    def _trade(self, context: Context, qty: float, terms: dict[str, Any]) -> None:
        (context.buy if qty > 0.0 else context.sell)(context.bars.symbols[0], abs(qty), **terms)


def wired(bars: np.ndarray, *sets: str, symbols: Sequence[str] = ("A",)) -> BacktestInputs:
    """Return what a backtest of BAR (rows, N) reads under bare.yaml and the overrides."""
    loaded = load_config(BARE, [f"data.symbols=[{', '.join(symbols)}]", *sets])
    none = np.zeros(bars.shape[1], np.int64)
    data = MarketData(
        bars=bars,
        fine=np.zeros(0, BAR),
        fine_starts=none,
        fine_ends=none,
        actions=np.zeros(0, ACTION),
        action_starts=none,
        action_ends=none,
        rates=np.zeros((0, bars.shape[1])),
        view=bars,
        factors=np.ones(bars.shape),
        records=(),
    )
    return wire_backtest(loaded.deciding, loaded.document, data)[0]


def play(inputs: BacktestInputs) -> Played:
    """Run the backtest and return what it came to."""
    result = run_backtest(inputs, "peers", lambda _rows: None)
    fills = result.events[result.events["kind"] == EventKind.FILLED]
    booked = fills_of(fills["row"], fills["instrument"], fills["price"], fills["side"] * fills["qty"])
    return Played(result.marks["equity"].copy(), booked, float(fills["fee"].sum()))


def terms_of(inputs: BacktestInputs) -> dict[str, Any]:
    """Return what a peer must know of the configuration."""
    config = inputs.config
    return {
        "cash": config.account.initial_cash,
        "fee_rate": config.fees.taker_bps / 10_000.0,
        "step": float(config.market.instrument.step_size),
    }


def new_targets(inputs: BacktestInputs, weights: np.ndarray) -> np.ndarray:
    """Return the weights that are traded, as parts of all equity, NaN for the rest (docs/execution.md, rule 6)."""
    targets = weights * inputs.config.account.allocation
    if inputs.config.execution.rebalance == "on_change":
        targets[weights == np.vstack([np.zeros_like(weights[:1]), weights[:-1]])] = np.nan
    return targets
