"""Where every number of one flat observation stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.config.observation import AccountFeature

_OF_INSTRUMENT: Final[tuple[AccountFeature, ...]] = ("weight", "unrealised", "bars_held", "in_flight")
"""The account features of one instrument in the order in which `write_instrument_nb` is told their places."""
_OF_PORTFOLIO: Final[tuple[AccountFeature, ...]] = ("drawdown",)


@dataclass(frozen=True)
class ObservationLayout:
    """Tell the names and places of an observation of `size` float32.

    First the bars' features, `window` x N x F with the oldest bar first: the array that `compute_features` returns,
    rows k - window + 1 to k, flat. Then each instrument's account features, then the portfolio's.
    """

    window: int
    symbols: tuple[str, ...]
    features: tuple[str, ...]
    account: tuple[AccountFeature, ...]

    @property
    def account_start(self) -> int:
        """Return where the account features begin: the number of the bars' features."""
        return self.window * len(self.symbols) * len(self.features)

    @property
    def account_stride(self) -> int:
        """Return the number of account features of each instrument; instrument i's begin at start + i * stride."""
        return len(self._of_instrument)

    @property
    def instrument_places(self) -> NDArray[np.int64]:
        """Return places within an instrument's part of weight, unrealised, bars_held and in_flight; -1 is none."""
        wanted = self._of_instrument
        return np.array([wanted.index(name) if name in wanted else -1 for name in _OF_INSTRUMENT], dtype=np.int64)

    @property
    def drawdown_place(self) -> int:
        """Return the place of the drawdown in the observation; -1 is none."""
        return self.size - 1 if "drawdown" in self.account else -1

    @property
    def size(self) -> int:
        """Return the number of numbers."""
        portfolio = sum(name in _OF_PORTFOLIO for name in self.account)
        return self.account_start + len(self.symbols) * self.account_stride + portfolio

    def names(self) -> tuple[str, ...]:
        """Return the name of each number: `SYMBOL rsi_14 t-2` two bars ago, `SYMBOL weight`, `drawdown`."""
        bars = [
            f"{symbol} {feature} t-{ago}"
            for ago in reversed(range(self.window))
            for symbol in self.symbols
            for feature in self.features
        ]
        account = [f"{symbol} {name}" for symbol in self.symbols for name in self._of_instrument]
        return (*bars, *account, *(name for name in self.account if name in _OF_PORTFOLIO))

    @property
    def _of_instrument(self) -> tuple[AccountFeature, ...]:
        return tuple(name for name in self.account if name in _OF_INSTRUMENT)
