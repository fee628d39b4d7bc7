"""The command that takes the kill switch back, on the record."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from keel.risk.kill_flag import KillFlag


def reset_kill_switch(
    reason: Annotated[str, typer.Option(help="What happened and why it is safe to run again; kept on record.")],
    run: Annotated[
        str | None,
        typer.Option(help="Name of the run (run.name) whose own flag is meant; without it, the flag of all runs."),
    ] = None,
    state_dir: Annotated[Path, typer.Option(help="State folder of the run: run.state_dir in its config.")] = Path(
        "state"
    ),
) -> None:
    """Remove a flag of the kill switch and record who did it, when and why in kill_switch.log beside it.

    There is one flag for all runs of a state folder and one for each run name. No running process resumes: what the \
switch stopped is started again by hand. A live run also refuses to start after a flag that somebody removed by hand, \
until this command has been told why.

    Pull the switch with: touch state/kill_switch.flag, which stops all, or touch state/<run>.kill_switch.flag

    [bold]Examples[/bold]

    python scripts/reset_kill_switch.py --reason "feed was stale, fixed and checked"

    python scripts/reset_kill_switch.py --run live --reason "strategy looked at, limits checked"
    """
    from keel.config.run import read_run_name
    from keel.risk.kill_flag import KillFlag

    flag = KillFlag(state_dir, None if run is None else read_run_name("--run", run))
    by_hand = flag.unexplained_removal() is not None
    if flag.reset(reason):
        done = "the removal by hand is" if by_hand else f"{flag.path} removed,"
        sys.stdout.write(f"{done} recorded in {flag.record}; stopped runs do not resume by themselves\n")
    else:
        sys.stdout.write(f"nothing to do: there is no {flag.path}\n")
    for other in _others(state_dir, flag):
        sys.stdout.write(f"{other.path} stands; {other.reset_command} lifts it\n")


def _others(state_dir: Path, flag: KillFlag) -> list[KillFlag]:
    """Return the other flags that stand in the folder."""
    from keel.risk.kill_flag import KillFlag, run_flags_in

    everyones = KillFlag(state_dir)
    standing = [*([everyones] if everyones.stands() else []), *run_flags_in(state_dir)]
    return [other for other in standing if other.path != flag.path]
