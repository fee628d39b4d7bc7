"""W3: nothing is to be earned from pure noise, so the best policy keeps still; a random trader shows what it saves."""

from __future__ import annotations

import numpy as np

from .worlds import Floats, PureNoise

OPTIMUM = 0.0
"""Best mean reward a bar: every position earns 0 before costs."""


def keep_still(observation: Floats) -> Floats:
    """Return the best policy's positions (paths,): what is held, the last column of the observation."""
    return observation[:, -1]


def random_trader_cost(world: PureNoise, positions: Floats | None = None) -> float:
    """Return the mean cost a bar of who draws each position anew, uniformly from `positions`, or from [−1, 1] if None.

    The mean distance of two draws is 2/3 on [−1, 1], and 8/9 for −1, 0 and 1.
    """
    if positions is None:
        return world.cost * 2.0 / 3.0
    return world.cost * float(np.abs(np.subtract.outer(positions, positions)).mean())


def cost_share(world: PureNoise, costs: Floats, positions: Floats | None = None) -> float:
    """Return the mean of a policy's costs (T, paths) as a share of the random trader's."""
    return float(costs.mean()) / random_trader_cost(world, positions)
