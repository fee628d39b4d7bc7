"""Train PPO on Keel's environments as the proofs of learning do (docs/learning.md), until it is good enough."""

from __future__ import annotations

import sys
from typing import Final

from learning.stage import stage_of, training_env  # type: ignore[import-not-found]
from learning.training import N_ENVS, RECIPES, Trained  # type: ignore[import-not-found]
from learning.worlds import TASKS  # type: ignore[import-not-found]
from score_clock import NAME, Policy, report
from stable_baselines3 import PPO

_ROWS: Final = 1_000_000
_LAST_RATE: Final = 0.02
_OTHER: Final = "ou_fast_dear"
"""The world to warm up in: what is fitted there is of no use in the one that is timed."""


def main(seed: str, limit_s: str) -> None:
    """Time one seed."""
    recipe = RECIPES[NAME]
    _begin(_OTHER, 0, 100_000)[0].learn(2 * N_ENVS * recipe.n_steps)
    report(lambda: _begin(NAME, int(seed), _ROWS), N_ENVS * recipe.steps, float(limit_s))


def _begin(name: str, seed: int, rows: int) -> tuple[PPO, Policy]:
    task, recipe = TASKS[name], RECIPES[name]
    stage = stage_of(task.world, task.positions)
    env = training_env(stage, seed, n_envs=N_ENVS, rows=rows, episode_bars=recipe.steps + 1, scale=recipe.reward_scale)
    model = PPO(
        "MlpPolicy",
        env,
        n_steps=recipe.n_steps,
        batch_size=N_ENVS * recipe.n_steps,
        n_epochs=4,
        learning_rate=lambda left: recipe.learning_rate * (_LAST_RATE + (1.0 - _LAST_RATE) * left),
        gamma=recipe.gamma,
        policy_kwargs={"net_arch": {"pi": [32, 32], "vf": [32, 32]}, "activation_fn": recipe.activation},
        seed=seed,
        device="cpu",
    )
    policy: Policy = Trained(stage, model, 0.0, 0.0).policy(deterministic=True)
    return model, policy


if __name__ == "__main__":
    main(*sys.argv[1:])
