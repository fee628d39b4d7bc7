"""The journal of a live run: append-only, in SQLite, and on the disk before anything is sent.

What is in it is the truth; snapshots are derived from it. A journal is written by one process (keel.journal.lock) and
read by any (keel.journal.reading).
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, delete, func, insert, select
from sqlalchemy.exc import DBAPIError

from keel.domain.clock import Clock
from keel.domain.errors import GateRefusedError, UsageError, reason_of
from keel.domain.ids import journal_tag
from keel.journal.damage import check_files
from keel.journal.entries import Entry, FillBooked, OrderHeld, OrderIntent
from keel.journal.reading import EVERYTHING, Recorded, Selection, checksum, read_entries
from keel.journal.refusals import COPY_SUFFIX, JournalError, errors_named
from keel.journal.schema import (
    ABOUT,
    APPLICATION_ID,
    ENTRIES,
    REVISION,
    SNAPSHOTS,
    check_settings,
    check_whole,
    migrate,
    revision,
    writing_engine,
)

MOST_TEXT: Final = 1000
"""Characters of a free text that are kept."""
_SNAPSHOTS_KEPT: Final = 3
_LONG_LOG: Final = 250
"""Transactions in the log above which it is put away."""
_INSERT: Final = insert(ENTRIES)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Hold what the entries up to `seq` lead to; `layout` says in which form, for the reader to compare."""

    seq: int
    layout: str
    state: dict[str, Any]


