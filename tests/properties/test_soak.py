"""Parity and properties over as many cases as one has time for: 40 parts of 5000.

`KEEL_SOAK_SEED` gives the sequences of cases (a whole number; the date where it is not given), so that a failure can be
repeated alone, with the seed and the part that it names.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest
from parity.agreement import check_all_forms
from parity.case import Case
from parity.drawing import check_cases

from .checks import violations

PARTS = 40
CASES_A_PART = 5000


def soak_seed() -> int:
    return int(os.environ.get("KEEL_SOAK_SEED") or f"{datetime.now(UTC):%Y%m%d}")


def check_everything(case: Case) -> None:
    assert not violations(case, check_all_forms(case))


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS), ids="part{:02}".format)
def test_kernel_agrees_with_the_reference_and_keeps_every_property(part: int):
    seed = soak_seed()
    print(f"repeat with: KEEL_SOAK_SEED={seed} pytest -m soak -k part{part:02}")
    check_cases(check_everything, seed * PARTS + part, CASES_A_PART)
