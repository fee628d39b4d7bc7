"""One flag of the kill switch, and the record beside it of who pulled it, who lifted it and why.

A flag is a file so that anyone can pull it with `touch`, from any program and without Keel.
"""

from __future__ import annotations

import getpass
import json
import os
import shlex
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from keel.domain.errors import UsageError
from keel.runs.disk import disk_errors_named
from keel.runs.redaction import redact

FLAG_NAME: Final = "kill_switch.flag"
RECORD_NAME: Final = "kill_switch.log"
_DEFAULT_FOLDER: Final = Path("state")
_WITHOUT_REASON: Final = ("tripped", "removed")
"""Last events of a record after which nobody has said why it is safe to go on."""


class KillFlag:
    """Stand for the flag of all runs of a state folder or, with `run`, for the one of the runs of that name."""

    def __init__(self, state_dir: Path, run: str | None = None) -> None:
        self._state_dir = state_dir
        self.run = run
        self.path = state_dir / _named(FLAG_NAME, run)
        self.record = state_dir / _named(RECORD_NAME, run)
        """Trips, resets and removals by hand: one JSON object a line."""

    @property
    def reset_command(self) -> str:
        """Return the command that lifts this flag, its reason to be filled in."""
        where = "" if self._state_dir == _DEFAULT_FOLDER else f" --state-dir {shlex.quote(str(self._state_dir))}"
        whose = "" if self.run is None else f" --run {shlex.quote(self.run)}"
        return f'python scripts/reset_kill_switch.py{where}{whose} --reason "..."'

    def stands(self) -> bool:
        """Say whether the flag is there. Raises OSError where the state folder does not say."""
        try:
            # lstat: a dangling link by the flag's name is a flag too.
            os.lstat(self.path)
        except FileNotFoundError:
            return False
        return True

    def pull(self, reason: str) -> None:
        """Make the flag, then record who pulled it; where it stands already, do nothing.

        The flag is on the disk before the call returns. Raises UsageError where it cannot be made; a record that cannot
        be written keeps nobody from pulling.
        """
        with disk_errors_named(self.path):
            try:
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
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
        if not self._stands_named() and self.unexplained_removal() is None:
            return False
        with disk_errors_named(self.record):
            self._record("reset", reason)
        with disk_errors_named(self.path):
            self.path.unlink(missing_ok=True)
            _sync(self._state_dir)
        return True

    def unexplained_removal(self) -> str | None:
        """Return what is wrong where a flag that was seen went without a reason on record, None where nothing is.

        Raises UsageError where the record cannot be read.
        """
        with disk_errors_named(self.record):
            if self._stands_named() or self._last_event() not in _WITHOUT_REASON:
                return None
        return f"{self.path} was removed by hand, and nobody has said why"

    def note_tripped(self) -> None:
        """Record, once a trip, that a run saw the flag; a record that cannot be written keeps no one from stopping."""
        with suppress(UsageError, OSError):
            if self._last_event() != "tripped":
                told = f"{self.path} exists" if self.stands() else f"{self.path} was seen and is gone"
                self._record("tripped", told)

    def note_removal(self) -> bool:
        """Record that a flag a run had seen was removed by hand; return False, doing nothing, if none was (rule 18).

        Raises UsageError where the record cannot be read or written.
        """
        with disk_errors_named(self.record):
            if self._stands_named() or self._last_event() != "tripped":
                return False
            self._record("removed", "by hand, without scripts/reset_kill_switch.py; found when a run started")
        return True

    def _stands_named(self) -> bool:
        with disk_errors_named(self.path):
            return self.stands()

    def _record(self, event: str, reason: str) -> None:
        _append(self.record, _line(event, reason))
        _sync(self._state_dir)

    def _last_event(self) -> str | None:
        try:
            lines = self.record.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        for line in reversed(lines):
            with suppress(ValueError, TypeError, KeyError):
                return str(json.loads(line)["event"])
        return None


def run_flags_in(state_dir: Path) -> list[KillFlag]:
    """Return the flags of single runs that stand in a state folder, by name; none where it cannot be read."""
    ending = f".{FLAG_NAME}"
    try:
        names = sorted(path.name for path in state_dir.iterdir())
    except OSError:
        return []
    return [KillFlag(state_dir, name.removesuffix(ending)) for name in names if name.endswith(ending)]


def _named(name: str, run: str | None) -> str:
    return name if run is None else f"{run}.{name}"


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
