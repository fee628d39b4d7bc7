"""The tables of a journal, and how its file is opened: write-ahead log, every commit on the disk when it returns."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection as Driver
from typing import Final
from urllib.parse import quote

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    text,
)

from keel.domain.errors import GateRefusedError
from keel.journal.refusals import damaged

REVISION: Final = "0001"
"""The migration this version of Keel works with: the newest one in `migrations/versions`."""
APPLICATION_ID: Final = 0x4B4A4E4C
"""What SQLite's header calls a file of ours: KJNL."""

_WRITER: Final = {
    "busy_timeout": "2000",
    "journal_mode": "wal",
    "synchronous": "2",
    "fullfsync": "1",
    "checkpoint_fullfsync": "1",
    "foreign_keys": "1",
    "recursive_triggers": "1",
    "wal_autocheckpoint": "10000",
}
"""Settings of who writes, as SQLite reads them back; synchronous 2 is FULL, recursive_triggers let no REPLACE through.

The log is put away by `flush`, in a quiet moment; the last setting is for those who never call it.
"""
_READER: Final = {"busy_timeout": "2000", "query_only": "1"}

METADATA: Final = MetaData()

ABOUT: Final = Table(
    "about",
    METADATA,
    Column("tag", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("created_ms", Integer, nullable=False),
)
"""One row: the tag in our order names, which journal this is, and when it was begun."""

ENTRIES: Final = Table(
    "entries",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("ts_ms", Integer, nullable=False),
    Column("wall_ms", Integer, nullable=False),
    Column("session", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("level", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("client_order_id", String),
    Column("order_id", Integer),
    Column("trade_id", String),
    Column("body", String, nullable=False),
    Column("checksum", Integer, nullable=False),
    Index("ix_entries_ts_ms", "ts_ms"),
    Index("ix_entries_wall_ms", "wall_ms"),
    Index("ix_entries_subject", "subject"),
    Index("ix_entries_client_order_id", "client_order_id", sqlite_where=text("client_order_id IS NOT NULL")),
    Index("ix_entries_order_id", "order_id", unique=True, sqlite_where=text("order_id IS NOT NULL")),
    Index("ix_entries_trade_id", "subject", "trade_id", unique=True, sqlite_where=text("trade_id IS NOT NULL")),
    sqlite_autoincrement=True,
)
"""What happened, in order, never changed. `ts_ms` is the market's time, `wall_ms` ours.

`order_id` stands with intents of new orders and `trade_id` with booked fills only: each is there once.
"""

SNAPSHOTS: Final = Table(
    "snapshots",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("layout", String, nullable=False),
    Column("state", String, nullable=False),
    Column("checksum", String, nullable=False),
)
"""What the entries up to `seq` lead to: derived, to start sooner."""


def writing_engine(path: Path) -> Engine:
    """Return an engine that writes: each commit is on the disk when it returns."""
    return _engine(URL.create("sqlite", database=str(path)), _WRITER)


def reading_engine(path: Path) -> Engine:
    """Return an engine that only reads, beside a writer or after it; it never creates or repairs the file."""
    # In a folder we may not write to, a log that is not there cannot be made, and need not be.
    logless = not path.with_name(f"{path.name}-wal").exists()
    query = {"mode": "ro", "uri": "true"}
    if logless and not os.access(path.parent, os.W_OK):
        query["immutable"] = "1"
    return _engine(URL.create("sqlite", database=f"file:{quote(str(path.absolute()))}", query=query), _READER)


def _engine(url: URL, settings: dict[str, str]) -> Engine:
    engine = create_engine(url)
    event.listen(engine, "connect", _preparing(settings))
    event.listen(engine, "begin", _begin if settings is _WRITER else _begin_reading)
    return engine


def check_settings(connection: Connection, path: Path) -> None:
    """Read the writer's settings back. Raises GateRefusedError where the disk or SQLite does without one."""
    for name, wanted in _WRITER.items():
        found = str(connection.exec_driver_sql(f"PRAGMA {name}").scalar())
        if found != wanted:
            raise GateRefusedError(
                f"the journal {path} cannot be kept safe: {name} is {found} instead of {wanted}; "
                "put the state folder on a local disk"
            )


def revision(connection: Connection) -> str | None:
    """Return the schema a file has, or None for a file that is not ours."""
    if connection.exec_driver_sql("PRAGMA application_id").scalar() != APPLICATION_ID:
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def migrate(connection: Connection, path: Path) -> None:
    """Bring a file to this schema, inside the caller's transaction. Raises GateRefusedError for a newer one."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "keel.journal:migrations")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = revision(connection)
    if found is not None and found not in known:
        message = f"the journal {path} was written by a newer Keel (its schema is {found}): update Keel to use it"
        raise GateRefusedError(message)
    config.attributes["connection"] = connection
    command.upgrade(config, REVISION)


def check_whole(connection: Connection, path: Path) -> None:
    """Have SQLite look through the whole file. Raises GateRefusedError for the first thing that is wrong."""
    found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    if found != "ok":
        raise damaged(path, " ".join(found.split()).lower())


def _preparing(settings: dict[str, str]) -> Callable[[Driver, object], None]:
    def prepare(connection: Driver, _record: object) -> None:
        # The driver's own transactions would begin as readers: ours begin as what they are.
        connection.isolation_level = None
        for name, value in settings.items():
            connection.execute(f"PRAGMA {name}={value}")

    return prepare


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
