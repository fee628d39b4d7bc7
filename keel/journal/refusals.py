"""What the journal says when it cannot go on: one line with the place and the mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Error as Driver
from typing import Final

from sqlalchemy.exc import DBAPIError

from keel.domain.errors import GateRefusedError, UsageError

COPY_SUFFIX: Final = ".copy.sqlite"
"""How the copies beside a journal end: `live.journal.sqlite` has `live.journal.20260131T000000Z.copy.sqlite`."""


class JournalError(UsageError):
    """Report that the disk did not take an entry, or gives none back: nothing of it is half-written."""


class DamagedJournalError(GateRefusedError):
    """Report a journal that cannot be trusted: no run starts on it."""


def damaged(path: Path, what: str) -> DamagedJournalError:
    """Return the refusal of a damaged journal, which names the copy to restore from."""
    whole = f"move {path.name}, {path.name}-wal and {path.name}-shm out of {path.parent}"
    copies = sorted(path.parent.glob(f"{path.stem}.*{COPY_SUFFIX}"))
    if copies:
        mend = f"{whole}, then copy {copies[-1]} to {path}: what the venue did since is asked of the venue"
    else:
        mend = f"{whole} and put back your own copy of it; there is none beside it ({path.stem}.*{COPY_SUFFIX})"
    return DamagedJournalError(f"the journal {path} is damaged: {what}; {mend}")


@contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """Raise JournalError, or DamagedJournalError, for any database error raised inside."""
    try:
        yield
    except (DBAPIError, Driver) as error:
        what = str(error.orig if isinstance(error, DBAPIError) else error).lower()
        if "not a database" in what or "malformed" in what or "corrupt" in what:
            raise damaged(path, what) from error
        if "append-only" in what or "constraint" in what:
            raise JournalError(f"the journal {path} does not take this: {what}") from error
        raise JournalError(f"cannot use the journal {path}: {what}; {_mend(what)}") from error


def _mend(what: str) -> str:
    if "readonly" in what or "unable to open" in what:
        return "make the file and its folder writable for this user"
    if "locked" in what:
        return "end what else writes to it"
    return "free some space or mend the disk, and run again"
