"""What orders and events before left in memory changes nothing."""

from __future__ import annotations

from .agreement import disagreement
from .case import Case
from .drawing import check_cases
from .kernel_adapter import Arrays, forms_of, outcome_of, run_in_soiled_memory

SEQUENCE = 200
CASES = 150


def test_kernel_sets_every_field_it_reads_of_a_new_order_and_event():
    check_cases(compare_memories, SEQUENCE, CASES)


def compare_memories(case: Case) -> None:
    arrays = Arrays.of(case)
    clean, soiled = forms_of(arrays)[0](arrays), run_in_soiled_memory(arrays)
    told = disagreement(outcome_of(clean), outcome_of(soiled))
    assert not told, told.replace("reference", "clean memory")
