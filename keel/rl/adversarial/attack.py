"""The worst observation near a true one: projected gradient ascent within a box (Madry et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from torch.distributions import Categorical, Distribution, Normal, kl_divergence

_OVERSHOOT: Final = 2.5
"""Of Madry et al.: so many times epsilon can be walked in all, so that the edge is reached from anywhere within."""

Laws = tuple[Distribution, ...]
"""What actions are drawn from: one law of numbers, or a categorical one for each symbol."""
Harm = Callable[[torch.Tensor], torch.Tensor]
"""What an attack makes large: a number for each of the observations (B, D), shape (B,)."""


@dataclass(frozen=True)
class Attack:
    """Say how far and in how many steps observations are moved.

    The numbers before `places` are moved by `epsilon` at most, none beyond `bound`. `step_size` None is 2.5 × epsilon /
    steps.
    """

    epsilon: float
    steps: int
    places: int
    bound: float
    step_size: float | None = None

    def worst(self, harm: Harm, observations: torch.Tensor) -> torch.Tensor:
        """Return observations (B, D) near the given ones at which `harm` is large.

        The search begins at a random point of the box, for at the true observation a divergence from it has no
        gradient; the draw is of torch's own generator.
        """
        reach = torch.zeros_like(observations)
        reach[:, : self.places] = self.epsilon
        low, high = (observations - reach).clamp(min=-self.bound), (observations + reach).clamp(max=self.bound)
        stride = self.step_size or _OVERSHOOT * self.epsilon / self.steps
        moved = observations + reach * (2.0 * torch.rand_like(observations) - 1.0)
        for _ in range(self.steps):
            moved = moved.clamp(low, high).requires_grad_()
            (slope,) = torch.autograd.grad(harm(moved).sum(), moved)
            moved = moved.detach() + stride * slope.sign() * (reach > 0)
        return moved.clamp(low, high)


def laws_of(policy: ActorCriticPolicy, observations: torch.Tensor) -> Laws:
    """Return what a policy draws actions from: one law of numbers, or one of bins for each symbol.

    stable-baselines3 keeps one distribution a policy and writes it anew: what is in it is taken out at once.
    """
    inner = policy.get_distribution(observations).distribution
    return tuple(inner) if isinstance(inner, list) else (inner,)


def divergence(before: Laws, after: Laws) -> torch.Tensor:
    """Return KL(before ‖ after) of two policies of one kind for each observation, summed over symbols, shape (B,).

    Deviations of Gaussians are the same everywhere and no part of what is compared: ½ ((μ − μ̂) / σ)², with σ held, so
    that no policy looks steady by being noisy.
    """
    first, other = before[0], after[0]
    if isinstance(first, Normal) and isinstance(other, Normal):
        return 0.5 * ((first.mean - other.mean) / first.stddev.detach()).square().sum(dim=-1)
    pairs = zip(before, after, strict=True)
    return torch.stack([kl_divergence(one, its) for one, its in pairs]).sum(dim=0)


def departure(policy: ActorCriticPolicy, observations: torch.Tensor) -> Harm:
    """Return the harm of an attack that knows the policy: how far it departs from what it would do unmoved."""
    with torch.no_grad():
        unmoved = laws_of(policy, observations)
    return lambda moved: divergence(unmoved, laws_of(policy, moved))


def leaning(policy: ActorCriticPolicy, worth: torch.Tensor) -> Harm:
    """Return the harm of an attack that pushes what the policy does.

    Of bins, `worth` has a value for each one, (B, bins), all symbols' after one another, and log-probabilities are
    pushed along it: unlike probabilities they have a slope where a policy is sure. Of numbers it is (B, numbers), and
    their means are pushed along it.
    """

    def harm(moved: torch.Tensor) -> torch.Tensor:
        laws = laws_of(policy, moved)
        likely = [law.logits if isinstance(law, Categorical) else law.mean for law in laws]
        return (torch.cat(likely, dim=-1) * worth).sum(dim=-1)

    return harm
