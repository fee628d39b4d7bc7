"""Train PPO by stable-baselines3: on Keel's environments, or on those that do nothing and set the most there can be."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Final

import torch
from empty_env import EmptyVecEnv
from ours_inputs import read_bars
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv
from timing import report
from worlds import many_of, world_of

ENVS: Final = 256
STEPS: Final = 128


def main(kind: str, threads: str, rollouts: str, bars_file: str) -> None:
    """Time so many rollouts and their updates; the result is how many steps they were."""
    torch.set_num_threads(int(threads))
    env: VecEnv = many_of(world_of(read_bars(bars_file)), ENVS, int(threads))
    if kind == "empty":
        env = EmptyVecEnv(ENVS, env.observation_space, env.action_space)  # type: ignore[arg-type]
    model, steps = ppo(env), int(rollouts) * ENVS * STEPS

    def once() -> float:
        model.learn(steps)
        return float(model.num_timesteps)

    report(once, version("stable-baselines3"))


def ppo(env: VecEnv) -> PPO:
    """Return the learner of all lines: two layers of 64, batches of 4,096, four epochs."""
    return PPO(
        "MlpPolicy",
        env,
        n_steps=STEPS,
        batch_size=4096,
        n_epochs=4,
        policy_kwargs={"net_arch": [64, 64]},
        seed=0,
        device="cpu",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
