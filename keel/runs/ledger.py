"""The trial ledger, state/trials.db: every set of parameters ever tried, on which bars, and what came out.

How good a result is depends on how many were tried before it was found (Bailey and López de Prado, The Deflated Sharpe
Ratio, J. Portfolio Management 40(5), 2014). The ledger keeps that number, over all searches and single backtests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import ColumnElement, Engine, func, insert, select
from sqlalchemy.dialects.sqlite import insert as insert_or
from sqlalchemy.exc import DatabaseError

from keel.domain.errors import UsageError
from keel.runs.disk import make_folder
from keel.runs.hashing import config_hash
from keel.runs.ledger_schema import BARS, STUDY, TRIAL, open_engine

if TYPE_CHECKING:
    from keel.runs.manifest import DataRecord

LEDGER_NAME: Final = "trials.db"
_NOT_RUN: Final = ("skipped", "failed")
"""Statuses of trials that showed nobody a figure: they are kept, and not counted."""
_NOT_OF_THE_RESULT: Final = {"run": ("name", "artifacts_dir", "logs_dir", "state_dir"), "doctor": None, "ray": None}
"""Sections, and keys of sections, that change no result."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Describe one trial. `figures` are numbers by name, None where undefined; times are UTC.

    `status` is done, halted, bankrupt, interrupted or kill_switch as a run's, `skipped` for parameters a config cannot
    have and `failed` for a strategy that raised, both with their reason and, if skipped, without
    hashes. `key` is unique within a study.
    """

    number: int
    key: str
    started: str
    duration_s: float
    config_hash: str | None
    setup_hash: str | None
    parameters: Mapping[str, str]
    set_hash: str
    source_hash: str
    git_revision: str | None
    seed: int
    stream: int
    status: str
    reason: str | None = None
    first_ts_ms: int | None = None
    last_ts_ms: int | None = None
    figures: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialCount:
    """Count trials that were simulated: all of them, and how many are not repeats of another."""

    trials: int
    different: int


class TrialLedger:
    """Read and write the ledger of one state folder; several processes may at once.

    Raises UsageError naming the file and the mend for a disk that refuses and for a file that is no ledger.
    """

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self._engine = engine

    @classmethod
    def open(cls, state_dir: Path) -> Self:
        """Open the ledger of a state folder; create it, or bring it up to this version, where needed."""
        make_folder(state_dir)
        path = state_dir / LEDGER_NAME
        with _errors_named(path):
            return cls(path, open_engine(path))

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def claim_study(self, name: str, kind: str, created: str, request: Mapping[str, Any]) -> str:
        """Enter a new study and return its name: a taken one gets `-2`, `-3`, …"""

        with _errors_named(self.path), self._engine.begin() as connection:
            taken, claimed, attempt = set(connection.scalars(select(STUDY.c.name))), name, 1
            while claimed in taken:
                attempt += 1
                claimed = f"{name}-{attempt}"
            connection.execute(insert(STUDY).values(name=claimed, kind=kind, created=created, request=dict(request)))
        return claimed

    def request_of(self, study: str) -> dict[str, Any] | None:
        """Return what a study was asked, or None where there is no such study."""

        with _errors_named(self.path), self._engine.connect() as connection:
            found = connection.scalar(select(STUDY.c.request).where(STUDY.c.name == study))
        return None if found is None else dict(found)

    def studies(self) -> list[dict[str, Any]]:
        """Return every study that has a trial, newest first: its kind, time, number of trials and best Sharpe ratio."""

        columns = (STUDY.c.name, STUDY.c.kind, STUDY.c.created)
        counted = func.count(TRIAL.c.id).label("trials")
        best = func.max(TRIAL.c.sharpe).label("best_sharpe")
        query = (
            select(*columns, counted, best)
            .join(TRIAL, TRIAL.c.study == STUDY.c.name)
            .group_by(*columns)
            .order_by(STUDY.c.created.desc(), STUDY.c.name)
        )
        with _errors_named(self.path), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def note_bars(self, records: Sequence[DataRecord]) -> str:
        """Enter the bars of a run, if they are new, and return the hash that names them together."""

        named = bars_hash(records)
        rows = [
            {
                "set_hash": named,
                "row_count": record.rows,
                **{name: getattr(record, name) for name in ("instrument", "timeframe", "content_hash")},
                **{name: getattr(record, name) for name in ("first_ts_ms", "last_ts_ms")},
            }
            for record in records
        ]
        with _errors_named(self.path), self._engine.begin() as connection:
            connection.execute(insert_or(BARS).on_conflict_do_nothing(), rows)
        return named

    def record(self, study: str, *trials: Trial) -> None:
        """Enter finished trials at once: a process killed right after has lost none of them."""

        rows = [_row(study, trial) for trial in trials]
        with _errors_named(self.path), self._engine.begin() as connection:
            connection.execute(insert(TRIAL), rows)

    def trials(self, *, study: str | None = None, set_hash: str | None = None) -> list[dict[str, Any]]:
        """Return trials, oldest first, as mappings of every column: of a study, on these bars, or all."""

        query = select(TRIAL).order_by(TRIAL.c.id)
        if study is not None:
            query = query.where(TRIAL.c.study == study)
        if set_hash is not None:
            query = query.where(TRIAL.c.set_hash == set_hash)
        with _errors_named(self.path), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def count(self, set_hash: str) -> TrialCount:
        """Count the trials simulated on exactly these bars, whichever study made them."""
        return self._count(TRIAL.c.set_hash == set_hash)

    def count_overlapping(self, set_hash: str) -> TrialCount:
        """Count the trials simulated on bars of an instrument of these over some of the same time, these included."""

        mine, other = BARS.alias("mine"), BARS.alias("other")
        shared = (
            select(other.c.set_hash)
            .join(mine, mine.c.instrument == other.c.instrument)
            .where(mine.c.set_hash == set_hash)
            .where(other.c.first_ts_ms <= mine.c.last_ts_ms, other.c.last_ts_ms >= mine.c.first_ts_ms)
        )
        return self._count(TRIAL.c.set_hash.in_(shared))

    def _count(self, where: ColumnElement[bool]) -> TrialCount:

        query = select(func.count(TRIAL.c.id), func.count(TRIAL.c.setup_hash.distinct()))
        query = query.where(where).where(TRIAL.c.status.not_in(_NOT_RUN))
        with _errors_named(self.path), self._engine.connect() as connection:
            trials, different = connection.execute(query).one()
        return TrialCount(trials, different)


def bars_hash(records: Sequence[DataRecord]) -> str:
    """Return one hash for a run's bars, whatever the order and the folder they were read from."""
    lines = sorted(f"{one.instrument} {one.timeframe} {one.content_hash}" for one in records)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def setup_hash(resolved: Mapping[str, Any]) -> str:
    """Return the hash of what shapes a result in a resolved config: names, folders and checks do not enter."""
    shaping: dict[str, Any] = {}
    for name, section in resolved.items():
        dropped = _NOT_OF_THE_RESULT.get(name, ())
        if dropped is not None:
            shaping[name] = {key: value for key, value in section.items() if key not in dropped} if dropped else section
    return config_hash(shaping)


def _row(study: str, trial: Trial) -> dict[str, Any]:
    columns = {column.name: getattr(trial, column.name) for column in fields(trial)}
    headline = {name: trial.figures.get(name) for name in ("sharpe", "total_return", "max_drawdown")}
    given = {"study": study, "parameters": dict(trial.parameters), "figures": dict(trial.figures)}
    return columns | given | headline


@contextmanager
def _errors_named(path: Path) -> Iterator[None]:

    try:
        yield
    except DatabaseError as error:
        what = str(error.orig).lower()
        mend = "free some space, or end what else writes to it, and run again"
        if "not a database" in what or "malformed" in what:
            mend = "it is damaged or no ledger of Keel: move it away, and a new one is begun"
        elif "readonly" in what or "unable to open" in what:
            mend = "make the file and its folder writable for this user"
        raise UsageError(f"cannot use the trial ledger {path}: {what}; {mend}") from error
