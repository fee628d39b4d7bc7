"""The kill switch: while state/kill_switch.flag exists no run starts, and a running one stops (rule 18).

It is a file so that anyone can pull it with `touch`, from any program and without Keel. Removing the flag
never resumes a running process: what samples it stays stopped.
"""

from __future__ import annotations

import getpass
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from keel.domain.errors import UsageError
from keel.runs.disk import disk_errors_named
from keel.runs.redaction import redact

FLAG_NAME: Final = "kill_switch.flag"
RESETS_NAME: Final = "kill_switch.log"
_WITHOUT_REASON: Final = ("tripped", "removed")
"""Last events of a record after which nobody has said why it is safe to go on."""
SAMPLE_INTERVAL_S: Final = 0.025
"""Least wall time between two looks: half of rule 18's 50 ms, leaving the caller 25 ms between its calls."""


class KillSwitch:
    """Watch one state folder's flag. With `fail_closed` (live) a missing state folder counts as tripped."""

    def __init__(self, state_dir: Path, *, fail_closed: bool = False) -> None:
        self._state_dir = state_dir
        self._fail_closed = fail_closed

    @property
    def flag(self) -> Path:
        """Return the path of the flag."""
        return self._state_dir / FLAG_NAME

    @property
    def resets(self) -> Path:
        """Return the path of the record of trips, resets and removals by hand: one JSON object a line."""
        return self._state_dir / RESETS_NAME

    def is_tripped(self) -> bool:
        """Say whether trading must stop now."""
        return self.why_tripped() is not None

    def why_tripped(self) -> str | None:
        """Return why trading must stop, or None: the flag exists, or what we cannot read may hide it."""
        try:
            # lstat: a dangling link by the flag's name is a flag too.
            os.lstat(self.flag)
        except FileNotFoundError:
            return self._why_missing()
        except OSError as error:
            return f"the state folder {self._state_dir} cannot be read ({_said(error)})"
        return f"{self.flag} exists"

    def sampled(
        self, interval_s: float = SAMPLE_INTERVAL_S, clock: Callable[[], float] = time.monotonic
    ) -> KillSwitchSampler:
        """Return a cheap view for a run's loop; `clock` gives seconds."""
        return KillSwitchSampler(self, interval_s, clock)

    def pull(self, reason: str) -> None:
        """Make the flag, then record who pulled it; where it stands already, do nothing.

        The flag is on the disk before the call returns. Raises UsageError where it cannot be made; a record that cannot
        be written keeps nobody from pulling.
        """
        with disk_errors_named(self.flag):
            try:
                os.close(os.open(self.flag, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            except FileExistsError:
                return
            _sync(self._state_dir)
        with suppress(UsageError, OSError):
            self._record("tripped", reason)

    def reset(self, reason: str) -> bool:
        """Record the removal of the flag, then remove it; return False, doing nothing, if there was nothing to reset.

        A flag that was removed by hand before gets its reason on record, too. The record is on the disk before the
        flag goes, so no removal is without its reason. Raises UsageError for an empty reason, and where the record
        cannot be written or the flag not removed: the switch then stays tripped.
        """
        if not reason.strip():
            raise UsageError('a kill switch is reset with a reason: --reason "what happened and why it is safe now"')
        if not self._flag_stands() and self.unexplained_removal() is None:
            return False
        with disk_errors_named(self.resets):
            self._record("reset", reason)
        with disk_errors_named(self.flag):
            self.flag.unlink(missing_ok=True)
            _sync(self._state_dir)
        return True

    def unexplained_removal(self) -> str | None:
        """Return what is wrong where a flag that was seen went without a reason on record, None where nothing is.

        Raises UsageError where the record cannot be read.
        """
        with disk_errors_named(self.resets):
            if self._flag_stands() or self._last_event() not in _WITHOUT_REASON:
                return None
        return f"{self.flag} was removed by hand, and nobody has said why"

    def note_tripped(self) -> None:
        """Record, once a trip, that a run saw the flag; a record that cannot be written keeps no one from stopping."""
        with suppress(UsageError, OSError):
            if self._last_event() != "tripped":
                self._record("tripped", self.why_tripped() or "the flag was seen and is gone")

    def note_removal(self) -> bool:
        """Record that a flag a run had seen was removed by hand; return False, doing nothing, if none was (rule 18).

        Raises UsageError where the record cannot be read or written.
        """
        with disk_errors_named(self.resets):
            if self._flag_stands() or self._last_event() != "tripped":
                return False
            self._record("removed", "by hand, without scripts/reset_kill_switch.py; found when a run started")
        return True

    def _record(self, event: str, reason: str) -> None:
        _append(self.resets, _line(event, reason))
        _sync(self._state_dir)

    def _last_event(self) -> str | None:
        try:
            lines = self.resets.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        for line in reversed(lines):
            with suppress(ValueError, TypeError, KeyError):
                return str(json.loads(line)["event"])
        return None

    def _flag_stands(self) -> bool:
        with disk_errors_named(self.flag):
            try:
                os.lstat(self.flag)
            except FileNotFoundError:
                return False
        return True

    def _why_missing(self) -> str | None:
        if not self._fail_closed:
            return None
        try:
            os.scandir(self._state_dir).close()
        except OSError as error:
            return f"the state folder {self._state_dir} cannot be read ({_said(error)})"
        return None


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
        """Look at the flag if the interval has passed since the last look; True ever after it was seen."""
        if self._why is None and self._clock() >= self._next_s:
            self._why = self._switch.why_tripped()
            self._next_s = self._clock() + self._interval_s
        return self._why is not None


def _line(event: str, reason: str) -> str:
    now_ms = time.time_ns() // 1_000_000
    record = {"ts_ms": now_ms, "event": event, "reason": redact(reason.strip()), "user": _user()}
    return json.dumps(record, ensure_ascii=False)


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return None


def _append(path: Path, line: str) -> None:
    with path.open("ab+") as file:
        if file.tell() and not _ends_whole(file.fileno(), file.tell()):
            # A disk that filled left part of a line: keep it apart from ours.
            line = "\n" + line
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _ends_whole(descriptor: int, size: int) -> bool:
    return os.pread(descriptor, 1, size - 1) == b"\n"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _said(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