class Journal:
    """Write and read one run's journal. Calls may come from any thread, one after the other.

    `tag` stands in every order name of ours; `session` counts the times the journal was opened and written to.
    """

    def __init__(
        self, path: Path, engine: Engine, connection: Connection, clock: Clock, redact: Callable[[str], str]
    ) -> None:
        self.path = path
        self._engine = engine
        self._connection = connection
        self._clock = clock
        self._redact = redact
        self._lock = RLock()
        self._waiting: list[dict[str, Any]] = []
        self._in_log = 0
        with errors_named(path), self._transaction():
            self.tag = str(connection.scalar(select(ABOUT.c.tag)))
            self.name = str(connection.scalar(select(ABOUT.c.name)))
            last, session, order_id = connection.execute(
                select(func.max(ENTRIES.c.seq), func.max(ENTRIES.c.session), func.max(ENTRIES.c.order_id))
            ).one()
        self._last_seq: int = last or 0
        self._next_order_id: int = (order_id or 0) + 1
        self.session: int = (session or 0) + 1

    @classmethod
    def open(cls, path: Path, *, clock: Clock, redact: Callable[[str], str]) -> Self:
        """Open a journal, or begin it where there is none; free texts go through `redact` before they are written.

        The folder must exist. Raises UsageError for a file that is not ours or cannot be used, and GateRefusedError
        for one that is damaged (its line names the copy to restore), newer than this Keel, or another run's.
        """
        if not path.parent.is_dir():
            raise UsageError(f"cannot keep the journal {path}: there is no folder {path.parent}; make it")
        if not path.exists() and not _log_of(path).exists():
            _create(path, clock)
        check_files(path)
        with ExitStack() as stack:
            engine = writing_engine(path)
            stack.callback(engine.dispose)
            with errors_named(path):
                connection = stack.enter_context(engine.connect())
                _check(connection, path)
            journal = cls(path, engine, connection, clock, redact)
            if path.name != journal.name:
                message = f"the journal {path} is that of {journal.name}: give it back its name, or move it away"
                raise GateRefusedError(message)
            stack.pop_all()
        return journal

    @property
    def next_order_id(self) -> int:
        """Return the number for the next order: above every one that was ever journalled."""
        return self._next_order_id

    @property
    def last_seq(self) -> int:
        """Return the number of the newest entry on the disk, 0 if there is none."""
        return self._last_seq

    @property
    def waiting(self) -> int:
        """Return how many entries are noted and not on the disk yet."""
        return len(self._waiting)

    def append(self, entries: Sequence[Entry], state: Mapping[str, Any] | None = None, layout: str = "") -> int:
        """Write entries, after those that wait, in one transaction; return the number of the last one.

        `state` is what all of them lead to, of this `layout`, kept as `save_snapshot` does in the same transaction.
        They are on the disk when this returns. Raises JournalError where the disk refuses, and for a trade or an order
        number that is there already: then none of them is written.
        """
        rows = [self._row(entry) for entry in entries]
        with self._lock:
            waiting = len(self._waiting)
            self._write([*self._waiting[:waiting], *rows], state, layout)
            del self._waiting[:waiting]
        return self._last_seq

    def append_lazily(self, entry: Entry) -> None:
        """Note an entry that need not be on the disk before something is sent; the next `append` or `flush` writes it.

        Raises JournalError for a trade that is booked already.
        """
        if isinstance(entry, OrderIntent | OrderHeld):
            raise ValueError("an intent is appended, not noted: nothing is sent before it is on the disk")
        if isinstance(entry, FillBooked) and self.has_fill(entry.fill.symbol, entry.fill.trade_id):
            raise JournalError(
                f"trade {entry.fill.trade_id} of {entry.fill.symbol} is booked already: a trade counts once"
            )
        self._waiting.append(self._row(entry))

    def flush(self) -> int:
        """Write what waits, and put a long log away; return the number of the last entry. Raises as `append` does.

        Meant for quiet moments, every second or so: what is done here, no `append` before a send has to wait for.
        """
        with self._lock:
            self.append(())
            if self._in_log > _LONG_LOG:
                with errors_named(self.path):
                    _outside_transactions(self._connection, "PRAGMA wal_checkpoint(PASSIVE)")
                self._in_log = 0
        return self._last_seq

    def has_fill(self, symbol: str, trade_id: str) -> bool:
        """Say whether a trade is booked, on the disk or waiting."""
        if any(row["trade_id"] == trade_id and row["subject"] == symbol for row in self._waiting):
            return True
        query = select(ENTRIES.c.seq).where(ENTRIES.c.subject == symbol, ENTRIES.c.trade_id == trade_id)
        with self._connected() as connection:
            return connection.scalar(query) is not None

    def entries(self, selection: Selection = EVERYTHING) -> Iterator[Recorded]:
        """Return the entries asked for, oldest first, in constant memory; those that wait are not among them."""
        return read_entries(self.path, self._connected, selection)

    def since(self, seq: int) -> Iterator[Recorded]:
        """Return the entries after `seq`, oldest first."""
        return self.entries(Selection(after_seq=seq))

    def save_snapshot(self, seq: int, state: Mapping[str, Any], layout: str) -> None:
        """Keep what the entries up to `seq`, and no later one, lead to; the newest three stay. Texts are not redacted.

        Raises JournalError where the disk refuses, ValueError for a `seq` that is not on the disk.
        """
        if not 0 <= seq <= self._last_seq:
            raise ValueError(f"a snapshot is of entries that are on the disk: {seq} is not in 0 to {self._last_seq}")
        with errors_named(self.path), self._transaction():
            self._keep(seq, state, layout)

    def _keep(self, seq: int, state: Mapping[str, Any], layout: str) -> None:
        text = json.dumps(state, separators=(",", ":"))
        row = {"seq": seq, "layout": layout, "state": text, "checksum": _snapshot_sum(seq, layout, text)}
        kept = select(SNAPSHOTS.c.seq).order_by(SNAPSHOTS.c.seq.desc()).limit(_SNAPSHOTS_KEPT)
        self._connection.execute(delete(SNAPSHOTS).where(SNAPSHOTS.c.seq >= seq))
        self._connection.execute(insert(SNAPSHOTS), row)
        self._connection.execute(delete(SNAPSHOTS).where(SNAPSHOTS.c.seq.not_in(kept)))

    def newest_snapshot(self) -> Snapshot | None:
        """Return the newest snapshot that is as it was written, or None: then everything is read from the start."""
        query = select(SNAPSHOTS).where(SNAPSHOTS.c.seq <= self._last_seq).order_by(SNAPSHOTS.c.seq.desc())
        with self._connected() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            if _snapshot_sum(row.seq, row.layout, row.state) == row.checksum:
                return Snapshot(row.seq, row.layout, json.loads(row.state))
        return None

    def save_copy(self) -> Path:
        """Copy the journal, as it is on the disk now, to a file beside it, which a refusal names; older ones go.

        The new copy stands, whole, before an old one goes. Raises JournalError where the disk refuses.
        """
        moment = datetime.fromtimestamp(self._clock.wall_ms() / 1000, UTC).strftime("%Y%m%dT%H%M%S%fZ")
        copy = self.path.with_name(f"{self.path.stem}.{moment}{COPY_SUFFIX}")
        older = [path for path in self.path.parent.glob(f"{self.path.stem}.*{COPY_SUFFIX}") if path != copy]
        with self._lock, _made_whole(copy) as draft, errors_named(self.path):
            _outside_transactions(self._connection, "VACUUM INTO ?", str(draft))
        for path in older:
            path.unlink(missing_ok=True)
        return copy

    def close(self) -> None:
        """Write what waits and let go of the file. Raises as `append` does, after it has let go."""
        with self._lock:
            try:
                self.flush()
            finally:
                with suppress(DBAPIError):
                    self._connection.close()
                self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _row(self, entry: Entry) -> dict[str, Any]:
        return {
            "ts_ms": self._clock.now_ms(),
            "wall_ms": self._clock.wall_ms(),
            "session": self.session,
            "kind": entry.kind,
            "level": entry.level.value,
            "subject": entry.subject,
            "client_order_id": entry.order_name,
            "order_id": entry.order_id if isinstance(entry, OrderIntent | OrderHeld) else None,
            "trade_id": entry.fill.trade_id if isinstance(entry, FillBooked) else None,
            "body": entry.to_json(self._clean),
        }

    def _clean(self, text: str) -> str:
        # Redacted first: half of a secret that was cut would not be known again.
        text = self._redact(text)
        return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"

    def _write(self, rows: list[dict[str, Any]], state: Mapping[str, Any] | None, layout: str) -> None:
        if not rows:
            return
        numbered = [{"seq": seq, **row} for seq, row in enumerate(rows, self._last_seq + 1)]
        for row in numbered:
            row["checksum"] = checksum(row)
        with errors_named(self.path), self._transaction():
            self._connection.execute(_INSERT, numbered)
            if state is not None:
                self._keep(numbered[-1]["seq"], state, layout)
        self._last_seq = numbered[-1]["seq"]
        self._in_log += 1
        order_ids = [row["order_id"] for row in rows if row["order_id"] is not None]
        self._next_order_id = max(self._next_order_id, *(number + 1 for number in order_ids), 0)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._connection.begin():
            yield

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with errors_named(self.path), self._transaction():
            yield self._connection


