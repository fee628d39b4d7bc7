"""A policy's trades in a vector environment, told in the world's units, as the checks take them."""

from __future__ import annotations

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from keel.domain.layout import VENUE
from keel.rl.core import EnvCore

from .checks import Rollout
from .clean import Policy
from .stage import Stage
from .worlds import Floats


def roll_through(stage: Stage, env: VecEnv, policy: Policy, steps: int) -> Rollout:
    """Return what `policy` does in the first `steps` bars of an environment of `scoring_env`, path for path.

    Observations and rewards are those that an agent gets; positions, prices and costs are the venue's, whatever the
    agent is told. Raises ValueError if an episode ends, or if two environments play the same path.
    """
    core: EnvCore = env.unwrapped.core  # type: ignore[attr-defined]
    observations = env.reset()
    order = np.argsort(core.envs["patch"])
    if not np.array_equal(core.envs["patch"][order], np.arange(len(core.world.patches))):
        raise ValueError("each path is to be played once")
    shown = np.empty((steps, *observations.shape))
    asked, positions, paid, costs = (np.empty((steps, core.n_envs)) for _ in range(4))
    prices = np.empty((steps + 1, core.n_envs))
    start, prices[0], charged = _held(core), _prices(core), np.zeros(core.n_envs)
    for at in range(steps):
        shown[at] = stage.seen(observations)
        wanted = policy(shown[at])
        actions = stage.actions(wanted, shown[at, :, -1])
        asked[at] = stage.asked(actions, shown[at, :, -1])
        observations, paid[at], dones, _ = env.step(actions)
        if dones.any():
            raise ValueError(f"an episode ended at step {at + 1} of {steps}")
        positions[at], prices[at + 1], before = _held(core), _prices(core), charged
        charged = core.envs["fees"] + core.envs["impact_costs"]
        costs[at] = charged - before
    rewards = stage.in_units(paid, positions * np.diff(prices, axis=0) - costs, positions)
    told = (shown, asked, positions, prices, costs, rewards)
    return Rollout(*(each[:, order] for each in told), start[order])


def _held(core: EnvCore) -> Floats:
    return core._state.slots["qty"][:, 0, VENUE].copy()


def _prices(core: EnvCore) -> Floats:
    return core.world.bars["close"][core.envs["start_row"] + core.envs["steps"], 0]
