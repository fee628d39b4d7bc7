"""The bars that are to be validated: those of a config, of a name in the store, or of a file; and what is found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from keel.config.layers import override_all
from keel.config.modes import RunConfig
from keel.config.problems import explain
from keel.config.quality import QualitySection
from keel.config.section import Section
from keel.config.yaml_tree import Document
from keel.data.actions import TradedBars, read_actions
from keel.data.bars import PriceKind, StoredBars
from keel.data.calendars import calendar_timezone, sessions
from keel.data.provide import ensure_bars
from keel.data.quality.arrays import arrays_of_table
from keel.data.quality.examine import Clock, Days, Question, examine_bars
from keel.data.quality.finding import Examined
from keel.data.quality.raw_file import Layout, read_raw
from keel.data.quality.structure import missing_values
from keel.data.quality.unchecked import read_unchecked
from keel.data.repair import RepairedBars, read_splits, repair_bars
from keel.data.store import BarStore
from keel.domain.errors import UsageError
from keel.domain.instrument import InstrumentId
from keel.domain.orders import ActionKind
from keel.domain.timeframe import MS_PER_DAY, ROUND_THE_CLOCK

_UNNAMED: Final = "file"


@dataclass(frozen=True)
class Subject:
    """Hold bars to validate as they are read, where they lie, and the splits known of."""

    bars: StoredBars
    path: Path
    splits_ts_ms: NDArray[np.int64]


@dataclass(frozen=True)
class FileTarget:
    """Say whose bars a foreign file holds; needed only where it is to be stored."""

    venue: str | None
    symbol: str | None
    feed: str
    price_kind: PriceKind


class _Thresholds(Section):
    quality: QualitySection = Field(QualitySection(), description="Checks of the bars, and repairs.")


def thresholds(overrides: Sequence[str]) -> QualitySection:
    """Return the default thresholds with overrides such as `quality.stale_bars=10`. Raises ConfigError."""
    document = override_all(Document("the command line", {}, {}), overrides)
    try:
        return _Thresholds.model_validate(document.values).quality
    except ValidationError as error:
        raise explain(error, document, _Thresholds) from None


def subjects_of_config(config: RunConfig) -> Iterator[Subject]:
    """Yield all bars a run of this config would read; what its provider makes is made first."""
    data, store = config.data, BarStore(Path(config.data.store))
    ensure_bars(data, config.market.calendar, store)
    timeframes = [data.timeframe, *([data.reference_timeframe] if data.reference_timeframe else [])]
    for timeframe in timeframes:
        for symbol in data.symbols:
            name = InstrumentId(data.venue_of(symbol), symbol)
            path = store.open(name, timeframe).path
            bars = read_unchecked(path, data.start_ms, data.end_ms)
            yield Subject(bars, path, _listed_splits(config, bars))


def subject_of_store(store: Path, name: InstrumentId, timeframe: str) -> Subject:
    """Return the bars stored under a name. Raises DataError naming what is there instead."""
    path = BarStore(store).open(name, timeframe).path
    return Subject(read_unchecked(path), path, np.zeros(0, dtype=np.int64))


def subject_of_file(path: Path, layout: Layout, target: FileTarget) -> Subject:
    """Return the bars of a file: one of the store's, or one that has not been imported."""
    none = np.zeros(0, dtype=np.int64)
    if path.suffix == ".parquet" and path.is_file() and _is_stored(path):
        return Subject(read_unchecked(path), path, none)
    table, timeframe = read_raw(path, layout)
    name = InstrumentId(target.venue or _UNNAMED, target.symbol or path.stem)
    zone = calendar_timezone(layout.calendar)
    return Subject(
        StoredBars(name, timeframe, target.feed, target.price_kind, layout.calendar, zone, table), path, none
    )


def mended(subject: Subject, rules: QualitySection) -> tuple[Subject, RepairedBars | None]:
    """Return the bars with the repairs asked for done, and the record of it; None where none is."""
    if not rules.repair:
        return subject, None
    (splits,) = read_splits(rules, [subject.bars])
    done = repair_bars(subject.bars, rules, subject.path, splits)
    return replace(subject, bars=done.bars), done


def examined(subject: Subject, rules: QualitySection, day: str | None) -> Examined:
    """Check the bars, all of them or those of one day: yesterday, today or a date such as 2024-01-15."""
    bars = subject.bars
    days = None if day is None else _days(day, bars.calendar)
    question = Question(rules, Clock(bars.timeframe, bars.calendar), subject.splits_ts_ms, days)
    expected, findings = examine_bars(arrays_of_table(bars.table), question)
    return Examined(
        name=str(bars.instrument_id),
        path=str(subject.path),
        timeframe=bars.timeframe,
        rows=_rows_in(bars.table, days),
        expected=expected,
        missing_values=missing_values(bars.table),
        findings=findings,
    )


def _listed_splits(config: RunConfig, bars: StoredBars) -> NDArray[np.int64]:
    if config.data.actions is None:
        return np.zeros(0, dtype=np.int64)
    opens = bars.table["open_ts_ms"]
    span = (int(cast(int, opens.min() or 0)), int(cast(int, opens.max() or 0)) + MS_PER_DAY)
    traded = [TradedBars(symbol, bars.timezone, bars.price_kind, *span) for symbol in config.data.symbols]
    found = read_actions(Path(config.data.actions), traded)
    own = found.records["instrument"] == config.data.symbols.index(bars.instrument_id.symbol)
    return np.asarray(found.records["ts_ms"][own & (found.records["kind"] == ActionKind.SPLIT)])


def _is_stored(path: Path) -> bool:
    return b"price_kind" in (pq.read_schema(path).metadata or {})


def _days(day: str, calendar: str) -> Days:
    today = datetime.now(ZoneInfo(calendar_timezone(calendar))).date()
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    try:
        asked = named.get(day) or date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"--date {day}: write yesterday, today or a date such as 2024-01-15") from None
    midnight = int(datetime(asked.year, asked.month, asked.day, tzinfo=UTC).timestamp()) * 1000
    if calendar == ROUND_THE_CLOCK:
        return Days(midnight, midnight + MS_PER_DAY)
    number = midnight // MS_PER_DAY
    known = sessions(calendar, number, number)
    at = np.flatnonzero(known.day == number)
    if at.size == 0:
        return Days(midnight, midnight)  # no session: no bar is expected
    return Days(int(known.open_ts_ms[at[0]]), int(known.close_ts_ms[at[0]]))


def _rows_in(table: pl.DataFrame, days: Days | None) -> int:
    if days is None:
        return table.height
    return table.filter(pl.col("open_ts_ms") >= days.start_ms, pl.col("open_ts_ms") < days.end_ms).height


def as_json(found: Sequence[Examined], repaired: Sequence[RepairedBars | None]) -> list[dict[str, Any]]:
    """Return what a program reads: one tree for each instrument's bars."""
    return [
        one.as_json() | {"repairs": [repair.as_json() for repair in done.repairs] if done else []}
        for one, done in zip(found, repaired, strict=True)
    ]
