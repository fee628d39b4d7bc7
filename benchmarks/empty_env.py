"""An environment that does nothing: observations are rows of a table, rewards nought. What is left is the training."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

_ROWS = 100_000


class EmptyVecEnv(VecEnv):
    """Show the next row of a table to each of B environments; no episode ends."""

    def __init__(self, envs: int, observation_space: spaces.Box, action_space: spaces.Space[Any]) -> None:
        rng = np.random.default_rng(0)
        self._table = rng.standard_normal((_ROWS, *observation_space.shape), np.float32)
        self._at = rng.integers(0, _ROWS, envs)
        self._rewards, self._dones = np.zeros(envs, np.float32), np.zeros(envs, np.bool_)
        self._infos: list[dict[str, Any]] = [{} for _ in range(envs)]
        self.render_mode = None
        super().__init__(envs, observation_space, action_space)

    def reset(self) -> NDArray[np.float32]:
        """Show the rows at which the environments are."""
        return self._table[self._at]

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take no notice of actions."""

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Show the next rows."""
        self._at = (self._at + 1) % _ROWS
        return self._table[self._at], self._rewards, self._dones, self._infos

    def close(self) -> None:
        """Have nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:  # noqa: ANN401, ARG002
        """Return an attribute, which all share."""
        return [getattr(self, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:  # noqa: ANN401
        """Set nothing."""

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:  # noqa: ANN401, ARG002
        """Call nothing."""
        return [None] * self.num_envs

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:  # noqa: ANN401, ARG002
        """Say that nothing is wrapped."""
        return [False] * self.num_envs
