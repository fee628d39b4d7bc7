"""The command that lifts what the risk guard has latched, on the record."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer


def reset_latch(
    config: Annotated[Path, typer.Option(help="Config of the run, mode: live.", show_default=False)],
    reason: Annotated[str, typer.Option(help="What happened and why it is safe to trade again; kept on record.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Of the dry run with this config.")] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one key; may be given many times.")
    ] = None,
) -> None:
    """Let a run trade again that its risk limits have stopped: HALTED after a drawdown, REDUCING after too many orders.

    The run must not be running: the reason goes into its journal, and its next start trades. The drawdown is measured
    from the equity of that moment on. A daily loss is not lifted: the guard latches it again at the next close, and it
    ends with the day.

    [bold]Example[/bold]

    python scripts/reset_latch.py --config configs/config_live.yaml --reason "the loss is understood, limits checked"

    Exit code 0; 2 without a reason or a journal; 3 while the run is running.
    """
    from keel.app.run_journal import live_run, run_journal
    from keel.config.load import load_config
    from keel.domain.errors import UsageError
    from keel.domain.orders import TradingState
    from keel.journal.entries import LatchCleared
    from keel.live.recovery import OPERATOR, narrowed
    from keel.runs.redaction import redact

    if not reason.strip():
        raise UsageError('a latch is lifted with a reason: --reason "what happened and why it is safe now"')
    run = live_run(load_config(config, set_ or [], expect_mode="live"), dry_run=dry_run)
    with run_journal(run, os.environ) as journal:
        state = narrowed(journal)
        if state is TradingState.ACTIVE:
            sys.stdout.write(f"nothing to do: by {journal.path} the risk guard is ACTIVE\n")
            return
        journal.append([LatchCleared(OPERATOR, TradingState.ACTIVE, redact(reason.strip()))])
        sys.stdout.write(f"{state.name} is lifted from the next start on; recorded in {journal.path}\n")
