"""Cross-sectional momentum over a universe."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from keel.strategies.holding import Period, hold_from, period_starts
from keel.strategies.panel import BarPanel, Column, Series
from keel.strategies.port import MOST_BARS, StrategyParams, VectorStrategy


class CrossSectionalMomentum(VectorStrategy):
    """Hold the instruments whose past return ranks highest, in equal parts; with `allow_short` against the lowest.

    The return is that from `lookback` to `skip` of an instrument's own bars ago. At the first close of each `rebalance`
    period the instruments that have a bar there and enough of them before are ranked; `fraction` of those, at least
    one, are held until the next: 1/k each of k, or 1/(2k) each against -1/(2k) of as many losers. Fewer than two to
    rank are not held. Equal returns rank as configured. Source: Jegadeesh, Titman, Returns to Buying
    Winners and Selling Losers, J. Finance 48(1), 1993; the skipped month from Asness, Moskowitz, Pedersen, Value and
    Momentum Everywhere, J. Finance 68(3), 2013.
    """

    class Params(StrategyParams):
        """Set the lookback in bars and how many of the universe are held."""

        lookback: int = Field(252, ge=1, le=MOST_BARS, description="bars ago at which the return begins")
        skip: int = Field(21, ge=0, le=MOST_BARS, description="bars ago at which the return ends")
        fraction: float = Field(0.3, gt=0.0, le=0.5, description="part of the ranked instruments held on a side")
        rebalance: Period = Field("month", description="how often the ranking is made: bar, day, week or month")
        allow_short: bool = Field(default=False, description="hold the losers short against the winners")

        @model_validator(mode="after")
        def _return_has_a_length(self) -> CrossSectionalMomentum.Params:
            if self.skip >= self.lookback:
                raise ValueError(f"skip ({self.skip}) must be below lookback ({self.lookback})")
            return self

    params: Params

    def target_weights(self, bars: BarPanel) -> NDArray[np.float64]:
        """Return the weights of each period's ranking, held until the next."""
        starts = period_starts(bars, self.params.rebalance)
        enough = bars.present & (np.cumsum(bars.present, axis=0) > self.params.lookback)
        weights = np.zeros((len(bars), bars.n))
        weights[starts] = self._weigh(np.where(enough, bars.each(self._past_return), np.nan)[starts])
        return hold_from(starts, weights)

    def _past_return(self, one: Series) -> Column:
        close, lookback, skip = one.close, self.params.lookback, self.params.skip
        change = np.zeros(len(close))
        change[lookback:] = close[lookback - skip : len(close) - skip] / close[: max(len(close) - lookback, 0)] - 1.0
        return change

    def _weigh(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        ranked = np.count_nonzero(~np.isnan(scores), axis=1)[:, None]
        # The tolerance: 0.29 x 100 is 28.999999999999996.
        held = np.where(ranked < 2, 0, np.maximum(np.floor(self.params.fraction * ranked + 1e-9), 1))
        place = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)  # 0 is the best, NaN comes last
        winners, losers = place < held, (place >= ranked - held) & (place < ranked)
        size = 1.0 / np.maximum(held, 1)
        weights: NDArray[np.float64] = (
            (winners * size - losers * size) / 2.0 if self.params.allow_short else winners * size
        )
        return weights
