"""An adversary that worsens execution within a budget, where it hurts the policy that is learning most.

It has a budget of log-multipliers to share out between fee, spread, impact and latency. An episode's multiplier of
each is drawn between half and all of its share, on top of what `environment.randomize` draws; so the sum of an
episode's logs is never above the budget. From how much episodes grew under which multipliers it learns what a unit of
each costs the policy (least squares), and moves the shares to what costs most by multiplicative weights, with a rest
for the others that keeps them in sight (Auer, Cesa-Bianchi, Freund and Schapire, The nonstochastic multiarmed bandit
problem, SIAM J. Computing 32(1), 2002). There is no chance in it: what it does follows from the episodes, whose draws
are the seed's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.config.robustness import MarketAdversary
from keel.rl.arrays import Floats, Records
from keel.rl.layout import MULTIPLIED

_KINDS: Final = len(MULTIPLIED)
_IN_SIGHT: Final = 0.2
"""Part of the budget that is shared out evenly, whatever was learnt."""
_LEAST_GROWTH: Final = 0.01
"""An episode that ended in ruin counts as one that kept so much of its equity: its logarithm must not be all."""


class Market:
    """Choose between which multipliers episodes are drawn, and learn from those that have ended.

    `task` is TASK (1,) of the environments: episodes that begin after `act` are drawn by what it wrote there.
    """

    def __init__(self, section: MarketAdversary, task: Records) -> None:
        self._section, self._task = section, task
        self._least, self._most = task["least"][0].copy(), task["most"][0].copy()
        self._weights = np.full(_KINDS, 1.0 / _KINDS)
        self._seen: list[list[float]] = []
        self.shares = self._spend()
        self._write()

    def take(self, infos: Iterable[Mapping[str, Any]]) -> None:
        """Learn from the infos of a step: those of ended episodes hold their multipliers and what came of them."""
        for info in infos:
            if "setup" in info:
                logs = [math.log(max(info["setup"]["multipliers"][name], 0.01)) for name in MULTIPLIED]
                figures = info["trading"]
                self._seen.append([*logs, math.log(max(1.0 + figures["return"], _LEAST_GROWTH)) / figures["bars"]])

    def act(self) -> None:
        """Spend the budget anew once enough episodes have ended; to be called between rollouts."""
        if len(self._seen) < self._section.episodes:
            return
        seen = np.array(self._seen)
        self._seen = []
        gains = np.exp(self._section.rate * _harm(seen[:, :_KINDS], seen[:, _KINDS]))
        self._weights = self._weights * gains / np.sum(self._weights * gains)
        self._weights = np.maximum(self._weights, 1e-6) / np.sum(np.maximum(self._weights, 1e-6))
        self.shares = self._spend()
        self._write()

    def figures(self) -> dict[str, float]:
        """Return the highest multiplier of each kind, by name, on top of what `environment.randomize` draws."""
        return {name: math.exp(share) for name, share in zip(MULTIPLIED, self.shares.tolist(), strict=True)}

    def state(self) -> dict[str, Any]:
        """Return what it has learnt, as JSON can hold it."""
        return {"weights": self._weights.tolist(), "seen": self._seen}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken. Raises ValueError where it is of another version."""
        weights, seen = np.array(state["weights"], np.float64), [list(map(float, one)) for one in state["seen"]]
        if weights.shape != (_KINDS,) or any(len(one) != _KINDS + 1 for one in seen):
            raise ValueError("the market adversary's state has another shape")
        self._weights, self._seen = weights, seen
        self.shares = self._spend()
        self._write()

    def _spend(self) -> Floats:
        """Return the budget in shares, none above the log of `most`: what is over goes to the others."""
        most = math.log(self._section.most)
        budget = min(self._section.budget, _KINDS * most)
        weights = (1.0 - _IN_SIGHT) * self._weights + _IN_SIGHT / _KINDS
        shares, free = np.zeros(_KINDS), np.ones(_KINDS, np.bool_)
        for _ in range(_KINDS):
            shares[free] = (budget - most * np.count_nonzero(~free)) * weights[free] / np.sum(weights[free])
            over = free & (shares > most)
            if not over.any():
                break
            shares[over], free = most, free & ~over
        return np.minimum(shares, most)

    def _write(self) -> None:
        self._task["least"][0] = self._least * np.exp(0.5 * self.shares)
        self._task["most"][0] = self._most * np.exp(self.shares)


def _harm(logs: NDArray[np.float64], growth: NDArray[np.float64]) -> Floats:
    """Return what a unit of each log-multiplier costs, in -1 … 1: beside the dearest one and the error of its estimate.

    `logs` is (episodes, kinds), `growth` (episodes,) by bar. Where nothing can be told apart from chance it is near 0.
    """
    spread, outcome = logs - logs.mean(axis=0), growth - growth.mean()
    slopes, _, rank, _ = np.linalg.lstsq(spread, outcome, rcond=None)
    free = max(len(growth) - int(rank) - 1, 1)
    noise = float(np.sum(np.square(outcome - spread @ slopes))) / free
    per_kind = np.sum(np.square(spread), axis=0)
    error = math.sqrt(noise / float(np.mean(per_kind))) if per_kind.any() else 0.0
    scale = float(np.max(np.abs(slopes))) + error
    return -slopes / scale if scale > 0.0 else np.zeros(_KINDS)
