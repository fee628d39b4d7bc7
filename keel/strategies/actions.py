"""What an agent's action means: target weights of each instrument (docs/execution.md, rule 6)."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from keel.config.environment import Action, BinsAction, PortfolioAction, WeightAction

Floats = NDArray[np.float64]


class Actions(Protocol):
    """Turn actions into target weights."""

    space: spaces.Space[Any]

    def weights(self, actions: NDArray[Any]) -> Floats:
        """Return target weights, float64 (B, N), of actions (B, *space.shape)."""

    def mask(self, least: float, most: float) -> NDArray[np.bool_]:
        """Return which bins have a weight from `least` to `most`, all symbols' after one another; all where none has.

        Empty for actions without bins.
        """


def actions_of(section: Action, n: int) -> Actions:
    """Return what a section's actions mean for `n` instruments."""
    if isinstance(section, BinsAction):
        return _Bins(section, n)
    if isinstance(section, PortfolioAction):
        return _Shares(section, n)
    return _Weights(section, n)


class _Weights:
    """Take numbers in -1 … 1 as weights between the least and the most; 0 is no position where both sides are open."""

    def __init__(self, section: WeightAction, n: int) -> None:
        self.space: spaces.Space[Any] = spaces.Box(-1.0, 1.0, (n,), np.float32)
        self._least, self._most = section.least, section.most

    def weights(self, actions: NDArray[Any]) -> Floats:
        given = np.clip(np.asarray(actions, np.float64), -1.0, 1.0)
        if self._least < 0.0:
            return np.where(given < 0.0, -given * self._least, given * self._most)
        return (given + 1.0) * (0.5 * self._most)

    def mask(self, least: float, most: float) -> NDArray[np.bool_]:  # noqa: ARG002 - numbers are not masked
        return np.zeros(0, np.bool_)


class _Bins:
    """Take numbers of bins as their weights."""

    def __init__(self, section: BinsAction, n: int) -> None:
        bins = len(section.weights)
        self.space: spaces.Space[Any] = spaces.Discrete(bins) if n == 1 else spaces.MultiDiscrete([bins] * n)
        self._table = np.array(section.weights, np.float64)
        self._n = n

    def weights(self, actions: NDArray[Any]) -> Floats:
        return self._table[np.asarray(actions, np.intp).reshape(-1, self._n)]

    def mask(self, least: float, most: float) -> NDArray[np.bool_]:
        within = (self._table >= least) & (self._table <= most)
        return np.tile(within if within.any() else np.ones_like(within), self._n)


class _Shares:
    """Take scores in -1 … 1, the last one cash's, as shares of equity: exp(sharpness × score) over the sum of all."""

    def __init__(self, section: PortfolioAction, n: int) -> None:
        self.space: spaces.Space[Any] = spaces.Box(-1.0, 1.0, (n + 1,), np.float32)
        self._sharpness = section.sharpness

    def weights(self, actions: NDArray[Any]) -> Floats:
        scores = np.exp(self._sharpness * np.clip(np.asarray(actions, np.float64), -1.0, 1.0))
        shares: Floats = scores[:, :-1] / np.sum(scores, axis=1, keepdims=True)
        return shares

    def mask(self, least: float, most: float) -> NDArray[np.bool_]:  # noqa: ARG002 - shares are not masked
        return np.zeros(0, np.bool_)
