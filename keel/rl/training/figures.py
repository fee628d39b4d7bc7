"""What trading came to while an agent learnt: figures of the steps and the episodes since they were last asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.rl.core import EnvCore

_OF_EPISODES: Final = ("return", "max_drawdown", "turnover", "cost_share")


def bars_per_day(bars: NDArray[np.void]) -> float:
    """Return how many bars a day has, of BAR (rows, N) patch after patch: a day two patches have counts for both."""
    return len(bars) / (1 + np.count_nonzero(np.diff(bars["day"][:, 0])))


class RolloutFigures:
    """Follow all environments; `bars_per_year` makes a year's Sharpe ratio of single bars' returns."""

    def __init__(self, core: EnvCore, bars_per_year: float) -> None:
        self._core, self._bars_per_year = core, bars_per_year
        self._before = np.zeros(0)
        self._clear()

    def begin(self) -> None:
        """Note where all environments stand."""
        self._before = self._core.envs["equity"].copy()

    def step(self, dones: NDArray[np.bool_], infos: Sequence[dict[str, Any]]) -> None:
        """Take one step of all environments into account."""
        core = self._core
        now = core.envs["equity"].copy()
        after = np.where(dones, core.ended["equity"], now) if dones.any() else now
        grown = np.log(np.maximum(after, 1e-12) / self._before)
        self._sum += float(grown.sum())
        self._squares += float(np.square(grown).sum())
        self._steps += len(grown)
        self._opened += core.opened()
        self._before = now
        for e in np.flatnonzero(dones).tolist():
            self._episodes.append(infos[e]["trading"])
            self._rewards.append(infos[e]["episode"]["r"])

    def take(self) -> dict[str, float]:
        """Return the figures and begin anew: those of episodes are means of the ones that ended, absent if none did."""
        told = {"sharpe": self._sharpe(), "trades_per_1000_bars": 1000.0 * self._opened / max(self._steps, 1)}
        if self._episodes:
            told |= {name: float(np.mean([one[name] for one in self._episodes])) for name in _OF_EPISODES}
            told["reward"] = float(np.mean(self._rewards))
        self._clear()
        return told

    def _sharpe(self) -> float:
        if self._steps < 2:
            return math.nan
        mean = self._sum / self._steps
        variance = self._squares / self._steps - mean * mean
        return mean / math.sqrt(variance) * math.sqrt(self._bars_per_year) if variance > 1e-24 else math.nan

    def _clear(self) -> None:
        self._sum = self._squares = 0.0
        self._steps = self._opened = 0
        self._episodes: list[dict[str, Any]] = []
        self._rewards: list[float] = []
