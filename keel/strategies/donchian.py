"""Channel breakout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from keel.features.indicators import talib
from keel.strategies.holding import equal_shares, hold_between
from keel.strategies.panel import BarPanel, Column, Series
from keel.strategies.port import MOST_BARS, StrategyParams, VectorStrategy


class DonchianBreakout(VectorStrategy):
    """Buy at a close above the highest high of the `entry` bars before it; sell below the lowest low of `exit` bars.

    Each instrument gets an equal share of equity: 1/N while held, else 0; with `allow_short` -1/N from a close below
    the lowest low of `entry` bars until one above the highest high of `exit` bars. Flat until `entry` bars have passed.
    Source: Donchian's weekly rule, with the two channels of 20 and 10 days that Faith, Way of the Turtle, 2007, gives
    as the Turtles' System 1, without its filter and its sizing.
    """

    class Params(StrategyParams):
        """Set the two channels, in bars."""

        entry: int = Field(20, ge=2, le=MOST_BARS, description="bars of the channel whose break opens a position")
        exit: int = Field(10, ge=2, le=MOST_BARS, description="bars of the channel whose break closes it")
        allow_short: bool = Field(default=False, description="hold -1/N after a break downward")

        @model_validator(mode="after")
        def _exit_is_not_longer(self) -> DonchianBreakout.Params:
            if self.exit > self.entry:
                raise ValueError(f"exit ({self.exit}) must be at most entry ({self.entry})")
            return self

    params: Params

    def target_weights(self, bars: BarPanel) -> NDArray[np.float64]:
        """Return 1/N from a break of the entry channel until one of the exit channel."""
        return equal_shares(bars, self._side)

    def _side(self, one: Series) -> Column:
        close, high, low, params = one.close, one.high, one.low, self.params
        above = close > _before(talib.MAX(high, timeperiod=params.entry))
        below = close < _before(talib.MIN(low, timeperiod=params.entry))
        end_long = close < _before(talib.MIN(low, timeperiod=params.exit))
        end_short = close > _before(talib.MAX(high, timeperiod=params.exit))
        # As exit is at most entry, a break of one entry channel is a break of the other side's exit channel, too.
        side = hold_between(above, end_long)
        return side - hold_between(below, end_short) if params.allow_short else side


def _before(channel: Column) -> Column:
    return np.append(np.nan, channel)[: len(channel)]
