"""Read a journal's entries in order: all, or those asked for, in constant memory, beside a running writer."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol, Self

from sqlalchemy import Connection, Engine, Row, Select, func, select

from keel.domain.errors import UsageError
from keel.journal.codec import MalformedError
from keel.journal.damage import check_head
from keel.journal.entries import Entry, Level
from keel.journal.kinds import read_entry
from keel.journal.refusals import damaged, errors_named
from keel.journal.schema import ENTRIES, REVISION, reading_engine, revision

_OF_SEVERAL: Final = ("Decision", "BarsSeen")
"""Kinds that tell of several symbols in one entry."""
_PAGE: Final = 500
"""Entries read at once: a reader never keeps the writer's log from being put away for longer than that takes."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Say which entries are wanted; None and empty are no limit. `level` is the lowest wanted.

    `since_ms` and `until_ms` are our time, UTC epoch milliseconds, [since, until). `subject` wants entries about one
    symbol, `symbol` also decisions and bars in which it is one of several.
    """

    after_seq: int = 0
    since_ms: int | None = None
    until_ms: int | None = None
    level: Level = Level.INFO
    kinds: Sequence[str] = ()
    subject: str | None = None
    symbol: str | None = None
    client_order_id: str | None = None
    session: int | None = None


EVERYTHING: Final = Selection()


@dataclass(frozen=True, slots=True)
class Recorded:
    """Hold an entry with its place and time: `ts_ms` is the market's, `wall_ms` ours."""

    seq: int
    ts_ms: int
    wall_ms: int
    session: int
    entry: Entry


class _Connects(Protocol):
    def __call__(self) -> AbstractContextManager[Connection]: ...


class JournalReader:
    """Read a journal that somebody else may be writing."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self._engine = engine

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a journal to read. Raises UsageError for a file that is missing, foreign or of another version."""
        check_head(path)
        engine = reading_engine(path)
        with errors_named(path), engine.connect() as connection:
            found = revision(connection)
        if found != REVISION:
            raise UsageError(
                f"the journal {path} has schema {found}, this Keel reads {REVISION}: use the Keel of its run"
            )
        return cls(path, engine)

    def entries(self, selection: Selection = EVERYTHING) -> Iterator[Recorded]:
        """Return the entries asked for, oldest first."""
        return read_entries(self.path, self._engine.connect, selection)

    def newest(self, kind: str) -> Recorded | None:
        """Return the newest entry of a kind, None if there is none. Raises as `entries` does."""
        query = select(ENTRIES).where(ENTRIES.c.kind == kind).order_by(ENTRIES.c.seq.desc()).limit(1)
        with errors_named(self.path), self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _recorded(row, self.path)

    def last_seq(self) -> int:
        """Return the number of the newest entry, 0 if there is none."""
        with errors_named(self.path), self._engine.connect() as connection:
            return connection.scalar(select(func.max(ENTRIES.c.seq))) or 0

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_entries(path: Path, connect: _Connects, selection: Selection) -> Iterator[Recorded]:
    """Return the entries asked for, oldest first, page by page: each page is a short look of its own.

    Raises DamagedJournalError for an entry that is not as it was written.
    """
    if selection.since_ms is not None:
        with errors_named(path), connect() as connection:
            first = connection.scalar(select(func.min(ENTRIES.c.seq)).where(ENTRIES.c.wall_ms >= selection.since_ms))
        if first is None:
            return
        selection = replace(selection, after_seq=max(selection.after_seq, first - 1))
    while True:
        with errors_named(path), connect() as connection:
            page = connection.execute(_query(selection)).all()
        for row in page:
            yield _recorded(row, path)
        if len(page) < _PAGE:
            return
        selection = replace(selection, after_seq=page[-1].seq)


def checksum(values: dict[str, Any]) -> int:
    """Return the checksum of an entry's columns, by which a changed one is known."""
    return zlib.crc32("\0".join(str(values[name]) for name in _SUMMED).encode())


_SUMMED: Final = tuple(column.name for column in ENTRIES.columns if column.name != "checksum")


def _query(selection: Selection) -> Select[Any]:
    entries = ENTRIES.c
    levels = list(Level)
    query = select(ENTRIES).where(entries.seq > selection.after_seq).order_by(entries.seq).limit(_PAGE)
    for column, wanted in (
        (entries.subject, selection.subject),
        (entries.client_order_id, selection.client_order_id),
        (entries.session, selection.session),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if selection.symbol is not None:
        named = func.instr(entries.body, json.dumps(selection.symbol)) > 0
        query = query.where((entries.subject == selection.symbol) | (entries.kind.in_(_OF_SEVERAL) & named))
    if selection.since_ms is not None:
        query = query.where(entries.wall_ms >= selection.since_ms)
    if selection.until_ms is not None:
        query = query.where(entries.wall_ms < selection.until_ms)
    if selection.level is not levels[0]:
        query = query.where(entries.level.in_([level.value for level in levels[levels.index(selection.level) :]]))
    if selection.kinds:
        query = query.where(entries.kind.in_(list(selection.kinds)))
    return query


def _recorded(row: Row[Any], path: Path) -> Recorded:
    values = dict(row._mapping)
    if checksum(values) != row.checksum:
        raise damaged(path, f"entry {row.seq} is not as it was written")
    try:
        entry = read_entry(row.kind, row.body)
    except MalformedError as error:
        raise UsageError(
            f"the journal {path} was written by another version of Keel: entry {row.seq}: {error}"
        ) from None
    return Recorded(row.seq, row.ts_ms, row.wall_ms, row.session, entry)
