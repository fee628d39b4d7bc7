"""The same environments as Gymnasium has them: one, and many."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from keel.rl.arrays import World
from keel.rl.core import EnvCore
from keel.rl.episodes import episode_figures, episode_setup
from keel.strategies.actions import Actions

Floats32 = NDArray[np.float32]
_MOST_SEED = 2**32


class TradingEnv(gymnasium.Env[Floats32, NDArray[Any] | np.integer[Any] | int]):
    """Step one environment; an episode that has ended stays ended until `reset`.

    At an episode's end the info has `trading` (keel.rl.episodes.episode_figures) and `setup` (episode_setup).
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own name and type

    def __init__(self, world: World, actions: Actions) -> None:
        self._core, self._actions = EnvCore(world, 1), actions
        self._core.world.task["begins_anew"] = False
        envs = self._core.envs
        self._reward, self._terminated, self._truncated = envs["reward"], envs["terminated"], envs["truncated"]
        self.action_space = actions.space
        self.observation_space: spaces.Space[Any] = self._core.observation_space
        self._over = True

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats32, dict[str, Any]]:
        """Begin the next episode; with a seed, the first of that seed's."""
        super().reset(seed=seed, options=options)
        if seed is not None:
            self._core.reseed(seed % _MOST_SEED)
        self._core.begin()
        self._over = False
        return self._core.observations[0].copy(), {}

    def step(self, action: NDArray[Any] | np.integer[Any] | int) -> tuple[Floats32, float, bool, bool, dict[str, Any]]:
        """Step by an action of the action space. Raises ResetNeeded where the episode has ended."""
        if self._over:
            raise gymnasium.error.ResetNeeded("the episode has ended: call reset before the next step")
        core = self._core
        core.step(self._actions.weights(np.asarray(action)[None]))
        terminated, truncated = self._terminated.item() != 0, self._truncated.item() != 0
        info: dict[str, Any] = {}
        if terminated or truncated:
            self._over = True
            env = core.envs[0]
            info = {"trading": episode_figures(env), "setup": episode_setup(env)}
        return core.observations[0].copy(), self._reward.item(), terminated, truncated, info


class TradingVectorEnv(VectorEnv[Floats32, NDArray[Any], NDArray[Any]]):
    """Step B environments; one whose episode ends begins the next in the same step.

    Where an episode ended, infos has `final_obs` and, as `final_info`, `trading` and `setup`.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012 - Gymnasium's own

    def __init__(self, world: World, actions: Actions, n_envs: int, threads: int = 1) -> None:
        self._core, self._actions = EnvCore(world, n_envs, threads), actions
        self.num_envs = n_envs
        self.single_action_space, self.single_observation_space = actions.space, self._core.observation_space
        self.action_space = batch_space(self.single_action_space, n_envs)
        self.observation_space = batch_space(self.single_observation_space, n_envs)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats32, dict[str, Any]]:
        """Begin the next episode of all; with a seed, the first of that seed's: each environment is its own stream."""
        first = seed[0] if isinstance(seed, list) else seed
        super().reset(seed=first, options=options)
        if first is not None:
            self._core.reseed(first % _MOST_SEED)
        self._core.begin()
        return self._core.observations.copy(), {}

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Floats32, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Step all by actions of the action space."""
        core = self._core
        core.step(self._actions.weights(np.asarray(actions)))
        envs = core.envs
        terminated, truncated = envs["terminated"] != 0, envs["truncated"] != 0
        infos: dict[str, Any] = {}
        ended = np.flatnonzero(terminated | truncated)
        if len(ended):
            infos = self._endings(ended)
        return core.observations.copy(), envs["reward"].copy(), terminated, truncated, infos

    def _endings(self, ended: NDArray[np.intp]) -> dict[str, Any]:
        mask = np.zeros(self.num_envs, np.bool_)
        mask[ended] = True
        final = np.full(self.num_envs, None, object)
        told = np.full(self.num_envs, None, object)
        for e in ended:
            final[e] = self._core.terminal[e].copy()
            record = self._core.ended[e]
            told[e] = {"trading": episode_figures(record), "setup": episode_setup(record)}
        return {"final_obs": final, "_final_obs": mask, "final_info": told, "_final_info": mask.copy()}

    def close_extras(self, **kwargs: Any) -> None:  # noqa: ANN401, ARG002 - Gymnasium's signature
        """End the threads."""
        self._core.close()
