"""The tables of the trial ledger, and how its file is opened: in WAL mode, so that two writers wait little."""

from __future__ import annotations

from pathlib import Path
from sqlite3 import Connection as Driver
from typing import Final

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    inspect,
    text,
)

from keel.domain.errors import UsageError

REVISION: Final = "0001"
"""The migration this version of Keel works with: the newest one in `migrations/versions`."""

_BUSY_MS: Final = 30_000
"""How long a writer waits for another one before it gives up."""
_APPLIED: Final = "alembic_version"

METADATA: Final = MetaData()

STUDY: Final = Table(
    "study",
    METADATA,
    Column("name", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("created", String, nullable=False),
    Column("request", JSON, nullable=False),
)
"""A search or a single backtest: `request` is what was asked, which a resumed one must ask again."""

BARS: Final = Table(
    "bars",
    METADATA,
    Column("set_hash", String, primary_key=True),
    Column("instrument", String, primary_key=True),
    Column("timeframe", String, primary_key=True),
    Column("content_hash", String, nullable=False),
    Column("first_ts_ms", Integer),
    Column("last_ts_ms", Integer),
    Column("row_count", Integer, nullable=False),
)
"""The bars of a run, one row an instrument and timeframe; `set_hash` names them all together."""

TRIAL: Final = Table(
    "trial",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("study", String, ForeignKey("study.name"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("key", String, nullable=False),
    Column("started", String, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("config_hash", String),
    Column("setup_hash", String),
    Column("parameters", JSON, nullable=False),
    Column("set_hash", String, nullable=False),
    Column("first_ts_ms", Integer),
    Column("last_ts_ms", Integer),
    Column("git_revision", String),
    Column("source_hash", String, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("stream", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", String),
    Column("sharpe", Float),
    Column("total_return", Float),
    Column("max_drawdown", Float),
    Column("figures", JSON, nullable=False),
    UniqueConstraint("study", "key"),
    Index("ix_trial_set_hash", "set_hash"),
)
"""One set of parameters, simulated or refused: `key` names it in its study, `setup_hash` what was simulated."""


def open_engine(path: Path) -> Engine:
    """Return an engine on the ledger's file, its schema brought up to this version.

    Raises UsageError for a file of a newer Keel; SQLAlchemy's errors pass through.
    """
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    with engine.connect() as connection:
        found = _revision(connection)
    if found != REVISION:
        _migrate(engine, path)
    return engine


def _prepare(connection: Driver, _record: object) -> None:
    # The driver's own transactions would let two readers become writers at once and one fail: ours begin as writers.
    connection.isolation_level = None
    for pragma in (f"busy_timeout={_BUSY_MS}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_APPLIED):
        return None
    return connection.execute(text(f"SELECT version_num FROM {_APPLIED}")).scalar()  # noqa: S608 - a constant


def _migrate(engine: Engine, path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "keel.runs:migrations")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.begin() as connection:
        # Looked at again inside the write lock: another process may have been faster.
        found = _revision(connection)
        if found is not None and found not in known:
            raise UsageError(f"{path} was written by a newer Keel (its schema is {found}): update Keel to use it")
        config.attributes["connection"] = connection
        command.upgrade(config, REVISION)
