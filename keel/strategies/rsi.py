"""Relative strength index, traded as mean reversion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from keel.features.indicators import talib
from keel.strategies.holding import equal_shares, hold
from keel.strategies.panel import BarPanel, Series
from keel.strategies.port import MOST_BARS, StrategyParams, VectorStrategy


class RelativeStrengthIndex(VectorStrategy):
    """Buy when Wilder's RSI falls below `oversold`; hold until it rises above `overbought`.

    Each instrument gets an equal share of equity: 1/N while held, else 0, or -1/N with `allow_short` from above
    `overbought` until below `oversold`. Source: Wilder, New Concepts in Technical Trading Systems, 1978.
    """

    class Params(StrategyParams):
        """Set the period in bars and the two thresholds of the index (0 to 100)."""

        period: int = Field(14, ge=2, le=MOST_BARS, description="bars of Wilder's smoothing")
        oversold: float = Field(30.0, gt=0.0, lt=100.0, description="index below which to buy")
        overbought: float = Field(70.0, gt=0.0, lt=100.0, description="index above which to sell")
        allow_short: bool = Field(default=False, description="hold -1/N instead of 0 after overbought")

        @model_validator(mode="after")
        def _thresholds_are_apart(self) -> RelativeStrengthIndex.Params:
            if self.oversold >= self.overbought:
                raise ValueError(f"oversold ({self.oversold}) must be below overbought ({self.overbought})")
            return self

    params: Params

    def target_weights(self, bars: BarPanel) -> NDArray[np.float64]:
        """Return 1/N from oversold until overbought."""
        return equal_shares(bars, self._side)

    def _side(self, one: Series) -> NDArray[np.float64]:
        close = one.close
        if len(close) <= self.params.period:
            return np.zeros(len(close))
        index = talib.RSI(close, timeperiod=self.params.period)
        index[: np.argmax(close != close[0]) or len(close)] = np.nan  # TA-Lib says 0 where no price has moved yet
        change = np.full(len(close), np.nan)
        change[index < self.params.oversold] = 1.0
        change[index > self.params.overbought] = -1.0 if self.params.allow_short else 0.0
        return hold(change)
