"""The past of a simulation does not depend on its future."""

from __future__ import annotations

from dataclasses import replace

from parity.case import Case
from parity.drawing import check_cases
from parity.kernel_adapter import Arrays, forms_of, outcome_of
from parity.reference import Outcome
from parity.reference_state import Event

from keel.domain.orders import ActionKind, Reason

CASES = 250
SEQUENCE = 300


def play(case: Case) -> Outcome:
    arrays = Arrays.of(case)
    return outcome_of(forms_of(arrays)[0](arrays))


def past(outcome: Outcome, rows: int) -> list[Event]:
    return [e for e in outcome.events if e.row < rows and e.reason != Reason.END_OF_RUN]


def check_past(case: Case) -> None:
    outcome, rows = play(case), len(case.rows) // 2
    if rows == 0 or rows > len(outcome.marks):
        return
    shorter = play(replace(case, rows=case.rows[:rows]))
    assert shorter.marks == outcome.marks[:rows]
    splits = any(a.kind == ActionKind.SPLIT for rules in case.instruments for a in rules.actions)
    if not splits:  # a split hurries responses that were on their way
        assert past(shorter, rows) == past(outcome, rows)


def test_what_happened_is_the_same_whether_or_not_later_bars_exist():
    check_cases(check_past, SEQUENCE, CASES)
