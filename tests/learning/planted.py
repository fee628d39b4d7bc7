"""A small environment into which the faults of trading environments can be put, one at a time."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from .checks import Rollout
from .clean import Policy, draw
from .worlds import Floats, World


class Bug(StrEnum):
    """Name a fault of an environment."""

    NONE = "none"
    LATE_POSITION = "the position of an action is taken one bar late"
    PEEKING_REWARD = "a new position is paid for the move that was seen before it was chosen"
    LEAKING_OBSERVATION = "the observation shows the coming move as the last one"
    LATE_REWARD = "each reward is paid one bar late"


def roll(world: World, policy: Policy, bug: Bug, *, seed: int, steps: int, paths: int) -> Rollout:
    """Return what `policy` does in `steps` bars of `paths` environments that have the fault."""
    market = draw(world, seed, steps, paths)
    shown_moves = market.moves if bug is Bug.LEAKING_OBSERVATION else market.last_moves
    paid_moves = market.last_moves if bug is Bug.PEEKING_REWARD else market.moves
    observations = np.empty((steps, paths, market.signals.shape[-1] + 2))
    asked, positions, costs, rewards = (np.empty((steps, paths)) for _ in range(4))
    held = waiting = np.zeros(paths)
    for at in range(steps):
        observations[at] = np.column_stack([market.signals[at], shown_moves[at], held])
        asked[at] = policy(observations[at])
        positions[at] = waiting if bug is Bug.LATE_POSITION else asked[at]
        costs[at] = world.trading_cost(positions[at] - held)
        rewards[at] = positions[at] * paid_moves[at] - costs[at] - world.risk_penalty(positions[at])
        held, waiting = positions[at], asked[at]
    if bug is Bug.LATE_REWARD:
        rewards = np.concatenate([np.zeros((1, paths)), rewards[:-1]])
    prices = np.concatenate([np.zeros((1, paths)), np.cumsum(market.moves, axis=0)])
    return Rollout(observations, asked, positions, prices, costs, rewards, np.zeros(paths))


def follow_last_move(world: World) -> Policy:
    """Return the policy that takes the move it is shown for the one that comes, and looks one bar ahead.

    It is what an agent learns where the last move is the one it will be paid for.
    """

    def position(seen: Floats) -> Floats:
        candidates = (
            np.linspace(-3.0, 3.0, 61) if world.risk_penalty(np.ones(1))[0] > 0.0 else np.array([-1.0, 0.0, 1.0])
        )
        choices = np.broadcast_to(candidates, (len(seen), len(candidates)))
        gains = choices * seen[:, -2:-1] - world.trading_cost(choices - seen[:, -1:]) - world.risk_penalty(choices)
        return candidates[np.argmax(gains, axis=1)]

    return position
