"""The simulator's two halves, apart, come to what it comes to as a whole: a dry run is a backtest, bar by bar."""

from __future__ import annotations

import pytest

from .case import Case
from .drawing import check_cases
from .halves import halves_differ
from .kernel_adapter import Arrays

PARTS = 4
CASES_A_PART = 150
FIRST_SEQUENCE = 700


def check(case: Case) -> None:
    told = halves_differ(Arrays.of(case))
    assert not told, told


@pytest.mark.parametrize("part", range(PARTS))
def test_halves_agree_with_the_whole_to_the_last_bit(part: int):
    check_cases(check, FIRST_SEQUENCE + part, CASES_A_PART)
