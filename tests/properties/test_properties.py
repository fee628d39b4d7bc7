"""Every property holds on random cases with all features; `test_soak.py` draws many more."""

from __future__ import annotations

import pytest
from parity.case import Case
from parity.drawing import check_cases
from parity.kernel_adapter import Arrays, forms_of, outcome_of

from .checks import violations

PARTS = 4
CASES_A_PART = 250
FIRST_SEQUENCE = 200


def check_properties(case: Case) -> None:
    arrays = Arrays.of(case)
    first_form = forms_of(arrays)[0]
    assert not violations(case, outcome_of(first_form(arrays)))


@pytest.mark.parametrize("part", range(PARTS))
def test_no_property_is_broken(part: int):
    check_cases(check_properties, FIRST_SEQUENCE + part, CASES_A_PART)
