"""Sections `training.adversary` and `training.population`: what hardens an agent, and many that learn at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal, Self

from pydantic import Field, Strict, model_validator

from keel.config.algorithms import Algorithm, Schedule
from keel.config.section import Section, broken_rule

_MOST_STEPS: Final = 100_000_000_000


class ObservationAdversary(Section):
    """Let an adversary move what PPO sees while it learns (Zhang et al. 2020)."""

    epsilon: float = Field(
        0.1, gt=0, le=10, description="Farthest a number is moved, in standard deviations of the training span."
    )
    kappa: float = Field(
        0.01, ge=0, le=1e6, description="Weight of how much that changes the policy, a KL divergence, in the loss."
    )
    steps: int = Field(3, ge=1, le=100, description="Gradient steps in which the worst move is looked for.")
    step_size: float | None = Field(
        None, gt=0, le=10, description="Length of one, as epsilon is measured; null = 2.5 × epsilon / steps."
    )
    account: bool = Field(
        default=False,
        description="Whether the account's own numbers are moved too; true or false: bars' features only.",
    )
    grow: float = Field(
        0.5, ge=0, le=1, description="Part of the run over which epsilon grows from 0; 0 = it is whole at once."
    )


class MarketAdversary(Section):
    """Let an adversary worsen fee, spread, impact and latency where it hurts the policy most."""

    budget: float = Field(
        1.5, gt=0, le=20, description="Most that the natural logs of an episode's four multipliers come to together."
    )
    most: float = Field(4.0, gt=1, le=100, description="Highest multiplier of one of them.")
    episodes: int = Field(
        64, ge=8, le=1_000_000, description="Ended episodes that it learns from before it spends its budget anew."
    )
    rate: float = Field(0.5, gt=0, le=10, description="How fast it moves its budget to what hurts.")


class AdversarySection(Section):
    """Name the adversaries an agent learns against."""

    observation: ObservationAdversary | None = Field(
        None, description="Moves what the agent sees, with kind ppo; null = nobody does."
    )
    market: MarketAdversary | None = Field(None, description="Worsens costs and latency; null = nobody does.")


Mutated = Literal["learning_rate", "clip_range", "ent_coef", "vf_coef", "max_grad_norm", "gamma", "gae_lambda", "tau"]
Bounds = Annotated[tuple[float, float], Strict(strict=False)]
"""The least and the most of a hyper-parameter."""
BELOW_ONE: Final = frozenset({"gamma", "gae_lambda"})
"""Hyper-parameters whose distance from 1 is what matters: it is drawn and mutated instead of them."""


class PopulationSection(Section):
    """Let many agents learn at once, the worse copying the better (Jaderberg et al. 2017)."""

    size: int = Field(4, ge=2, le=1000, description="Agents that learn.")
    perturb_every: int = Field(
        50_000,
        ge=1,
        le=_MOST_STEPS,
        description="Steps of each between looks at the validation span, when the worse copy.",
    )
    quantile: float = Field(0.25, gt=0, le=0.5, description="Part of them, the worst, that copies the best such part.")
    resample: float = Field(
        0.25, ge=0, le=1, description="Chance that a copy draws a hyper-parameter anew; else it is × 0.8 or × 1.2."
    )
    mutations: dict[Mutated, Bounds] = Field(
        {"learning_rate": (1e-5, 1e-3), "ent_coef": (1e-5, 0.03)},
        min_length=1,
        description="Hyper-parameters that a copy changes, each [least, most]: learning_rate, clip_range, ent_coef, "
        "vf_coef, max_grad_norm, gamma, gae_lambda, tau.",
    )
    cpus: int = Field(1, ge=1, le=1024, description="Processors of each agent, and its threads.")
    gpus: float = Field(0.0, ge=0, le=64, description="GPUs of each agent; a half means that two share one.")

    @model_validator(mode="after")
    def _bounds_rise(self) -> Self:
        for name, (least, most) in self.mutations.items():
            if not 0 < least < most:
                raise broken_rule(f"mutations.{name}", f"must be [least, most], both above 0, got [{least}, {most}]")
            if name in BELOW_ONE and most >= 1:
                raise broken_rule(f"mutations.{name}", f"must stay below 1, got {most}")
        return self


def adversary_misfit(adversary: AdversarySection, kind: str) -> str | None:
    """Return what is wrong with an adversary for a way of learning, with its mend; None if it fits."""
    if adversary.observation is not None and kind != "ppo":
        return f"is for training.algorithm.kind ppo, not {kind}: remove it, or take ppo"
    return None


def population_misfits(population: PopulationSection, algorithm: Algorithm) -> Iterable[tuple[str, str]]:
    """Yield each mutation that a way of learning cannot have: its name, and what is wrong with its mend."""
    for name in population.mutations:
        if not hasattr(algorithm, name):
            yield name, f"{algorithm.kind} has no {name}: remove it"
        elif isinstance(getattr(algorithm, name), Schedule):
            yield name, f"training.algorithm.{name} is a schedule already: give a number there, or remove this"
