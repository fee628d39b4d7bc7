"""Section `stress`: what costs and latency of the other sections are multiplied by."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from keel.config.section import Section

Multiplier = Annotated[float, Field(ge=0, le=100)]
_OF: Final = "Multiplier of {}; 0 to 100."


class StressSection(Section):
    """Hold the multipliers; 1 leaves a cost as its own section says."""

    fee: Multiplier = Field(1.0, description=_OF.format("all fees"))
    spread: Multiplier = Field(1.0, description=_OF.format("the half-spread"))
    impact: Multiplier = Field(1.0, description=_OF.format("the impact coefficient"))
    latency: Multiplier = Field(1.0, description=_OF.format("the latency and its jitter"))

    @property
    def multipliers(self) -> tuple[float, float, float, float]:
        """Return those of fee, spread, impact and latency."""
        return self.fee, self.spread, self.impact, self.latency

    def times(self, other: StressSection) -> StressSection:
        """Return the multipliers of both, one after the other. Raises ValidationError where one is above 100 then."""
        pairs = zip(type(self).model_fields, self.multipliers, other.multipliers, strict=True)
        return StressSection.model_validate({name: mine * its for name, mine, its in pairs})
