"""Buy and hold: the yardstick of every other strategy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from keel.strategies.panel import BarPanel
from keel.strategies.port import VectorStrategy


class BuyAndHold(VectorStrategy):
    """Buy an equal share of every instrument at its first bar and keep it."""

    def target_weights(self, bars: BarPanel) -> NDArray[np.float64]:
        """Return 1/N everywhere: under `rebalance: on_change` one purchase each."""
        return np.full((len(bars), bars.n), 1.0 / bars.n)
