"""One file of bars: how it is laid out, written whole or not at all, and read memory-mapped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast
from uuid import uuid4

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from keel.data.bars import COLUMNS, PRICE_KINDS, PriceKind, StoredBars, in_column_order
from keel.data.check import check_bars, check_schema
from keel.domain.errors import DataError
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import utc_text

# Arrow's own pool keeps freed columns for later; a backtest reads once, so let them go back to the system.
pa.set_memory_pool(pa.system_memory_pool())

_METADATA: Final = ("feed", "price_kind", "venue", "symbol", "timeframe", "calendar", "timezone")
_POLARS_TYPES: Final = {"int64": pl.Int64(), "double": pl.Float64()}
_ENCODING: Final[dict[str, Any]] = {
    # small enough that a month of minutes does not read the years around it
    "row_group_size": 1 << 17,
    "compression": "lz4",
    "use_dictionary": False,
    # the bytes of a price that change little lie together: smaller files, read twice as fast
    "column_encoding": {
        name: "DELTA_BINARY_PACKED" if dtype == pl.Int64() else "BYTE_STREAM_SPLIT" for name, dtype in COLUMNS.items()
    },
    "write_page_checksum": True,
}


def write_file(path: Path, bars: StoredBars) -> None:
    """Write bars to a file beside `path`, then rename it over `path`.

    Raises DataError for a bad bar and when the write fails, a full disk included: then the file that was
    there is whole and nothing lies beside it.
    """
    check_bars(bars.table, str(path))
    metadata = {key.encode(): value.encode() for key, value in bars.metadata().items()}
    table = in_column_order(bars.table).to_arrow().replace_schema_metadata(metadata)
    beside = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            pq.write_table(table, file, **_ENCODING)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise DataError(
            f"could not write {path}: {_reason(error)}; nothing stored before was touched: make room and try again"
        ) from error
    finally:
        _remove(beside)


def read_file(path: Path, start_ms: int | None = None, end_ms: int | None = None) -> StoredBars:
    """Read the bars that open in [start_ms, end_ms), epoch milliseconds, None = unbounded.

    Raises DataError if the file is damaged, is not Keel's, breaks a rule of `check_bars`, or has no bar in
    the range (then its own range is named).
    """
    with _opened(path) as file:
        metadata = _metadata(file, path)
        check_schema(_schema(file), str(path))
        bars = _stored_bars(metadata, _rows(file, start_ms, end_ms))
        if bars.table.height == 0 and file.metadata.num_rows:
            raise DataError(_no_bars_in_range(file, path, start_ms, end_ms))
    check_bars(bars.table, str(path))
    return bars


def read_header(path: Path) -> StoredBars:
    """Read what a file says of its bars, without a row. Raises DataError if it is damaged or not Keel's."""
    with _opened(path) as file:
        metadata = _metadata(file, path)
        return _stored_bars(metadata, pl.DataFrame(schema=_schema(file)))


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path, memory_map=True, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        told = f"damaged, or no Parquet file: {_reason(error)}; delete it and import the bars again"
        raise DataError(f"{path}: {told}") from error


def _metadata(file: pq.ParquetFile, path: Path) -> dict[str, str]:
    raw = file.schema_arrow.metadata or {}
    found = {name: raw[name.encode()].decode() for name in _METADATA if name.encode() in raw}
    if missing := [name for name in _METADATA if name not in found]:
        raise DataError(
            f"{path}: its metadata has no {', '.join(missing)}, so Keel did not write it: "
            f"bring it in with python scripts/import_bars.py parquet"
        )
    if found["price_kind"] not in PRICE_KINDS:
        raise DataError(
            f"{path}: price_kind {found['price_kind']!r} in its metadata is none of {', '.join(PRICE_KINDS)}"
        )
    return found


def _stored_bars(metadata: dict[str, str], table: pl.DataFrame) -> StoredBars:
    return StoredBars(
        instrument_id=InstrumentId(metadata["venue"], metadata["symbol"]),
        timeframe=metadata["timeframe"],
        feed=metadata["feed"],
        price_kind=cast(PriceKind, metadata["price_kind"]),
        calendar=metadata["calendar"],
        timezone=metadata["timezone"],
        table=table,
    )


def _rows(file: pq.ParquetFile, start_ms: int | None, end_ms: int | None) -> pl.DataFrame:
    """Read only the row groups that reach into the range, then cut off the rows outside it."""
    every = range(file.metadata.num_row_groups)
    stamps = [file.metadata.row_group(i).column(0).statistics for i in every]
    groups = [i for i in every if _reaches_into(stamps[i], start_ms, end_ms)]
    table = _as_polars(file.read_row_groups(groups, use_threads=False))
    # A filter copies all columns: leave it out where it would keep every row.
    if start_ms is not None and any(stamps[i].min < start_ms for i in groups):
        table = table.filter(pl.col("open_ts_ms") >= start_ms)
    if end_ms is not None and any(stamps[i].max >= end_ms for i in groups):
        table = table.filter(pl.col("open_ts_ms") < end_ms)
    return table


def _reaches_into(stamps: pq.Statistics, start_ms: int | None, end_ms: int | None) -> bool:
    return (start_ms is None or stamps.max >= start_ms) and (end_ms is None or stamps.min < end_ms)


def _no_bars_in_range(file: pq.ParquetFile, path: Path, start_ms: int | None, end_ms: int | None) -> str:
    stamps = [file.metadata.row_group(i).column(0).statistics for i in range(file.metadata.num_row_groups)]
    bounds = (("from", start_ms), ("before", end_ms))
    asked = " ".join(f"{word} {utc_text(ts)}" for word, ts in bounds if ts is not None)
    return (
        f"{path}: no bar opens {asked}; its bars open {utc_text(stamps[0].min)} .. {utc_text(stamps[-1].max)}: "
        f"change data.start and data.end, or import more"
    )


def _schema(file: pq.ParquetFile) -> pl.Schema:
    # by hand: an empty arrow table, which polars could convert, would import pandas
    return pl.Schema({field.name: _POLARS_TYPES.get(str(field.type), pl.Unknown()) for field in file.schema_arrow})


def _as_polars(table: pa.Table) -> pl.DataFrame:
    return cast(pl.DataFrame, pl.from_arrow(table, rechunk=False))


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(beside: Path) -> None:
    try:
        beside.unlink(missing_ok=True)
    except OSError:  # its folder could not be made: there is nothing to remove
        return


def _reason(error: BaseException) -> str:
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return " ".join(text.split())[:200]
