"""Time how long PPO trains until it has reached a share of the optimum of the Ornstein-Uhlenbeck world.

Every second of training the deterministic policy is scored in the clean simulator of tests/learning, which neither side
trains in, on the same shocks for all. The clock stands still meanwhile.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

import torch
from learning.clean import score  # type: ignore[import-not-found]
from learning.optimum import optimum_of  # type: ignore[import-not-found]
from learning.worlds import TASKS, OrnsteinUhlenbeck  # type: ignore[import-not-found]
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

NAME: Final = "ou_fast_cheap"
WORLD: Final[OrnsteinUhlenbeck] = TASKS[NAME].world
_SHARE: Final = 0.95
_EVERY_S: Final = 1.0
"""Training time between two scores; an iteration of PPO that takes longer is not interrupted."""
_FRESH: Final = 2_000_003
"""Seed of the shocks that policies are scored on; training takes small ones."""

Policy = Callable[[Any], Any]
"""Positions (paths,) on what the clean simulator shows (paths, 3): level, last move, position."""


def report(begin: Callable[[], tuple[PPO, Policy]], steps: int, limit_s: float) -> None:
    """Make a learner and train it until it gets there, `limit_s` have passed or `steps` are done; print it as JSON.

    `begin` is timed, too: it returns the learner and its deterministic policy.
    """
    torch.set_num_threads(1)
    optimum_of(WORLD)
    watch = _Watch()
    model, policy = begin()
    clock = _ScoreClock(watch, policy, limit_s)
    model.learn(steps, callback=clock)
    print(json.dumps(clock.measured | {"version": version("stable-baselines3")}))


class _Watch:
    """Measure wall and processor time, but for pauses."""

    def __init__(self) -> None:
        self._began = self._now()

    def read(self) -> tuple[float, float]:
        """Return wall and processor time, seconds."""
        (wall, cpu), (wall_began, cpu_began) = self._now(), self._began
        return wall - wall_began, cpu - cpu_began

    def resume(self, wall_s: float, cpu_s: float) -> None:
        """Go on from an earlier reading."""
        wall, cpu = self._now()
        self._began = wall - wall_s, cpu - cpu_s

    def _now(self) -> tuple[float, float]:
        return time.perf_counter(), time.process_time()


class _ScoreClock(BaseCallback):
    """Score a policy between iterations and stop training once it is good enough, or late."""

    def __init__(self, watch: _Watch, policy: Policy, limit_s: float) -> None:
        super().__init__()
        self.measured: dict[str, Any] = {"reached": -float("inf")}
        self._watch, self._policy, self._limit_s = watch, policy, limit_s
        self._next_s = _EVERY_S
        self._is_over = False

    def _on_rollout_start(self) -> None:
        if self._watch.read()[0] >= self._next_s:
            self._score()

    def _on_step(self) -> bool:
        return not self._is_over

    def _on_training_end(self) -> None:
        if not self._is_over:
            self._score()

    def _score(self) -> None:
        wall_s, cpu_s = self._watch.read()
        optimum = optimum_of(WORLD)
        share = score(WORLD, self._policy, optimum.policy, optimum.mean_reward, seed=_FRESH).ratio.value
        best = max(share, self.measured["reached"])
        self.measured = {"seconds": wall_s, "cpu_seconds": cpu_s, "reached": best, "is_there": best >= _SHARE}
        self._is_over = best >= _SHARE or wall_s >= self._limit_s
        self._next_s = wall_s + _EVERY_S
        self._watch.resume(wall_s, cpu_s)
