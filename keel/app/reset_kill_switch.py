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

    No running process resumes: what the switch stopped is started again by hand.

    Pull the switch with: touch state/kill_switch.flag
    """
    from keel.risk.kill_switch import KillSwitch

    switch = KillSwitch(state_dir)
    if switch.reset(reason):
        sys.stdout.write(
            f"{switch.flag} removed, recorded in {switch.resets}; stopped runs do not resume by themselves\n"
        )
    else:
        sys.stdout.write(f"nothing to do: there is no {switch.flag}\n")
