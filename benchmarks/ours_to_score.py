"""Train PPO on Keel's environments as the proofs of learning do (docs/learning.md), until it is good enough."""

from __future__ import annotations

import sys
from typing import Final

from learning.stage import stage_of  # type: ignore[import-not-found]
from learning.training import N_ENVS, RECIPES, ROWS, Trained, make_model  # type: ignore[import-not-found]
from learning.worlds import TASKS  # type: ignore[import-not-found]
from score_clock import NAME, Policy, report
from stable_baselines3 import PPO

_OTHER: Final = "ou_fast_dear"
"""The world to warm up in: what is fitted there is of no use in the one that is timed."""


def main(seed: str, limit_s: str) -> None:
    """Time one seed."""
    recipe = RECIPES[NAME]
    _begin(_OTHER, 0, 100_000)[0].learn(2 * N_ENVS * recipe.n_steps)
    report(lambda: _begin(NAME, int(seed), ROWS), N_ENVS * recipe.steps, float(limit_s))


def _begin(name: str, seed: int, rows: int) -> tuple[PPO, Policy]:
    task, recipe = TASKS[name], RECIPES[name]
    stage = stage_of(task.world, task.positions)
    model = make_model(stage, recipe, seed, rows)
    policy: Policy = Trained(stage, model, 0.0, 0.0).policy(deterministic=True)
    return model, policy


if __name__ == "__main__":
    main(*sys.argv[1:])
