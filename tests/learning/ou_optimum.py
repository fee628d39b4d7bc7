"""The best policy for W1, by relative value iteration on a grid.

With v(x, q) the value of holding q at x after the trade, relative to the best mean reward g a bar,

    v(x, q) + g = −κ x q + E h(x′, q),     h(x, p) = max_q [v(x, q) − c |q − p|]

(Puterman, Markov Decision Processes, 1994, section 8.5.5). The reward is linear in q and the cost is a distance, so the
problem with q in [−1, 1] is a mixture of problems with q in {−1, 1}, one for each level of q: continuous and discrete
positions have the same optimum, a flip from one end to the other once x has gone beyond a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from .worlds import Floats, OrnsteinUhlenbeck

DISCRETE: Final = np.array([-1.0, 0.0, 1.0])
CONTINUOUS: Final = np.linspace(-1.0, 1.0, 41)
_DEVIATIONS: Final = 6.0
"""Half width of the grid in standard deviations of x; fewer than one bar in 10⁸ lies beyond."""
_MOST_ITERATIONS: Final = 20_000


@dataclass(frozen=True)
class OuOptimum:
    """Hold the solution on the grid `x` (n,): trade up to `low` (n,) if below it, down to `high` (n,) if above it."""

    mean_reward: float
    x: Floats
    low: Floats
    high: Floats

    def position(self, x: Floats, held: Floats) -> Floats:
        """Return the best position at levels `x` for who holds `held`, both of one shape."""
        at = np.rint((x - self.x[0]) / (self.x[1] - self.x[0])).astype(np.intp)
        at = np.clip(at, 0, len(self.x) - 1)
        clipped: Floats = np.clip(held, self.low[at], self.high[at])
        return clipped

    @property
    def threshold(self) -> float:
        """Return the level above which a long position is sold."""
        return float(self.x[np.argmax(self.high < 1.0)])


def solve(
    world: OrnsteinUhlenbeck, positions: Floats = DISCRETE, spacing: float = 0.05, tolerance: float = 1e-10
) -> OuOptimum:
    """Return the best policy among rising `positions` (m,), and its mean reward a bar.

    `spacing` is the grid's in units of the noise, `tolerance` bounds the error of the iteration on that grid: at the
    settings of W1 the mean reward moves by less than 10⁻⁴ of itself between the spacings 0.1 and 0.05. Raises
    ArithmeticError if the iteration does not settle.
    """
    n = int(np.ceil(_DEVIATIONS * world.deviation / spacing))
    x = np.arange(-n, n + 1) * spacing
    transition = _transition(x, world.kappa)
    drift = -world.kappa * np.outer(x, positions)
    value = drift.copy()
    for _ in range(_MOST_ITERATIONS):
        after = drift + transition @ _best_after_trade(value, world.cost * positions)
        growth = after - value
        value = after - after[n, len(positions) // 2]
        if np.ptp(growth) < tolerance:
            mean_reward = float(growth.max() + growth.min()) / 2
            return OuOptimum(mean_reward, x, *_band(value, world.cost * positions, positions))
    raise ArithmeticError(f"value iteration of {world} did not settle")


def _transition(x: Floats, kappa: float) -> Floats:
    """Return the weights of E f(x′) on the grid: an even sum over a normal density is exact but for kinks of f."""
    weights: Floats = np.exp(-0.5 * (x[None, :] - (1.0 - kappa) * x[:, None]) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _best_after_trade(value: Floats, price_of: Floats) -> Floats:
    """Return h on the grid: the better of trading down and trading up, `price_of` being c × position."""
    up = np.maximum.accumulate((value - price_of)[:, ::-1], axis=1)[:, ::-1] + price_of
    down = np.maximum.accumulate(value + price_of, axis=1) - price_of
    best: Floats = np.maximum(up, down)
    return best


def _band(value: Floats, price_of: Floats, positions: Floats) -> tuple[Floats, Floats]:
    """Return where a buyer and a seller stop; v is concave in q, so who holds something in between does not trade."""
    low = positions[np.argmax(value - price_of, axis=1)]
    high = positions[::-1][np.argmax((value + price_of)[:, ::-1], axis=1)]
    return low, high
