"""A universe whose target weights are given, rebalanced each week."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from keel.strategies.holding import hold_from, period_starts
from keel.strategies.panel import BarPanel
from keel.strategies.port import StrategyParams, VectorStrategy


class WeeklyWeights(VectorStrategy):
    """Hold the weights that a file gives for the first close of each week until the next."""

    class Params(StrategyParams):
        """Name the file."""

        file: str = Field(description=".npz with `weights` of shape (rows, N)")

    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._weights = np.load(params.file)["weights"]

    def target_weights(self, bars: BarPanel) -> NDArray[np.float64]:
        """Return the weights of each week's first close, held; the first row begins a week, too."""
        starts = period_starts(bars, "week")
        starts[0] = True
        return hold_from(starts, self._weights)
