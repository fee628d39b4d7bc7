"""The Strategy port: what Keel asks of a strategy, in its two forms.

A *vectorised* strategy sees all bars at once and returns all target weights; row k may depend on rows 0 … k only. An
*event-driven* strategy is called at each close and sees the past alone. Both say what to hold, as a fraction of equity
for each instrument; sizing, risk and execution are the engine's. Weights that sum above what the account can buy are
filled in the configured order. Keel does not check yet that row k uses bars up to k only.

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
from collections.abc import Callable
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from keel.domain.account import AccountView
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


class VectorStrategy(Strategy, ABC):
    """Decide all bars at once."""

    @abstractmethod
    def target_weights(self, bars: BarPanel) -> NDArray[np.float64]:
        """Return target weights of shape (rows, N), fractions of equity; row k from bars 0 … k only.

        Give 0 to be flat and repeat the last weight to hold. NaN, inf and any other shape are refused.
        """


class Context:
    """Stand at one close: the past in `bars`, the account in `account`; say what to hold with `set_target`."""

    def __init__(self, bars: BarPanel, account: Callable[[], AccountView], weights: NDArray[np.float64]) -> None:
        self.bars = bars
        self._account = account
        self._weights = weights

    @property
    def account(self) -> AccountView:
        """Return the account as the local book shows it now."""
        return self._account()

    def set_target(self, symbol: str, weight: float) -> None:
        """Ask for a position of `weight` (fraction of equity; negative is short).

        Raises KeyError for a symbol that is not in the run and ValueError for NaN or inf.
        """
        if not math.isfinite(weight):
            raise ValueError(f"the weight for {symbol} is {weight}: give a finite fraction of equity, 0 to be flat")
        self._weights[self.bars.index(symbol)] = weight


class EventStrategy(Strategy, ABC):
    """Decide one close at a time."""

    @abstractmethod
    def on_bar(self, context: Context) -> None:
        """Look at the context and set targets; an instrument without a new target keeps its last one."""
