"""Section `evaluation`: which model is put to the test, and under which profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, Strict, ValidationError, field_validator, model_validator

from keel.config.keys import nearest
from keel.config.risk import RiskSection
from keel.config.section import FileName, FilePath, Section, broken_rule, clip
from keel.config.spans import Span
from keel.config.stress import StressSection

Limit = float | int | None


class ProfileSection(Section):
    """Say in what an evaluation differs from the config that it belongs to."""

    weight_scale: float = Field(1.0, gt=0, le=10, description="Factor on every weight of the model; above 0, to 10.")
    most_weight: float | None = Field(
        None, gt=0, le=10, description="Largest weight of a symbol, either way; above 0, to 10; null = no such limit."
    )
    risk: dict[str, Limit] = Field({}, description="Keys of section risk that differ, with their values; {} = none.")
    stress: StressSection = Field(
        StressSection(), description="Multipliers on costs and latency, beside section stress."
    )
    spans: Annotated[tuple[Span, ...], Strict(strict=False)] = Field(
        (),
        max_length=100,
        description="Spans that are evaluated one by one in place of the whole: a list of {start, end}, or [] = none.",
    )
    crashes: int = Field(
        0, ge=0, le=100, description="How many windows with the deepest falls are evaluated, one by one; 0 to 100."
    )
    crash_bars: int = Field(240, ge=2, le=1_000_000, description="Length of such a window, bars; 2 to 1000000.")

    @field_validator("risk")
    @classmethod
    def _limits_exist(cls, given: dict[str, Limit]) -> dict[str, Limit]:
        for key, value in given.items():
            if key not in RiskSection.model_fields:
                raise broken_rule(
                    "", f"there is no {clip(key)}: did you mean {nearest(key, RiskSection.model_fields)}?"
                )
            try:
                RiskSection.model_validate({key: value})
            except ValidationError as error:
                first = error.errors()[0]
                if first["loc"] == (key,):
                    raise broken_rule("", f"{key}: {first['msg'][:1].lower()}{first['msg'][1:]}, got {value}") from None
        return given

    @property
    def is_plain(self) -> bool:
        """Say whether it evaluates the whole span at the config's own costs."""
        return self.stress == StressSection() and not self.spans and not self.crashes


SHIPPED: Final[Mapping[str, dict[str, Any]]] = {
    "conservative": {"weight_scale": 0.5, "risk": {"max_drawdown": 0.15}},
    "balanced": {},
    "aggressive": {"weight_scale": 1.5},
    "stress_costs": {"stress": {"fee": 3.0, "spread": 3.0, "impact": 3.0}},
    "stress_latency": {"stress": {"latency": 10.0}},
    "stress_crash": {"crashes": 3},
}
"""Profiles that there are without a word in a config."""


class EvaluationSection(Section):
    """Set what is evaluated."""

    model: FilePath = Field("artifacts/best_model.zip", description="Model to evaluate, a zip that training saved.")
    profile: str = Field("balanced", description="Profile to evaluate, one of profiles, unless all are asked for.")
    profiles: dict[FileName, ProfileSection] = Field(
        {name: ProfileSection.model_validate(given) for name, given in SHIPPED.items()},
        description="Profiles by name, beside or in place of conservative, balanced, aggressive, stress_costs, "
        "stress_latency and stress_crash.",
    )
    resamples: int = Field(
        2000, ge=100, le=1_000_000, description="Resamples of the bootstrap intervals; 100 to 1000000."
    )
    random_traders: int = Field(
        20, ge=1, le=1000, description="Traders who trade as much as the model, by chance; 1 to 1000."
    )
    attribution_bars: int = Field(
        2000, ge=0, le=1_000_000, description="Last bars on which features are weighed, one run each; 0 = not at all."
    )
    attribution_block: int = Field(
        24, ge=1, le=1_000_000, description="Bars of a feature that are shuffled together; 1 to 1000000."
    )

    @field_validator("profiles", mode="before")
    @classmethod
    def _beside_those_shipped(cls, given: Any) -> Any:  # noqa: ANN401 - what was written, whatever it is
        return {**SHIPPED, **given} if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _profile_exists(self) -> EvaluationSection:
        self.find(self.profile)
        return self

    def find(self, name: str) -> ProfileSection:
        """Return a profile by name. Raises the refusal of a rule, naming the nearest, where there is none."""
        if name not in self.profiles:
            known = ", ".join(self.profiles)
            message = (
                f"there is no profile {clip(name)}: did you mean {nearest(name, self.profiles)}? There are {known}"
            )
            raise broken_rule("profile", message)
        return self.profiles[name]
