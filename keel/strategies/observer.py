"""What a trained model sees at a close: the same numbers, to the bit, as its environment showed it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from keel.domain.account import AccountView
from keel.domain.errors import UsageError
from keel.features.account_nb import write_instrument_nb, write_portfolio_nb
from keel.features.fitted import Fitted
from keel.features.kinds import feature_names
from keel.features.observation import compute_features, first_row
from keel.features.observation_layout import ObservationLayout
from keel.strategies.desk import LiveOrder
from keel.strategies.panel import BarPanel

Features = NDArray[np.float32]


class Observer:
    """Write observations of the closes of one run, in the order of time.

    A model that decides symbols `apart` gets one observation a symbol, as if each had an account of its own with an
    equal share of the equity; any other gets one of all symbols. B is the number of observations, D their size.
    """

    def __init__(self, fitted: Fitted, *, apart: bool) -> None:
        self._fitted = fitted
        self._groups = [(i,) for i in range(len(fitted.symbols))] if apart else [tuple(range(len(fitted.symbols)))]
        section = fitted.section
        shown = fitted.symbols[:1] if apart else fitted.symbols
        self.layout = ObservationLayout(section.window, shown, feature_names(section), section.account)
        self._places = self.layout.instrument_places
        self._sees_orders = "in_flight" in section.account
        self._shown = np.zeros((len(self._groups), self.layout.size), np.float32)
        self._held = np.zeros(len(fitted.symbols), np.int64)
        self._features: Features = np.zeros((0, 0, 0), np.float32)
        self.first = 0
        """First row with a whole observation."""

    @property
    def shares(self) -> int:
        """Return in how many equal parts the equity is decided."""
        return len(self._groups)

    def refuse_other_size(self, size: int, where: str) -> None:
        """Refuse a model whose networks take observations of another size. Raises UsageError; `where` names it."""
        if self.layout.size != size:
            raise UsageError(
                f"{where}: its networks take {size} numbers, its observation.json makes {self.layout.size}: take a "
                "model that Keel's training saved, or train again"
            )

    def begin(self, bars: BarPanel) -> Features:
        """Begin a run on these bars and return their features, float32 (rows, N, F); no position has been held yet.

        Raises DataError where there are too few bars for an observation.
        """
        self._held[:] = 0
        return self.follow(bars)

    def follow(self, bars: BarPanel) -> Features:
        """Go on with these bars, which end later, and return their features. Raises as `begin` does."""
        self.first = first_row(self._fitted.section, self._fitted.symbols, bars.records)
        self._features = compute_features(self._fitted, bars.records, bars.extra)
        return self._features

    def show(self, features: Features) -> None:
        """Show these features in place of the bars' own from here on."""
        self._features = features

    def count_bar(self, position_qty: NDArray[np.float64]) -> None:
        """Count one more bar of each position on the same side as before, the first of another; call it each close."""
        side = np.sign(position_qty).astype(np.int64)
        grown = np.where(np.sign(self._held) == side, np.abs(self._held) + 1, 1)
        self._held = side * grown

    def see(self, row: int, account: AccountView, orders: Sequence[LiveOrder]) -> NDArray[np.float32]:
        """Return the observations at the close of a row from `first` on, float32 (B, D); the next call writes over it.

        `orders` are those whose end is not known, oldest first.
        """
        window, stride, start = self.layout.window, self.layout.account_stride, self.layout.account_start
        bars = self._features[row - window + 1 : row + 1]
        equity, peak = account.equity / self.shares, account.peak_equity / self.shares
        live = self._live_qty(orders)
        for shown, group in zip(self._shown, self._groups, strict=True):
            shown[:start] = bars[:, group[0] : group[-1] + 1].ravel()
            for k, i in enumerate(group):
                write_instrument_nb(
                    shown,
                    start + k * stride,
                    self._places,
                    equity,
                    account.position_qty[i],
                    account.average_price[i],
                    account.mark_price[i],
                    account.rate[i],
                    live[i],
                    abs(self._held[i]),
                )
            write_portfolio_nb(shown, self.layout.drawdown_place, equity, peak)
        return self._shown

    @property
    def sees_orders(self) -> bool:
        """Say whether orders on their way are part of an observation."""
        return self._sees_orders

    def _live_qty(self, orders: Sequence[LiveOrder]) -> list[float]:
        """Return what live orders would add to each position, base units."""
        live = dict.fromkeys(self._fitted.symbols, 0.0)
        for order in orders:
            if not order.reduce_only:
                live[order.symbol] += order.side * (order.qty - order.filled_qty)
        return list(live.values())
