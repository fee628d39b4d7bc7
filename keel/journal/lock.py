"""The locks of runs: two that trade on one account exclude each other whatever they are called, and two of one name.

A lock is the kernel's (flock) on an open file: it goes with the process that holds it, however that ends. What is
written in the file is for people, and a file that is left behind locks nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from keel.domain.clock import Clock
from keel.domain.errors import GateRefusedError, UsageError, reason_of

_SALT: Final = b"keel account lock"
_ROUNDS: Final = 100_000
_DIGITS: Final = 16
_MOST_NOTE: Final = 4096


def account_name(venue: str, environment: str, api_key: str) -> str:
    """Return the name of an account: the same for the same key, and not to be turned back into it.

    The key is stretched (PBKDF2): who finds the name cannot try keys at speed.
    """
    digest = hashlib.pbkdf2_hmac("sha256", api_key.encode(), _SALT + f"{venue}\0{environment}".encode(), _ROUNDS)
    return f"{venue}-{environment}-{digest.hex()[:_DIGITS]}"


def user_locks(environ: Mapping[str, str]) -> Path:
    """Return the folder of this user's locks, made if it is not there: keel/locks in XDG_STATE_HOME or ~/.local/state.

    Two state folders of one machine may hold runs of one account; this folder is the same for both. Raises UsageError.
    """
    folder = Path(environ.get("XDG_STATE_HOME") or "~/.local/state") / "keel" / "locks"
    try:
        folder = folder.expanduser()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # a user without a home is a RuntimeError
        message = f"cannot make {folder} for the locks of accounts: {reason_of(error).lower()}; make it writable"
        raise UsageError(f"{message}, or name a folder that is in XDG_STATE_HOME") from error
    return folder


class RunLock:
    """Hold the one right to trade on an account, or to a run's name, from `take` to `release` or the process's end.

    `taken` says of whom has it that he has it, `instead` what else one could do.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        clock: Clock,
        taken: str = "this account is traded on by another run",
        instead: str = "run on another account",
    ) -> None:
        self.path = folder / f"{name}.lock"
        self._clock = clock
        self._taken = taken
        self._instead = instead
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Say whether this object holds the lock."""
        return self._descriptor is not None

    def take(self) -> Self:
        """Take the lock. Raises GateRefusedError naming who holds it, UsageError where the folder refuses the file."""
        if self._descriptor is not None:
            return self
        descriptor = self._open()
        try:
            self._claim(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return self

    def release(self) -> None:
        """Give the lock back. The file stays: to remove it would let two processes lock two files of one name."""
        if self._descriptor is not None:
            # Said aloud: a child that is just starting may still hold the same open file.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self.take()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _open(self) -> int:
        try:
            # Python keeps it from programs we start: one that outlives us does not keep the account locked.
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            message = f"cannot lock {self.path}: {reason_of(error).lower()}; make the folder writable for this user"
            raise UsageError(message) from error

    def _claim(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GateRefusedError(f"{self._holder(descriptor)}; stop it first, or {self._instead}") from None
        except OSError as error:
            message = f"cannot lock {self.path}: {reason_of(error).lower()}; put the folder on a local disk"
            raise UsageError(message) from error
        if not _is_at(descriptor, self.path):
            raise GateRefusedError(f"{self.path} was removed while it was being locked: start again")
        self._sign(descriptor)

    def _sign(self, descriptor: int) -> None:
        note = {"pid": os.getpid(), "host": socket.gethostname(), "since_ms": self._clock.wall_ms()}
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{json.dumps(note)}\n".encode(), 0)
            os.fsync(descriptor)
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {reason_of(error).lower()}; make room") from error

    def _holder(self, descriptor: int) -> str:
        try:
            note = json.loads(os.pread(descriptor, _MOST_NOTE, 0))
            since = datetime.fromtimestamp(note["since_ms"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            who = f"process {int(note['pid'])} on {note['host']} since {since}"
        except (ValueError, TypeError, KeyError, OverflowError, OSError):
            who = "a process that has not yet signed it"
        return f"{self._taken}: {self.path} is held by {who}"


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there, held = path.stat(), os.fstat(descriptor)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)
