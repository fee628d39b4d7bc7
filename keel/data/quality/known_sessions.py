"""Trading sessions kept between runs, so that a run on stored bars needs neither exchange_calendars nor pandas."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np

from keel.data.calendars import Sessions, sessions
from keel.domain.compiled_cache import cache_folder


def known_sessions(calendar: str, first_day: int, last_day: int) -> Sessions:
    """Return the sessions between two days since 1970-01-01, at least, from the cache folder if they are there.

    Raises DataError as `sessions` does. A cache that cannot be written or read costs time only.
    """
    kept = _path(calendar)
    found = _read(kept, calendar)
    if found is not None:
        if _year(found.day[0]) <= _year(first_day) and _year(last_day) <= _year(found.day[-1]):
            return found
        first_day, last_day = min(first_day, int(found.day[0])), max(last_day, int(found.day[-1]))
    found = sessions(calendar, first_day, last_day)
    with suppress(OSError):
        _write(kept, found)
    return found


def _year(day: int) -> int:
    return int(np.datetime64(int(day), "D").astype("datetime64[Y]").astype(int))


def _path(calendar: str) -> Path:
    return cache_folder().parent / "calendars" / f"{calendar}-{version('exchange_calendars')}.npz"


def _read(path: Path, calendar: str) -> Sessions | None:
    try:
        with path.open("rb") as kept, np.load(kept, allow_pickle=False) as file:
            return Sessions(calendar, str(file["timezone"]), file["day"], file["open_ts_ms"], file["close_ts_ms"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):  # none, or torn by a crash: it is made again
        return None


def _write(path: Path, found: Sessions) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}-{uuid4().hex}.npz")
    columns = {"day": found.day, "open_ts_ms": found.open_ts_ms, "close_ts_ms": found.close_ts_ms}
    np.savez(beside, timezone=np.array(found.timezone), allow_pickle=False, **columns)
    beside.replace(path)
