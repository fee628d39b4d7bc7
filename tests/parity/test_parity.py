"""The compiled simulator and the reference agree to the last bit on random cases; `test_soak.py` draws many more."""

from __future__ import annotations

import pytest

from .agreement import check_all_forms
from .drawing import check_cases

PARTS = 8
CASES_A_PART = 260
FIRST_SEQUENCE = 100


@pytest.mark.parametrize("part", range(PARTS))
def test_kernel_agrees_with_the_reference_to_the_last_bit(part: int):
    check_cases(check_all_forms, FIRST_SEQUENCE + part, CASES_A_PART)
