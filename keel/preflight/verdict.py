"""Whether a live run may start after its checks: trade, only reduce what is open, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from keel.domain.errors import GateRefusedError
from keel.preflight.check import CheckResult, CheckStatus
from keel.preflight.exposure import Exposure

LOCK: Final = "lock"
"""Name of the check that fails while another process has the run's lock."""
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
    return GateRefusedError(f"the run does not start: {named}{left_open(failed, exposure)}")


def left_open(results: Iterable[CheckResult], exposure: Exposure) -> str:
    """Return what is left open, to be put behind a refusal; empty where nothing is.

    That nobody watches it is said only where no other process has the lock.
    """
    if not exposure.is_open:
        return ""
    is_locked = any(result.name == LOCK and result.status is CheckStatus.FAIL for result in results)
    how = "OPEN, and whoever has the lock may be watching" if is_locked else "LEFT OPEN, with nobody watching"
    return f". {how}: {'; '.join(exposure.lines)}"
