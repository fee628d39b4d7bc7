"""Whether the compiled simulator and the reference agree to the last bit, and where they do not."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from .case import Case
from .kernel_adapter import Arrays, bytes_of, forms_of, outcome_of
from .reference import Outcome, simulate


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


def check_all_forms(case: Case) -> Outcome:
    """Run a case on the reference and in every form of the kernel; fail with the first difference.

    Return the kernel's outcome. Its first form is compared with the reference, the others with the first.
    """
    reference, arrays = simulate(case), Arrays.of(case)
    first, *others = forms_of(arrays)
    played = first(arrays)
    outcome = outcome_of(played)
    _check(first.__name__, reference, outcome)
    expected = bytes_of(played)
    for form in others:
        again = form(arrays)
        if bytes_of(again) != expected:
            _check(form.__name__, reference, outcome_of(again))
            raise AssertionError(f"{form.__name__} differs from {first.__name__} in bits that are not compared")
    return outcome


def _check(form: str, reference: Outcome, kernel: Outcome) -> None:
    told = disagreement(reference, kernel)
    assert not told, f"{form}: {told}"
