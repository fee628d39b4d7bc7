"""Whether a live run may start after its checks: trade, only reduce what is open, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from keel.domain.errors import GateRefusedError
from keel.preflight.check import CheckResult, CheckStatus
from keel.preflight.exposure import Exposure

Verdict: TypeAlias = Literal["trade", "reduce", "refuse"]


def restart_verdict(results: Iterable[CheckResult], exposure: Exposure) -> Verdict:
    """Return what a start may do: `trade` where nothing failed.

    With soft failures only (round trip, disk, age of the filters, feed) a run that has something open may `reduce` it,
    with an alarm: leaving it alone would be worse. One that has nothing open has no reason to start: `refuse`. A hard
    failure always refuses.
    """
    failed = [result for result in results if result.status is CheckStatus.FAIL]
    if not failed:
        return "trade"
    return "reduce" if exposure.is_open and all(result.soft for result in failed) else "refuse"


def refuse_start(results: Iterable[CheckResult], exposure: Exposure) -> GateRefusedError:
    """Return the refusal (exit 3) of a start: each failure with its mend, and what is left open."""
    failed = [result for result in results if result.status is CheckStatus.FAIL]
    named = "; ".join(f"{result.name}: {result.detail} ({result.mend})" for result in failed)
    return GateRefusedError(f"the run does not start: {named}{left_open(exposure)}")


def left_open(exposure: Exposure) -> str:
    """Return what is left open, to be put behind a refusal; empty where nothing is."""
    return f". LEFT OPEN, with nobody watching: {'; '.join(exposure.lines)}" if exposure.is_open else ""
