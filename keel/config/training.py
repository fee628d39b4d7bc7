"""Section `training`: how an agent learns, how long, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from keel.config.algorithms import CLIPPED, CONTINUOUS_ONLY, DISCRETE_ONLY, ON_POLICY, Algorithm, Ppo
from keel.config.environment import BinsAction, EnvironmentSection
from keel.config.robustness import AdversarySection, PopulationSection, adversary_misfit, population_misfits
from keel.config.section import Section, broken_rule

_MOST_STEPS: Final = 100_000_000_000
_FAST: Final[dict[str, Any]] = {"n_envs": 256}
_FAST_LEARNING: Final[dict[str, Any]] = {
    "n_steps": 128,
    "batch_size": 4096,
    "n_epochs": 4,
    "learning_rate": {"start": 1e-3, "end": 1e-4},
}
_PRESET_FOR: Final = ("ppo", "maskable_ppo")


class TrainingSection(Section):
    """Set how an agent learns."""

    preset: Literal["fast"] | None = Field(
        None, description="fast: many environments and large batches for whatever is not given, with ppo, maskable_ppo."
    )
    algorithm: Algorithm = Field(Ppo(), description="Way of learning, with its hyper-parameters.")
    total_timesteps: int = Field(
        1_000_000, ge=1, le=_MOST_STEPS, description="Steps of all environments together, up to a whole rollout."
    )
    n_envs: int = Field(8, ge=1, le=65_536, description="Environments that are stepped together.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: the GPU where there is one; cpu; cuda.")
    threads: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Threads of networks and environments; null = the processors, for batches below 1024 one.",
    )
    evaluate_every: int = Field(
        50_000, ge=1, le=_MOST_STEPS, description="Steps between looks at the validation span, up to a whole rollout."
    )
    best_by: Literal["sharpe", "return", "calmar"] = Field(
        "sharpe", description="Figure of the validation span that makes a model the best: sharpe, return or calmar."
    )
    checkpoint_every: int = Field(
        100_000, ge=1, le=_MOST_STEPS, description="Steps between checkpoints, up to a whole rollout."
    )
    keep_checkpoints: int = Field(3, ge=1, le=10_000, description="Newest checkpoints that are kept.")
    adversary: AdversarySection = Field(AdversarySection(), description="Who makes it harder, while it learns.")
    population: PopulationSection | None = Field(
        None, description="Many agents that learn at once on Ray (extra ray); null = one agent."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: Any) -> Any:  # noqa: ANN401 - what was written, whatever it is
        if not isinstance(given, Mapping) or given.get("preset") != "fast":
            return given
        algorithm = given.get("algorithm", {"kind": "ppo"})
        if not isinstance(algorithm, Mapping) or algorithm.get("kind", "ppo") not in _PRESET_FOR:
            return given
        return {**_FAST, **given, "algorithm": {"kind": "ppo", **_FAST_LEARNING, **algorithm}}

    @model_validator(mode="after")
    def _preset_fits(self) -> Self:
        if self.preset is not None and self.algorithm.kind not in _PRESET_FOR:
            raise broken_rule(
                "preset", f"fast is for {' and '.join(_PRESET_FOR)}, not {self.algorithm.kind}: remove it"
            )
        if isinstance(self.algorithm, ON_POLICY):
            rollout = self.algorithm.n_steps * self.n_envs
            if rollout < 2:
                raise broken_rule("algorithm.n_steps", "n_steps × n_envs must be 2 or more")
            if isinstance(self.algorithm, CLIPPED) and rollout % self.algorithm.batch_size:
                # A smaller last batch counts for more than the others; a single sample has no spread.
                whole = max(size for size in range(1, self.algorithm.batch_size + 1) if rollout % size == 0)
                message = f"{self.algorithm.batch_size} does not divide a rollout, n_steps × n_envs = {rollout}"
                raise broken_rule("algorithm.batch_size", f"{message}: {whole} does")
        return self

    @model_validator(mode="after")
    def _robustness_fits(self) -> Self:
        if wrong := adversary_misfit(self.adversary, self.algorithm.kind):
            raise broken_rule("adversary.observation", wrong)
        if self.population is not None:
            for name, wrong in population_misfits(self.population, self.algorithm):
                raise broken_rule(f"population.mutations.{name}", wrong)
        return self

    def misfit(self, environment: EnvironmentSection, symbols: int) -> str | None:
        """Return what is wrong with an action space for the way of learning, with its mend; None if it fits."""
        kind, action = self.algorithm.kind, environment.action
        decided = 1 if environment.symbols == "apart" else symbols
        bins = isinstance(action, BinsAction)
        if bins and kind in CONTINUOUS_ONLY:
            return f"{kind} chooses numbers, not bins: set environment.action.kind to weight, or take ppo or dqn"
        if not bins and kind in DISCRETE_ONLY:
            return f"{kind} chooses from a list: set environment.action.kind to bins, or take ppo or sac"
        if not bins and kind == "maskable_ppo":
            return "maskable_ppo masks bins: set environment.action.kind to bins, or take ppo"
        if bins and kind in DISCRETE_ONLY and decided > 1:
            return f"{kind} chooses for one symbol, not {decided}: set environment.symbols to apart, or take ppo"
        return None
