"""Mean reversion within Bollinger's bands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from keel.features.indicators import talib
from keel.strategies.holding import equal_shares, hold_between
from keel.strategies.panel import BarPanel, Column, Series
from keel.strategies.port import MOST_BARS, StrategyParams, VectorStrategy


class BollingerReversion(VectorStrategy):
    """Buy more than `entry` standard deviations below the mean; sell once back within `exit` of them.

    The score is (close - mean) / standard deviation, both over the last `lookback` bars. Each instrument gets an equal
    share of equity: 1/N while held, else 0; with `allow_short` -1/N from a score above `entry` until within `exit`.
    Source: Bollinger, Bollinger on Bollinger Bands, 2001, for the score; Chan, Algorithmic Trading, 2013, chapter 3,
    for the two thresholds.
    """

    class Params(StrategyParams):
        """Set the window in bars and the two thresholds in standard deviations."""

        lookback: int = Field(20, ge=2, le=MOST_BARS, description="bars of the mean and the standard deviation")
        entry: float = Field(2.0, gt=0.0, description="standard deviations from the mean beyond which to enter")
        exit: float = Field(0.0, ge=0.0, description="standard deviations from the mean within which to leave")
        allow_short: bool = Field(default=False, description="hold -1/N after a score above entry")

        @model_validator(mode="after")
        def _exit_is_nearer(self) -> BollingerReversion.Params:
            if self.exit >= self.entry:
                raise ValueError(f"exit ({self.exit}) must be below entry ({self.entry})")
            return self

    params: Params

    def target_weights(self, bars: BarPanel) -> NDArray[np.float64]:
        """Return 1/N from far below the mean until near it."""
        return equal_shares(bars, self._side)

    def _side(self, one: Series) -> Column:
        score = _score(one.close, self.params.lookback)
        side = hold_between(score < -self.params.entry, score >= -self.params.exit)
        if self.params.allow_short:
            side -= hold_between(score > self.params.entry, score <= self.params.exit)
        return side


def _score(close: Column, lookback: int) -> Column:
    mean, deviation = talib.SMA(close, timeperiod=lookback), talib.STDDEV(close, timeperiod=lookback)
    moves = deviation > 0.0
    return np.where(moves, (close - mean) / np.where(moves, deviation, 1.0), np.where(np.isnan(mean), np.nan, 0.0))
