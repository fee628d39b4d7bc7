"""A fixed sample of generated cases with the reference's outcomes, shared by the tests that look at many at once."""

from __future__ import annotations

from functools import cache

from hypothesis import HealthCheck, Phase, given, seed, settings

from .case import Case
from .case_strategies import cases
from .reference import Outcome, simulate

DRAWS = 26
CASES_A_DRAW = 40
"""hypothesis varies what it drew before; several short draws differ more than a long one."""


@cache
def sampled_outcomes() -> tuple[tuple[Case, Outcome], ...]:
    """Return cases that hypothesis draws, always the same, each with the reference's outcome."""
    sample: list[tuple[Case, Outcome]] = []
    for number in range(DRAWS):

        @seed(number)
        @settings(
            max_examples=CASES_A_DRAW,
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
