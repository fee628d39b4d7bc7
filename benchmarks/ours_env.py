"""Keel's side of stepping environments: random actions, 32 features, every model on."""

from __future__ import annotations

import sys
from importlib.metadata import version

from ours_inputs import read_bars
from stepping import many, one
from timing import report
from worlds import chosen, many_of, positions, world_of

from keel.rl.gym_env import TradingEnv


def main(envs: str, threads: str, steps: str, bars_file: str) -> None:
    """Time so many steps of so many environments; a single one is Gymnasium's, more are stable-baselines3's."""
    world, actions = world_of(read_bars(bars_file)), chosen(int(envs))
    once = (
        one(TradingEnv(world, positions()), actions[:, 0].tolist(), int(steps))
        if int(envs) == 1
        else many(many_of(world, int(envs), int(threads)), actions, int(steps))
    )
    report(once, version("keel"))


if __name__ == "__main__":
    main(*sys.argv[1:])
