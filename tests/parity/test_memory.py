"""What orders and events before left in memory changes nothing."""

from __future__ import annotations

from hypothesis import given, settings

from .case import Case
from .case_strategies import cases
from .kernel_adapter import has_requests, run_at_once, run_in_soiled_memory, run_in_steps
from .test_parity import TOGETHER, disagreement


@settings(max_examples=150, **TOGETHER)
@given(cases())
def test_kernel_sets_every_field_it_reads_of_a_new_order_and_event(case: Case):
    clean = run_in_steps(case) if has_requests(case) else run_at_once(case)
    told = disagreement(clean, run_in_soiled_memory(case))
    assert not told, told.replace("reference", "clean memory")
