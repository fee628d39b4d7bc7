"""Time-series momentum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from keel.features.indicators import talib
from keel.strategies.holding import equal_shares
from keel.strategies.panel import BarPanel, Series
from keel.strategies.port import MOST_BARS, StrategyParams, VectorStrategy


class Momentum(VectorStrategy):
    """Hold an instrument while its return over the last `lookback` bars is above `threshold`.

    Each instrument gets an equal share of equity: 1/N when long, 0 or, with `allow_short`, -1/N when the return is
    below -threshold. Source: Moskowitz, Ooi, Pedersen, Time Series Momentum, J. Financial Economics 104(2), 2012.
    """

    class Params(StrategyParams):
        """Set the lookback in bars and the return that must be exceeded."""

        lookback: int = Field(252, ge=1, le=MOST_BARS, description="bars over which the return is measured")
        threshold: float = Field(0.0, ge=0.0, description="return that must be exceeded, as a fraction")
        allow_short: bool = Field(default=False, description="hold -1/N after a fall of more than the threshold")

    params: Params

    def target_weights(self, bars: BarPanel) -> NDArray[np.float64]:
        """Return 1/N where the lookback's return is above the threshold."""
        return equal_shares(bars, self._side)

    def _side(self, one: Series) -> NDArray[np.float64]:
        close = one.close
        if len(close) <= self.params.lookback:
            return np.zeros(len(close))
        change = talib.ROCP(close, timeperiod=self.params.lookback)
        side = np.where(change > self.params.threshold, 1.0, 0.0)
        if self.params.allow_short:
            side[change < -self.params.threshold] = -1.0
        return side
