"""Many environments as stable-baselines3 steps them: one compiled call a step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

from keel.rl.arrays import World
from keel.rl.core import EnvCore
from keel.rl.episodes import episode_figures, episode_setup
from keel.strategies.actions import Actions

Infos = list[dict[str, Any]]


class TradingVecEnv(VecEnv):
    """Step B environments of one world.

    Environment e is stream `run.stream + e` of the config's seed; its k-th episode is the same in every process. What
    `step` returns is not written to again. Infos are empty until an episode ends; then one has `terminal_observation`,
    `TimeLimit.truncated`, `episode` (r, l, t as a Monitor has them), `trading` (keel.rl.episodes.episode_figures) and
    `setup` (episode_setup).
    """

    def __init__(
        self,
        world: World,
        actions: Actions,
        n_envs: int,
        threads: int = 1,
        weight_range: tuple[float, float] = (-math.inf, math.inf),
    ) -> None:
        """Make the environments; bins whose weight lies outside `weight_range` (least, most) are masked."""
        self.core = EnvCore(world, n_envs, threads)
        self._actions = actions
        self._mask = actions.mask(*weight_range)
        self._given: NDArray[Any] = np.zeros(0)
        self._no_infos: Infos = [{} for _ in range(n_envs)]
        self.render_mode = None
        super().__init__(n_envs, self.core.observation_space, actions.space)

    def reset(self) -> NDArray[np.float32]:
        """Begin the next episode of every environment; after `seed`, the first of that seed's."""
        if self._seeds[0] is not None:
            self.core.reseed(self._seeds[0] % 2**32)
        self.core.begin()
        self._reset_seeds()
        self._reset_options()
        return self.core.observations.copy()

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions of the next step, (B, *action_space.shape)."""
        self._given = actions

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], Infos]:
        """Step and return observations (B, D), rewards (B,), dones (B,) and infos."""
        core = self.core
        core.step(self._actions.weights(self._given))
        envs = core.envs
        dones = (envs["terminated"] | envs["truncated"]) != 0
        infos = list(self._no_infos)
        for e in np.flatnonzero(dones):
            infos[e] = self._ending(int(e))
        return core.observations.copy(), envs["reward"].astype(np.float32), dones, infos

    def _ending(self, e: int) -> dict[str, Any]:
        ended = self.core.ended[e]
        figures = episode_figures(ended)
        return {
            "terminal_observation": self.core.terminal[e].copy(),
            "TimeLimit.truncated": bool(ended["truncated"]),
            "episode": {"r": float(ended["rewards"]), "l": figures["bars"], "t": 0.0},
            "trading": figures,
            "setup": episode_setup(ended),
        }

    def close(self) -> None:
        """End the threads."""
        self.core.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute: the environments are one object and share it."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:  # noqa: ANN401, ARG002
        """Refuse: what one environment is set to, all would be. Raises AttributeError."""
        raise AttributeError(f"{attr_name} cannot be set: the environments are one object")

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which bins may be chosen, all symbols' after one another: always the same, for all environments."""
        return self._mask

    def env_method(
        self,
        method_name: str,
        *args: Any,  # noqa: ANN401, ARG002 - stable-baselines3's signature
        indices: VecEnvIndices = None,
        **kwargs: Any,  # noqa: ANN401, ARG002
    ) -> list[Any]:
        """Return the action masks; anything else is refused, for there are no single environments to call.

        Raises AttributeError.
        """
        if method_name == "action_masks":
            return [self._mask for _ in self._get_indices(indices)]
        raise AttributeError(f"{method_name} cannot be called: the environments are one object")

    def env_is_wrapped(self, wrapper_class: type[Any], indices: VecEnvIndices = None) -> list[bool]:  # noqa: ARG002
        """Say that nothing is wrapped; episodes are counted without a Monitor."""
        return [False for _ in self._get_indices(indices)]
