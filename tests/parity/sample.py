"""A fixed sample of generated cases with the reference's outcomes, shared by the tests that look at many at once."""

from __future__ import annotations

from functools import cache

from hypothesis import HealthCheck, Phase, given, settings

from .case import Case
from .case_strategies import cases
from .reference import Outcome, simulate

SIZE = 400


@cache
def sampled_outcomes() -> tuple[tuple[Case, Outcome], ...]:
    """Return the first cases that hypothesis draws, always the same, each with the reference's outcome."""
    sample: list[tuple[Case, Outcome]] = []

    @settings(
        max_examples=SIZE,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def collect(case: Case) -> None:
        sample.append((case, simulate(case)))

    collect()
    return tuple(sample)
