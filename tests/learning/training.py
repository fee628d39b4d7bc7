"""Stable-baselines3's PPO in the worlds: how it is set for each, and one run of it on one thread.

Seen in a throw-away environment first: many environments for short stretches, one full batch, a rate that falls almost
to nothing, and tanh. ReLU nets froze at "never trade" where trading is dear (docs/learning.md).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import torch
from stable_baselines3 import PPO

from .clean import Policy
from .stage import Stage, training_env
from .worlds import Floats

N_ENVS: Final = 1024
ROWS: Final = 1_000_000
"""Bars of fresh market behind one training run; environments begin anywhere on it."""
_LAST_RATE: Final = 0.02
"""Learning rate at the end, as a part of the first."""


@dataclass(frozen=True)
class Recipe:
    """Set a run of PPO: `rollouts` of `n_steps` in each environment, each learned from in 4 passes of one batch."""

    rollouts: int = 150
    n_steps: int = 16
    learning_rate: float = 3e-3
    gamma: float = 0.97
    log_std_init: float = 0.0
    reward_scale: float = 1.0
    activation: type[torch.nn.Module] = torch.nn.Tanh

    @property
    def steps(self) -> int:
        """Return the steps of each environment."""
        return self.rollouts * self.n_steps


RECIPES: Final = {
    "ou_fast_cheap": Recipe(),
    "ou_fast_dear": Recipe(rollouts=200, reward_scale=0.2),
    "ou_slow_dear": Recipe(rollouts=400, gamma=0.99, reward_scale=0.2),
    "ou_continuous": Recipe(rollouts=300, log_std_init=0.5),
    "signals": Recipe(n_steps=32, learning_rate=2e-3, log_std_init=-0.5),
    "signals_hard": Recipe(rollouts=200, n_steps=32, learning_rate=2e-3, log_std_init=-0.5),
    "noise": Recipe(),
    "noise_cheap": Recipe(rollouts=250, gamma=0.8, reward_scale=5.0),
}


@dataclass(frozen=True)
class Trained:
    """Hold a model, the stage it knows, and what it cost to train, its environments and their bars included."""

    stage: Stage
    model: PPO
    wall_s: float
    cpu_s: float

    def policy(self, *, deterministic: bool) -> Policy:
        """Return the policy in the clean simulator's units."""

        def position(seen: Floats) -> Floats:
            actions, _ = self.model.predict(self.stage.shown(seen), deterministic=deterministic)
            return self.stage.asked(actions, seen[:, -1])

        return position


def make_model(stage: Stage, recipe: Recipe, seed: int, rows: int = ROWS) -> PPO:
    """Return an untrained PPO of a recipe, on a market of so many bars that `seed` draws."""
    env = training_env(stage, seed, n_envs=N_ENVS, rows=rows, episode_bars=recipe.steps + 1, scale=recipe.reward_scale)
    return PPO(
        "MlpPolicy",
        env,
        n_steps=recipe.n_steps,
        batch_size=N_ENVS * recipe.n_steps,
        n_epochs=4,
        learning_rate=lambda left: recipe.learning_rate * (_LAST_RATE + (1.0 - _LAST_RATE) * left),
        gamma=recipe.gamma,
        gae_lambda=0.95,
        clip_range=0.2,
        ent_coef=0.0,
        policy_kwargs={
            "net_arch": {"pi": [32, 32], "vf": [32, 32]},
            "activation_fn": recipe.activation,
            "log_std_init": recipe.log_std_init,
        },
        seed=seed,
        device="cpu",
    )


def train(stage: Stage, recipe: Recipe, seed: int) -> Trained:
    """Train PPO on one thread, on a market that `seed` draws."""
    torch.set_num_threads(1)
    wall, cpu = time.perf_counter(), time.process_time()
    model = make_model(stage, recipe, seed)
    model.learn(N_ENVS * recipe.steps)
    model.get_env().close()
    return Trained(stage, model, time.perf_counter() - wall, time.process_time() - cpu)
