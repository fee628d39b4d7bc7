"""PPO that learns to do the same when what it sees is moved a little: state-adversarial PPO.

Zhang, Chen, Xiao, Li, Liu, Boning and Hsieh, Robust Deep Reinforcement Learning against Adversarial Perturbations on
State Observations, NeurIPS 2020: to PPO's loss comes κ × the mean over states s of max KL(π(·|s) ‖ π(·|ŝ)), ŝ within ε
of s in each number. The worst ŝ is looked for by projected gradient ascent from a random start.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.type_aliases import RolloutBufferSamples
from stable_baselines3.common.utils import explained_variance
from torch.nn import functional

from keel.config.robustness import ObservationAdversary
from keel.rl.adversarial.attack import Attack, departure, divergence, laws_of
from keel.rl.arrays import World

_FIGURES: Final = ("policy_gradient_loss", "value_loss", "entropy_loss", "clip_fraction", "approx_kl", "loss")
_MOST_KL: Final = 1.5
"""stable-baselines3 stops an update at 1.5 × target_kl."""


def class_against(adversary: ObservationAdversary | None, world: World) -> Callable[..., StateAdversarialPPO] | None:
    """Return what makes an algorithm that learns against an adversary of what is seen in `world`; None without one."""
    if adversary is None:
        return None
    task = world.task[0]
    places = int(task["size"]) if adversary.account else int(task["window"]) * world.features.shape[1]
    return partial(StateAdversarialPPO, adversary=adversary, places=places)


class StateAdversarialPPO(PPO):
    """Learn as PPO does, against an adversary of what is seen; with κ = 0 the weights are PPO's, bit for bit.

    `places` is how many numbers of an observation, the first ones, are the adversary's to move.
    """

    def __init__(self, *args: Any, adversary: ObservationAdversary, places: int, **kwargs: Any) -> None:  # noqa: ANN401
        self.adversary, self.places = adversary, places
        super().__init__(*args, **kwargs)

    @property
    def epsilon(self) -> float:
        """Return how far a number is moved now: it grows over the first part of the run."""
        grow, done = self.adversary.grow, 1.0 - self._current_progress_remaining
        return self.adversary.epsilon * (1.0 if grow == 0.0 else min(1.0, done / grow))

    def train(self) -> None:
        """Update the policy by the rollout buffer, as `PPO.train` does but for the regulariser."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        told: dict[str, list[Any]] = {name: [] for name in (*_FIGURES, "adversarial_kl")}
        going_on = True
        for _ in range(self.n_epochs):
            told["approx_kl"] = []  # as PPO tells it: of the last epoch
            for batch in self.rollout_buffer.get(self.batch_size):
                loss, moved_by = self._loss(batch, told)
                told["approx_kl"].append(moved_by)
                going_on = self.target_kl is None or moved_by <= _MOST_KL * self.target_kl
                if not going_on:
                    break
                self.policy.optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
                self.policy.optimizer.step()
            self._n_updates += 1
            if not going_on:
                break
        self._record(told)

    def _loss(self, batch: RolloutBufferSamples, told: dict[str, list[Any]]) -> tuple[torch.Tensor, Any]:
        """Return the loss of a batch, and by what KL divergence the policy has moved from that of the rollout."""
        clip_range = self.clip_range(self._current_progress_remaining)  # type: ignore[operator]
        actions = batch.actions
        if isinstance(self.action_space, spaces.Discrete):
            actions = actions.long().flatten()
        values, log_prob, entropy = self.policy.evaluate_actions(batch.observations, actions)
        gain = batch.advantages
        if self.normalize_advantage and len(gain) > 1:
            gain = (gain - gain.mean()) / (gain.std() + 1e-8)
        ratio = torch.exp(log_prob - batch.old_log_prob)
        clipped = gain * torch.clamp(ratio, 1 - clip_range, 1 + clip_range)
        policy_loss = -torch.min(gain * ratio, clipped).mean()
        value_loss = functional.mse_loss(batch.returns, values.flatten())
        entropy_loss = -torch.mean(-log_prob if entropy is None else entropy)
        loss = policy_loss + self.ent_coef * entropy_loss + self.vf_coef * value_loss
        if self.adversary.kappa > 0.0 and self.epsilon > 0.0:
            unsteady = self._unsteadiness(batch.observations)
            told["adversarial_kl"].append(unsteady.item())
            loss = loss + self.adversary.kappa * unsteady
        clip_fraction = torch.mean((torch.abs(ratio - 1) > clip_range).float())
        parts = (policy_loss, value_loss, entropy_loss, clip_fraction)
        for name, value in zip(
            ("policy_gradient_loss", "value_loss", "entropy_loss", "clip_fraction"), parts, strict=True
        ):
            told[name].append(value.item())
        told["loss"] = [loss.item()]
        with torch.no_grad():
            log_ratio = log_prob - batch.old_log_prob
            return loss, torch.mean((torch.exp(log_ratio) - 1) - log_ratio).cpu().numpy()

    def _unsteadiness(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the mean of KL(π(·|s) ‖ π(·|ŝ)) at the worst ŝ that was found."""
        asked, space = self.adversary, self.observation_space
        bound = float(space.high[0]) if isinstance(space, spaces.Box) else float("inf")
        attack = Attack(self.epsilon, asked.steps, self.places, bound, asked.step_size)
        moved = attack.worst(departure(self.policy, observations), observations)
        return divergence(laws_of(self.policy, observations), laws_of(self.policy, moved)).mean()

    def _record(self, told: dict[str, list[Any]]) -> None:
        for name in _FIGURES:
            self.logger.record(f"train/{name}", np.mean(told[name]))
        buffer = self.rollout_buffer
        self.logger.record(
            "train/explained_variance", explained_variance(buffer.values.flatten(), buffer.returns.flatten())
        )
        if hasattr(self.policy, "log_std"):
            self.logger.record("train/std", torch.exp(self.policy.log_std).mean().item())
        if told["adversarial_kl"]:
            self.logger.record("train/adversarial_kl", np.mean(told["adversarial_kl"]))
            self.logger.record("train/adversarial_epsilon", self.epsilon)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/clip_range", self.clip_range(self._current_progress_remaining))  # type: ignore[operator]
