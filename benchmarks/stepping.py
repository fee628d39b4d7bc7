"""Step environments by given actions, whoever made them: one, or many at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def one(env: Any, actions: list[Any], steps: int) -> Callable[[], float]:  # noqa: ANN401 - anybody's environment
    """Return what steps one Gymnasium environment, beginning anew where an episode ends, and sums its rewards."""

    def once() -> float:
        env.reset(seed=0)
        total = 0.0
        for k in range(steps):
            _, reward, terminated, truncated, _ = env.step(actions[k % len(actions)])
            total += reward
            if terminated or truncated:
                env.reset()
        return float(total)

    return once


def many(env: Any, actions: Any, steps: int) -> Callable[[], float]:  # noqa: ANN401
    """Return what steps a vector environment by rows of actions and sums its rewards."""

    def once() -> float:
        env.reset()
        return float(sum(env.step(actions[k % len(actions)])[1].sum() for k in range(steps)))

    return once
