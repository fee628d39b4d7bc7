"""Train PPO with stable-baselines3's defaults on a plain Gymnasium environment, until it is good enough."""

from __future__ import annotations

import sys
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from score_clock import WORLD, Policy, report
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

_ENVS: Final = 8
_ENDLESS: Final = 1_000_000_000
_WARM_UP_STEPS: Final = 64


class OrnsteinUhlenbeckEnv(gymnasium.Env[NDArray[np.float32], np.int64]):
    """The world of tests/learning/worlds.py as one would write it: the level and the position are seen; no end."""

    def __init__(self, kappa: float, cost: float, deviation: float) -> None:
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self.action_space = spaces.Discrete(3)
        self._kappa, self._cost, self._deviation = kappa, cost, deviation
        self._level = self._held = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin at a level of the stationary law, without a position."""
        super().reset(seed=seed, options=options)
        self._level, self._held = self._deviation * self.np_random.standard_normal(), 0.0
        return self._seen(), {}

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Hold -1, 0 or 1 through one move of the level."""
        position = float(action) - 1.0
        move = self.np_random.standard_normal() - self._kappa * self._level
        reward = position * move - self._cost * abs(position - self._held)
        self._level, self._held = self._level + move, position
        return self._seen(), reward, False, False, {}

    def _seen(self) -> NDArray[np.float32]:
        return np.array((self._level, self._held), np.float32)


def main(seed: str, limit_s: str) -> None:
    """Time one seed."""
    PPO("MlpPolicy", _environments(), n_steps=_WARM_UP_STEPS, device="cpu").learn(2 * _ENVS * _WARM_UP_STEPS)
    report(lambda: _begin(int(seed)), _ENDLESS, float(limit_s))


def _begin(seed: int) -> tuple[PPO, Policy]:
    model = PPO("MlpPolicy", _environments(), seed=seed, device="cpu")

    def position(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        actions, _ = model.predict(seen[:, ::2].astype(np.float32), deterministic=True)
        return actions - 1.0

    return model, position


def _environments() -> DummyVecEnv:
    def make() -> OrnsteinUhlenbeckEnv:
        return OrnsteinUhlenbeckEnv(WORLD.kappa, WORLD.cost, WORLD.deviation)

    return DummyVecEnv([make] * _ENVS)


if __name__ == "__main__":
    main(*sys.argv[1:])
