"""Section `doctor`: what the checks before a run ask for."""

from __future__ import annotations

from pydantic import Field

from keel.config.section import Section


class DoctorSection(Section):
    """Hold the thresholds of the checks."""

    min_free_disk_gb: float = Field(
        10.0, ge=0, le=1_000_000, description="Free disk space a run needs, GB (10^9 bytes); 0 to 1000000."
    )
