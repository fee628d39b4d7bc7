"""Generated cases by number: one number, one fixed sequence of cases."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, settings

from .case import Case
from .case_strategies import cases
from .plain_draws import use_sequence


def check_cases(check: Callable[[Case], object], number: int, count: int) -> None:
    """Call `check` with the first `count` cases of the sequence `number`; of those that fail show the smallest."""
    checked = 0

    @settings(
        max_examples=count,
        backend=use_sequence(number),
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def check_one(case: Case) -> None:
        nonlocal checked
        checked += 1
        check(case)

    check_one()
    assert checked >= count
