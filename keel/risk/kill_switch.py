"""The kill switch: while a flag of a run stands in the state folder, the run does not start, or it stops (rule 18).

Two flags stop a run: state/kill_switch.flag, which stops all, and state/<run>.kill_switch.flag, which stops those of
one name. Removing a flag never resumes a running process: what samples it stays stopped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from keel.domain.errors import UsageError
from keel.risk.kill_flag import KillFlag

if TYPE_CHECKING:
    from keel.config.run import RunSection

SAMPLE_INTERVAL_S: Final = 0.025
"""Least wall time between two looks: half of rule 18's 50 ms, leaving the caller 25 ms between its calls."""


class KillSwitch:
    """Watch the flag of all runs of a state folder and, with `run`, the one of the runs of that name.

    With `fail_closed` (live) a missing state folder counts as tripped.
    """

    def __init__(self, state_dir: Path, run: str | None = None, *, fail_closed: bool = False) -> None:
        self._state_dir = state_dir
        self._fail_closed = fail_closed
        names = (None,) if run is None else (None, run)
        self._flags = tuple(KillFlag(state_dir, name) for name in names)
        self._seen: dict[Path, KillFlag] = {}

    @classmethod
    def of(cls, run: RunSection, *, fail_closed: bool = False) -> Self:
        """Return the switch of a config's run."""
        return cls(Path(run.state_dir), run.name, fail_closed=fail_closed)

    @property
    def own(self) -> KillFlag:
        """Return the flag that stops as few as can be: the run's own, without a run that of all."""
        return self._flags[-1]

    @property
    def flag_paths(self) -> tuple[Path, ...]:
        """Return where each flag is: first the one of all runs."""
        return tuple(flag.path for flag in self._flags)

    def is_tripped(self) -> bool:
        """Say whether trading must stop now."""
        return self.why_tripped() is not None

    def why_tripped(self) -> str | None:
        """Return why trading must stop, or None: a flag exists, or what we cannot read may hide one."""
        try:
            standing = [flag for flag in self._flags if flag.stands()]
        except OSError as error:
            return self._unreadable(error)
        self._seen |= {flag.path: flag for flag in standing}
        return " and ".join(f"{flag.path} exists" for flag in standing) or self._why_missing()

    def sampled(
        self, interval_s: float = SAMPLE_INTERVAL_S, clock: Callable[[], float] = time.monotonic
    ) -> KillSwitchSampler:
        """Return a cheap view for a run's loop; `clock` gives seconds."""
        return KillSwitchSampler(self, interval_s, clock)

    def unexplained_removal(self) -> str | None:
        """Return what is wrong where a flag that was seen went without a reason on record, None where nothing is.

        Raises UsageError where a record cannot be read.
        """
        return " and ".join(filter(None, (flag.unexplained_removal() for flag in self._flags))) or None

    def note_tripped(self) -> None:
        """Record, once a trip, each flag that was seen; a record that cannot be written keeps no one from stopping."""
        for flag in self._seen.values():
            flag.note_tripped()

    def note_removal(self) -> bool:
        """Record each flag a run had seen that was removed by hand; return False, doing nothing, if none was (rule 18).

        Raises UsageError where a record cannot be read or written.
        """
        noted = [flag.note_removal() for flag in self._flags]
        return any(noted)

    def why_stopped(self) -> str:
        """Return what a run was stopped by, asked after it: the flag may have gone meanwhile."""
        try:
            return self.why_tripped() or self.unexplained_removal() or "its flag is gone by now"
        except UsageError as error:
            return str(error)

    def mend(self) -> str:
        """Return what to do about a switch that is tripped, or whose flag went without a reason: the commands."""
        if self._is_folder_missing():
            return f"mkdir -p {self._state_dir} if nothing was traded from here before; otherwise bring it back"
        commands = [flag.reset_command for flag in self._flags if _needs_reset(flag)]
        return "find out who pulled it and why, then: " + " and: ".join(commands or [self._flags[0].reset_command])

    def _why_missing(self) -> str | None:
        if not self._fail_closed:
            return None
        try:
            os.scandir(self._state_dir).close()
        except OSError as error:
            return self._unreadable(error)
        return None

    def _is_folder_missing(self) -> bool:
        try:
            os.scandir(self._state_dir).close()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return False

    def _unreadable(self, error: OSError) -> str:
        said = (error.strerror or str(error)).lower()
        return f"the state folder {self._state_dir} cannot be read ({said})"


class KillSwitchSampler:
    """Answer a run's loop without a system call at every turn; once tripped it stays so (rule 18)."""

    def __init__(self, switch: KillSwitch, interval_s: float, clock: Callable[[], float]) -> None:
        self._switch = switch
        self._interval_s = interval_s
        self._clock = clock
        self._next_s = float("-inf")
        self._why: str | None = None

    @property
    def why(self) -> str | None:
        """Return why the run stopped, or None while it may go on."""
        return self._why

    def is_tripped(self) -> bool:
        """Look at the flags if the interval has passed since the last look; True ever after one was seen."""
        if self._why is None and self._clock() >= self._next_s:
            self._why = self._switch.why_tripped()
            self._next_s = self._clock() + self._interval_s
        return self._why is not None


def _needs_reset(flag: KillFlag) -> bool:
    try:
        return flag.stands() or flag.unexplained_removal() is not None
    except (OSError, UsageError):
        return False
