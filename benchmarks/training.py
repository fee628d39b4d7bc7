"""Measure how steps of environments grow with what they hold, and where an iteration of PPO spends its time.

One JSON object a line. Times are processor time of one core, the median of repeats. `--large` also lays out a world of
50 symbols x 1,000,000 bars x 32 features (12 GiB of memory) and prints what it and its environments take.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from market import minutes
from numpy.typing import NDArray
from ours_inputs import as_bars
from ours_ppo import ENVS, STEPS, ppo
from processes import memory_mib
from worlds import chosen, many_of, world_of

from keel.domain.layout import BAR

_REPEATS: Final = 7
_ROWS: Final = 100_000
_STEPS: Final = 100_000
"""Steps of one symbol's environments in one repeat."""
_ITERATIONS: Final = 6
_LARGE: Final = (1_000_000, 50)


def main() -> None:
    """Print all lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="lay out 50 symbols x 1,000,000 bars, too")
    large = parser.parse_args().large
    torch.set_num_threads(1)
    for envs in (1, 16, 64, 256, 1024, 4096):
        _print_line(f"{envs:,} environments", _step_ns(envs=envs), "ns/step")
    for features in (8, 32, 128, 512):
        _print_line(f"{features} features", _step_ns(features=features), "ns/step")
    for symbols in (1, 2, 5, 10, 20, 50):
        _print_line(f"{symbols} symbols", _step_ns(symbols=symbols), "ns/step")
    for part, share in _profile().items():
        _print_line(f"an iteration of PPO: {part}", share, "ms")
    if large:
        _print_large()


def _step_ns(envs: int = 1024, features: int = 32, symbols: int = 1) -> float:
    """Return the cost of one step of one environment, nanoseconds."""
    world = world_of(_bars(_ROWS // symbols, symbols), features)
    env, actions = many_of(world, envs), chosen(envs, symbols)
    steps = max(8, _STEPS // (envs * symbols))

    def once() -> None:
        for k in range(steps):
            env.step(actions[k % len(actions)])

    env.reset()
    once()
    return _median_s(once) / (steps * envs) * 1e9


def _bars(rows: int, symbols: int) -> NDArray[np.void]:
    bars = np.empty((rows, symbols), BAR)
    for i in range(symbols):
        bars[:, i] = as_bars(minutes(rows, seed=i))[:, 0]
    return bars


def _median_s(once: Callable[[], None]) -> float:
    costs = []
    for _ in range(_REPEATS):
        started = time.process_time()
        once()
        costs.append(time.process_time() - started)
    return statistics.median(costs)


def _profile() -> dict[str, float]:
    """Return what the parts of one iteration cost, milliseconds; `rest` is what stable-baselines3 does between them."""
    model = ppo(many_of(world_of(_bars(_ROWS, 1)), ENVS))
    model.learn(ENVS * STEPS)
    clock = _Clock()
    policy: Any = model.policy
    clock.time(policy, "forward", "policy")
    clock.time(model.env, "step", "environment")
    clock.time(model.rollout_buffer, "add", "buffer")
    clock.time(model.rollout_buffer, "compute_returns_and_advantage", "buffer")
    clock.time(model, "train", "update")
    started = time.process_time()
    model.learn(_ITERATIONS * ENVS * STEPS)
    whole = time.process_time() - started
    spent = clock.spent | {"rest": whole - sum(clock.spent.values()), "whole": whole}
    return {part: seconds / _ITERATIONS * 1e3 for part, seconds in spent.items()}


class _Clock:
    """Add up the time that methods take."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def time(self, owner: Any, method: str, part: str) -> None:  # noqa: ANN401 - anybody's object
        """Let an object's method be timed from now on."""
        timed = getattr(owner, method)

        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
            started = time.process_time()
            result = timed(*arguments, **named)
            self.spent[part] = self.spent.get(part, 0.0) + time.process_time() - started
            return result

        object.__setattr__(owner, method, call)


def _print_large() -> None:
    """Print the memory of one large world, and what environments take beyond it."""
    rows, symbols = _LARGE
    idle = memory_mib(os.getpid())
    world = world_of(_bars(rows, symbols))
    held = memory_mib(os.getpid())
    name = f"{symbols} symbols x {rows:,} bars x 32 features"
    _print_line(f"{name}: bars and features", (world.bars.nbytes + world.features.nbytes) / 2**20, "MiB")
    _print_line(f"{name}: the process, above idle", held - idle, "MiB")
    kept = []
    for envs in (1, 256, 1024):
        env, actions = many_of(world, envs), chosen(envs, symbols)
        env.reset()
        for k in range(_REPEATS):
            env.step(actions[k])
        kept.append(env)
        _print_line(f"{name}: {envs} more environments", memory_mib(os.getpid()) - held, "MiB")
        held = memory_mib(os.getpid())


def _print_line(name: str, value: float, unit: str) -> None:
    print(json.dumps({"name": name, "value": float(f"{value:.4g}"), "unit": unit}), flush=True)


if __name__ == "__main__":
    main()
