"""A fixed sample of generated cases with the reference's outcomes, shared by the tests that look at many at once."""

from __future__ import annotations

from functools import cache

from .case import Case
from .drawing import check_cases
from .reference import Outcome, simulate

CASES = 1000


@cache
def sampled_outcomes() -> tuple[tuple[Case, Outcome], ...]:
    """Return cases that hypothesis draws, always the same, each with the reference's outcome."""
    sample: list[tuple[Case, Outcome]] = []
    check_cases(lambda case: sample.append((case, simulate(case))), 0, CASES)
    return tuple(sample)
