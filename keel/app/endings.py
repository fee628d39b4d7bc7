"""How a run that was stopped says so: one line on stderr and the exit code of the reason."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final, NoReturn

import typer

from keel.domain.errors import GateRefusedError, HaltTradingError
from keel.domain.timeframe import utc_text
from keel.risk.kill_switch import KillSwitch
from keel.runs.result import RunResult

INTERRUPTED_EXIT_CODE: Final = 130
"""What shells expect of a program that Ctrl+C ended."""


def killed(switch: KillSwitch, after: str) -> GateRefusedError:
    """Return the refusal (exit 3) that says which flag of the kill switch stopped a run, and how it is lifted."""
    return GateRefusedError(f"stopped by the kill switch ({switch.why_stopped()}) {after}; {switch.mend()}")


def end_stopped(result: RunResult, folder: Path) -> NoReturn:
    """Say on stderr what stopped a run and where its result is, and end with the exit code of that.

    Raises GateRefusedError (exit 3) for the kill switch, HaltTradingError (exit 4) for a drawdown or a loss of all
    equity, typer.Exit (130) for an interrupt.
    """
    after = f"after {len(result.marks):,} of {len(result.bars):,} bars; the result so far is in {folder}"
    if result.status == "interrupted":
        sys.stderr.write(f"error: interrupted {after}\n")
        raise typer.Exit(INTERRUPTED_EXIT_CODE)
    if result.status == "kill_switch":
        raise killed(KillSwitch.of(result.config.run), after)
    if result.status == "bankrupt":
        raise HaltTradingError(f"equity fell to zero {after}; ask for smaller weights, or set limits under risk")
    when = "" if result.halted_ts_ms is None else f" at {utc_text(result.halted_ts_ms)}"
    raise HaltTradingError(
        f"halted by risk.max_drawdown {result.config.risk.max_drawdown}{when}: positions stayed, resting "
        f"entries were taken back and no order was sent after that; the result is in {folder}"
    )