def _check(connection: Connection, path: Path) -> None:
    with connection.begin():
        check_settings(connection, path)
        if revision(connection) != REVISION:
            migrate(connection, path)
        check_whole(connection, path)
    # What a crash left behind the log's end goes, so that no later crash can be taken for damage.
    _outside_transactions(connection, "PRAGMA wal_checkpoint(TRUNCATE)")


def _outside_transactions(connection: Connection, statement: str, *values: str) -> None:
    connection.connection.cursor().execute(statement, values)


def _create(path: Path, clock: Clock) -> None:
    with _made_whole(path) as draft:
        engine = writing_engine(draft)
        try:
            with errors_named(path), engine.begin() as connection:
                migrate(connection, path)
                row = {"name": path.name, "tag": journal_tag(secrets.randbits(64)), "created_ms": clock.wall_ms()}
                connection.execute(insert(ABOUT), row)
                connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        finally:
            engine.dispose()


@contextmanager
def _made_whole(path: Path) -> Iterator[Path]:
    """Give a name to write to; what is there at the end is synced and takes its place at once."""
    draft = path.with_name(f".{path.name}.draft")
    _remove_drafts(draft)
    try:
        yield draft
        _sync(draft)
        draft.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {reason_of(error).lower()}; make room or choose another folder"
        ) from error
    finally:
        _remove_drafts(draft)


def _remove_drafts(draft: Path) -> None:
    for left in draft.parent.glob(f"{draft.name}*"):
        left.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _snapshot_sum(seq: int, layout: str, text: str) -> str:
    return hashlib.sha256(f"{seq}\0{layout}\0{text}".encode()).hexdigest()
