"""The command that takes the kill switch back, on the record."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def reset_kill_switch(
    reason: Annotated[str, typer.Option(help="What happened and why it is safe to run again; kept on record.")],
    state_dir: Annotated[Path, typer.Option(help="State folder of the run: run.state_dir in its config.")] = Path(
        "state"
    ),
) -> None:
    """Remove the kill switch's flag and record who did it, when and why in kill_switch.log beside it.

    No running process resumes: what the switch stopped is started again by hand. A live run also refuses to start \
after a flag that somebody removed by hand, until this command has been told why.

    Pull the switch with: touch state/kill_switch.flag

    [bold]Example[/bold]

    python scripts/reset_kill_switch.py --reason "feed was stale, fixed and checked"
    """
    from keel.risk.kill_switch import KillSwitch

    switch = KillSwitch(state_dir)
    by_hand = switch.unexplained_removal() is not None
    if switch.reset(reason):
        done = "the removal by hand is" if by_hand else f"{switch.flag} removed,"
        sys.stdout.write(f"{done} recorded in {switch.resets}; stopped runs do not resume by themselves\n")
    else:
        sys.stdout.write(f"nothing to do: there is no {switch.flag}\n")
