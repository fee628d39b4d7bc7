"""Reading the files of an update job by its format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from keel.config.update import UpdateJob
from keel.data.bars import StoredBars
from keel.data.importers.binance import binance_target, read_binance
from keel.data.importers.columns import POSITIONS, STANDARD_COLUMNS, Target
from keel.data.importers.files import freqtrade_target, read_csv, read_freqtrade, read_parquet, read_yahoo
from keel.data.importers.lean import read_lean
from keel.domain.errors import DataError
from keel.domain.instrument import InstrumentId


def read_for(job: UpdateJob, path: Path, symbol: str | None, left_out: Callable[[int], None]) -> StoredBars:
    """Read one file of a job; `symbol` is None where the file tells it. Raises DataError naming the file and row.

    `left_out` is told of bars outside the sessions where the job leaves them out.
    """
    bars = _read(job, path, symbol, left_out if job.outside_sessions == "drop" else None)
    if bars.timeframe != job.timeframe:
        raise DataError(f"{path}: its bars are {bars.timeframe}, the job's timeframe is {job.timeframe}")
    return bars


def _read(job: UpdateJob, path: Path, symbol: str | None, left_out: Callable[[int], None] | None) -> StoredBars:
    feed, calendar = job.feed or job.format, job.trading_calendar
    if job.format == "binance":
        return read_binance(path, binance_target(path, job.venue, symbol, job.timeframe, feed))
    if job.format == "freqtrade":
        return read_freqtrade(path, freqtrade_target(path, job.venue, symbol, job.timeframe, feed))
    if job.format == "lean":
        return read_lean(path, job.venue, symbol, calendar, feed, left_out)
    name = InstrumentId(job.venue, symbol or path.stem)
    if job.format == "yahoo":
        return read_yahoo(path, Target(name, "1d", feed, "split", calendar))
    kind = job.price_kind or "raw"
    target = Target(name, job.timeframe, feed, kind, calendar, job.timezone, left_out)
    mapping = dict(STANDARD_COLUMNS if job.header else POSITIONS)
    mapping.update(job.columns.items())
    if job.format == "parquet":
        return read_parquet(path, mapping, target)
    return read_csv(path, mapping, target, header=job.header)
