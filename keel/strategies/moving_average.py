"""Moving-average crossover."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from keel.features.indicators import talib
from keel.strategies.holding import equal_shares
from keel.strategies.panel import BarPanel, Column, Series
from keel.strategies.port import MOST_BARS, StrategyParams, VectorStrategy

_EQUAL: Final = 1e-9
"""Relative distance within which two averages are equal: TA-Lib's running sums carry rounding."""


class MovingAverageCrossover(VectorStrategy):
    """Hold an instrument while its short simple moving average is above the long one.

    Each instrument gets an equal share of equity: 1/N when above, 0 or, with `allow_short`, -1/N when below. Flat while
    they are equal and until the long average exists. Source: Brock, Lakonishok, LeBaron, Simple Technical Trading
    Rules, J. Finance 47(5), 1992.
    """

    class Params(StrategyParams):
        """Set the two windows, in bars."""

        short: int = Field(20, ge=1, le=MOST_BARS, description="bars of the short average")
        long: int = Field(50, ge=2, le=MOST_BARS, description="bars of the long average")
        allow_short: bool = Field(default=False, description="hold -1/N instead of 0 while the short average is below")

        @model_validator(mode="after")
        def _short_is_shorter(self) -> MovingAverageCrossover.Params:
            if self.short >= self.long:
                raise ValueError(f"short ({self.short}) must be below long ({self.long})")
            return self

    params: Params

    def target_weights(self, bars: BarPanel) -> NDArray[np.float64]:
        """Return 1/N where the short average is above the long one."""
        return equal_shares(bars, self._side)

    def _side(self, one: Series) -> Column | NDArray[np.bool_]:
        close = one.close
        if len(close) < self.params.long:
            return np.zeros(len(close))
        short, long = _mean(close, self.params.short), _mean(close, self.params.long)
        below = short < long * (1.0 - _EQUAL) if self.params.allow_short else None
        long *= 1.0 + _EQUAL
        above = short > long
        if below is None:
            return above
        return np.asarray(above * 1.0 - below, np.float64)


def _mean(close: NDArray[np.float64], bars: int) -> NDArray[np.float64]:
    # TA-Lib starts at two bars; the mean of one is the bar itself.
    return close if bars == 1 else talib.SMA(close, timeperiod=bars)
