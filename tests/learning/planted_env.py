"""The faults of `planted`, put into a vector environment: between the kernel and who names positions in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from keel.domain.layout import VENUE
from keel.rl.core import EnvCore

from .planted import Bug
from .worlds import Floats


class PlantedVecEnv(VecEnvWrapper):
    """Wrap a `TradingVecEnv` of a world, its rewards in units, with one fault; `flat` is the action of no position."""

    def __init__(self, venv: VecEnv, bug: Bug, flat: float) -> None:
        super().__init__(venv)
        self._bug = bug
        self._core: EnvCore = venv.unwrapped.core  # type: ignore[attr-defined]
        shape = (venv.num_envs, *venv.action_space.shape)
        self._waiting = np.full(shape, flat, venv.action_space.dtype)
        self._unpaid = np.zeros(venv.num_envs, np.float32)

    def reset(self) -> np.ndarray:
        return self._shown(self.venv.reset())

    def step_async(self, actions: np.ndarray) -> None:
        if self._bug is Bug.LATE_POSITION:
            actions, self._waiting = self._waiting, actions.copy()
        self.venv.step_async(actions)

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        observations, rewards, dones, infos = self.venv.step_wait()
        if self._bug is Bug.PEEKING_REWARD:
            held = self._core._state.slots["qty"][:, 0, VENUE]
            rewards = (rewards + held * (self._move(-1) - self._move(0))).astype(np.float32)
        elif self._bug is Bug.LATE_REWARD:
            rewards, self._unpaid = self._unpaid, rewards
        return self._shown(observations), rewards, dones, infos

    def _shown(self, observations: np.ndarray) -> np.ndarray:
        if self._bug is Bug.LEAKING_OBSERVATION:
            observations[:, -2] = self._core.world.features[self._rows + 1, -1]
        return observations

    @property
    def _rows(self) -> np.ndarray:
        return self._core.envs["start_row"] + self._core.envs["steps"]

    def _move(self, rows_on: int) -> Floats:
        close = self._core.world.bars["close"][:, 0]
        at = self._rows + rows_on
        return close[at] - close[at - 1]
