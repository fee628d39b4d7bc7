"""The best policy of each world, in the form the clean simulator plays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from . import garleanu_pedersen, noise, ou_optimum
from .clean import Policy
from .worlds import GarleanuPedersen, OrnsteinUhlenbeck, PureNoise


@dataclass(frozen=True)
class Optimum:
    """Hold the best policy of a world and the mean reward a bar that it earns."""

    policy: Policy
    mean_reward: float


@cache
def optimum_of(world: OrnsteinUhlenbeck | GarleanuPedersen | PureNoise) -> Optimum:
    """Return the best policy of a world; for W1 it is the same for discrete and for continuous positions."""
    if isinstance(world, PureNoise):
        return Optimum(noise.keep_still, noise.OPTIMUM)
    if isinstance(world, OrnsteinUhlenbeck):
        solved = ou_optimum.solve(world)
        return Optimum(lambda seen: solved.position(seen[:, 0], seen[:, -1]), solved.mean_reward)
    linear = garleanu_pedersen.closed_form(world)
    return Optimum(lambda seen: linear.position(seen[:, :-2], seen[:, -1]), linear.mean_reward)
