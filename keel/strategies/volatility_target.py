"""Time-series momentum at a constant risk."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from keel.features.indicators import talib
from keel.strategies.holding import Period, hold_from, period_starts
from keel.strategies.panel import BarPanel, Column, Series
from keel.strategies.port import MOST_BARS, StrategyParams, VectorStrategy


class VolatilityTargetedTrend(VectorStrategy):
    """Follow the sign of the return over `lookback` bars, with a size that keeps each instrument's risk the same.

    An instrument's weight is 1/N x min(`target_volatility` / its volatility, `max_leverage`) after a rise, 0 or, with
    `allow_short`, minus that after a fall. Volatility is the exponentially weighted standard deviation of simple
    returns around zero, a year's. The weights are set at the first close of each `rebalance` period and held within
    it. Source: Moskowitz, Ooi, Pedersen, Time Series Momentum, J. Financial Economics 104(2), 2012: a year's return,
    held for a month, each instrument at 40% a year, weights with a centre of mass of 60 days (a span of 121).
    """

    class Params(StrategyParams):
        """Set the lookback and the span in bars, and the risk wanted of each instrument."""

        lookback: int = Field(252, ge=1, le=MOST_BARS, description="bars over which the return is measured")
        span: int = Field(121, ge=2, le=MOST_BARS, description="bars of the volatility's weights: alpha = 2/(span + 1)")
        target_volatility: float = Field(0.4, gt=0.0, le=10.0, description="volatility wanted, fraction a year")
        bars_per_year: float = Field(
            252.0, gt=0.0, le=1e6, description="bars in a year; 8760 of an hour around the clock"
        )
        max_leverage: float = Field(1.0, gt=0.0, le=100.0, description="most of its share of equity put to work")
        rebalance: Period = Field("month", description="how often weights are set: bar, day, week or month")
        allow_short: bool = Field(default=False, description="hold the negative weight after a fall")

    params: Params

    def target_weights(self, bars: BarPanel) -> NDArray[np.float64]:
        """Return the weights of each period's first close, held through the period."""
        return hold_from(period_starts(bars, self.params.rebalance), bars.each(self._size) / bars.n)

    def _size(self, one: Series) -> Column:
        close, params = one.close, self.params
        if len(close) <= max(params.lookback, params.span):
            return np.zeros(len(close))
        trend: Column = np.sign(talib.ROCP(close, timeperiod=params.lookback))
        volatility = _volatility(close, params.span) * math.sqrt(params.bars_per_year)
        # A price that stood still has no risk to scale by: the cap decides.
        leverage = np.minimum(params.target_volatility / np.maximum(volatility, 1e-12), params.max_leverage)
        return (trend if params.allow_short else np.maximum(trend, 0.0)) * leverage


def _volatility(close: Column, span: int) -> Column:
    returns = talib.ROCP(close, timeperiod=1)
    variance = talib.EMA(returns[1:] ** 2, timeperiod=span)
    deviation: Column = np.sqrt(np.append(np.nan, variance))
    return deviation
