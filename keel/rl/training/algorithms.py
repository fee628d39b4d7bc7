"""From the `training` section to a stable-baselines3 algorithm."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from sb3_contrib import QRDQN, TQC, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecEnv

from keel.config.algorithms import Algorithm, QrDqn, Schedule, Scheduled, Td3, Tqc
from keel.strategies.policy import POLICIES, network_arguments

_CLASSES: Final[dict[str, Callable[..., BaseAlgorithm]]] = {
    "ppo": PPO,
    "maskable_ppo": MaskablePPO,
    "recurrent_ppo": RecurrentPPO,
    "a2c": A2C,
    "sac": SAC,
    "tqc": TQC,
    "td3": TD3,
    "dqn": DQN,
    "qr_dqn": QRDQN,
}
_SAME: Final = frozenset(
    {
        *("gamma", "n_steps", "gae_lambda", "ent_coef", "vf_coef", "max_grad_norm", "batch_size", "n_epochs"),
        *("target_kl", "buffer_size", "learning_starts", "train_freq", "gradient_steps", "tau"),
        *("target_update_interval", "exploration_fraction", "policy_delay"),
    }
)
"""Keys that stable-baselines3 calls as we do."""

Classes = dict[str, Callable[..., BaseAlgorithm]]


def make_algorithm(
    section: Algorithm, env: VecEnv, seed: int, device: str, make: Callable[..., BaseAlgorithm] | None = None
) -> BaseAlgorithm:
    """Return an untrained algorithm over `env`; `make` is a class to take instead of stable-baselines3's own."""
    arguments: dict[str, Any] = {name: value for name, value in section if name in _SAME}
    arguments["learning_rate"] = schedule_of(section.learning_rate)
    if hasattr(section, "clip_range"):
        arguments["clip_range"] = schedule_of(section.clip_range)
    if hasattr(section, "exploration_end"):
        arguments["exploration_final_eps"] = section.exploration_end
    networks = network_arguments(section)
    if isinstance(section, Tqc):
        arguments["top_quantiles_to_drop_per_net"] = section.drop_quantiles
    if isinstance(section, QrDqn):
        arguments["max_grad_norm"] = 10.0
    if isinstance(section, Td3) and section.exploration_noise > 0.0 and env.action_space.shape is not None:
        size = env.action_space.shape[0]
        arguments["action_noise"] = NormalActionNoise(np.zeros(size), np.full(size, section.exploration_noise))
    with warnings.catch_warnings():
        # It warns that small networks are no faster on a GPU: the config chose the device.
        warnings.filterwarnings("ignore", message="You are trying to run", category=UserWarning)
        return (make or _CLASSES[section.kind])(
            POLICIES[section.kind], env, policy_kwargs=networks, seed=seed, device=device, **arguments
        )


def schedule_of(value: Scheduled) -> float | Callable[[float], float]:
    """Return a number, or a function of the part of the run that is left, 1 … 0."""
    if not isinstance(value, Schedule):
        return value
    start, end = value.start, value.end
    if value.kind == "linear":
        return lambda left: end + (start - end) * left
    return lambda left: end + (start - end) * 0.5 * (1.0 - math.cos(math.pi * left))
