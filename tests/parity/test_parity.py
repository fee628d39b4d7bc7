"""The compiled simulator and the reference agree to the last bit on random cases."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from .case import Case
from .case_strategies import cases
from .kernel_adapter import has_requests, run_at_once, run_in_a_small_room, run_in_steps
from .reference import Outcome, simulate

TOGETHER = {
    "derandomize": True,
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.generate, Phase.shrink],
}


def bits(value: float) -> bytes:
    """Return what is compared: the 64 bits of a number, one pattern for every NaN."""
    return b"NaN" if value != value else struct.pack("<d", value)


def differences(expected: Any, found: Any) -> Iterator[str]:
    """Tell in which fields two records differ."""
    for name in (field.name for field in fields(expected) if field.compare):
        a, b = getattr(expected, name), getattr(found, name)
        if bits(float(a)) != bits(float(b)):
            yield f"    {name}: reference {a!r}, kernel {b!r}"


def first_difference(kind: str, expected: Sequence[Any], found: Sequence[Any]) -> str:
    """Describe the first record in which two lists differ; an empty text if they do not."""
    for n, (a, b) in enumerate(zip(expected, found, strict=False)):
        if lines := list(differences(a, b)):
            return "\n".join([f"{kind} {n} differs:", *lines, f"  reference {a}", f"  kernel    {b}"])
    if len(expected) != len(found):
        n = min(len(expected), len(found))
        side, extra = ("reference", expected) if len(expected) > n else ("kernel", found)
        return f"{kind} {n} exists in the {side} only: {extra[n]}"
    return ""


def disagreement(reference: Outcome, kernel: Outcome) -> str:
    """Describe the first thing in which two outcomes differ; an empty text if they are the same."""
    ends = ("status", "timeouts", "trading_state", "venue_cash")
    return (
        first_difference("event", reference.events, kernel.events)
        or first_difference("mark", reference.marks, kernel.marks)
        or "\n".join(
            f"{name}: reference {getattr(reference, name)!r}, kernel {getattr(kernel, name)!r}"
            for name in ends
            if getattr(reference, name) != getattr(kernel, name)
        )
        or ("" if reference.local == kernel.local else f"local book: {reference.local}, kernel {kernel.local}")
    )


def check_all_forms(case: Case) -> None:
    """Run a case on the reference and in every form of the kernel; fail with the first difference."""
    reference = simulate(case)
    forms = (
        [run_in_steps, run_in_a_small_room] if has_requests(case) else [run_at_once, run_in_steps, run_in_a_small_room]
    )
    for form in forms:
        told = disagreement(reference, form(case))
        assert not told, f"{form.__name__}: {told}"


@settings(max_examples=600, **TOGETHER)
@given(cases())
def test_kernel_agrees_with_the_reference_to_the_last_bit(case: Case):
    check_all_forms(case)


@pytest.mark.soak
@settings(max_examples=20_000, **{**TOGETHER, "derandomize": False})
@given(cases())
def test_kernel_agrees_with_the_reference_over_many_cases(case: Case):
    check_all_forms(case)
