"""One file of bars: how it is laid out, written whole or not at all, and read piece by piece."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast
from uuid import uuid4

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from keel.config.section import clip
from keel.data.bars import (
    COLUMNS,
    EARLIEST_TS_MS,
    LATEST_TS_MS,
    PRICE_KINDS,
    PriceKind,
    StoredBars,
    hash_columns,
    in_column_order,
)
from keel.data.check import check_bars, check_schema
from keel.domain.errors import DataError, UsageError, reason_of
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import timeframe_ms, utc_text

# Arrow's own pool keeps freed columns for later; a backtest reads once, so let them go back to the system.
pa.set_memory_pool(pa.system_memory_pool())

_METADATA: Final = ("feed", "price_kind", "venue", "symbol", "timeframe", "calendar", "timezone")
_LONGEST_TEXT: Final = 500
"""Characters of a metadata value; the feed of made-up bars, the longest there is, has some 150."""
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
    for name, value in bars.metadata().items():
        if not value.isprintable() or len(value) > _LONGEST_TEXT:
            raise DataError(
                f"{path}: {name} {clip(value)} cannot be kept: write at most {_LONGEST_TEXT} printable signs"
            )
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
            f"could not write {path}: {reason_of(error)}; nothing stored before was touched: make room and try again"
        ) from error
    finally:
        _remove(beside)


class BarFile:
    """Read one file of bars piece by piece (a `BarSource`): those that open in [start_ms, end_ms), None = unbounded.

    Each pass opens the file anew and raises DataError if it was replaced since the first, is damaged, breaks a rule of
    `check_bars`, or has no bar in the range (then its own range is named). Nothing is held between two pieces.
    """

    def __init__(self, path: Path, start_ms: int | None = None, end_ms: int | None = None) -> None:
        """Open the file; raise DataError if it is damaged, is not Keel's or its columns are not those of bars."""
        self._path, self._start_ms, self._end_ms = path, start_ms, end_ms
        with _opened(path) as file:
            self._identity = _identity(path)
            metadata, schema = _metadata(file, path), _schema(file, path)
            check_schema(schema, str(path))
            self.header = _stored_bars(metadata, pl.DataFrame(schema=schema))

    @property
    def path(self) -> Path:
        """Return where the file lies."""
        return self._path

    def read(self) -> StoredBars:
        """Read all bars of the range into one table."""
        return replace(self.header, table=pl.concat(list(self.pieces()), rechunk=False))

    def closes(self) -> NDArray[np.int64]:
        """Return all close times, UTC epoch milliseconds; nothing else is read or checked."""
        with self._file() as file:
            groups = self._groups(file)
            out = np.empty(sum(file.metadata.row_group(i).num_rows for i in groups), dtype=np.int64)
            rows = 0
            for piece in self._columns(file, ["close_ts_ms"]):
                out[rows : rows + piece.height] = piece["close_ts_ms"].fill_null(0).to_numpy()
                rows += piece.height
            if rows == 0:
                self._refuse_nothing(file)
            return out[:rows]

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Yield the rows of the range in time order, a row group at a time, each checked before it is given."""
        rows, last = 0, self.header.table
        with self._file() as file:
            for piece in self._columns(file, self.header.table.columns):
                # the row above stands along, for a bar must not open before the one above has closed
                check_bars(pl.concat([last, piece], rechunk=False), str(self._path), rows - last.height)
                rows, last = rows + piece.height, piece.tail(1)
                yield piece
            if rows == 0:
                self._refuse_nothing(file)

    def content_hash(self) -> str:
        """Return what `StoredBars.content_hash` of these bars returns, reading a column at a time."""
        with self._file() as file:
            return hash_columns(
                self.header.metadata(),
                self.header.table.columns,
                lambda name: (piece[name].to_numpy() for piece in self._columns(file, [name])),
            )

    @contextmanager
    def _file(self) -> Iterator[pq.ParquetFile]:
        with _opened(self._path) as file:
            if _identity(self._path) != self._identity:
                raise DataError(f"{self._path}: was replaced while it was read; run again")
            yield file

    def _groups(self, file: pq.ParquetFile) -> dict[int, bool]:
        """Return the row groups that reach into the range, and whether each lies wholly in it."""
        if self._start_ms is None and self._end_ms is None:
            return dict.fromkeys(range(file.num_row_groups), True)
        start = EARLIEST_TS_MS if self._start_ms is None else self._start_ms
        end = LATEST_TS_MS if self._end_ms is None else self._end_ms
        return {
            i: first >= start and last < end
            for i, (first, last) in enumerate(_spans(file))
            if last >= start and first < end
        }

    def _columns(self, file: pq.ParquetFile, names: list[str]) -> Iterator[pl.DataFrame]:
        """Yield the rows of the range, a row group at a time, unchecked; no piece is empty."""
        for i, inside in self._groups(file).items():
            # a filter copies all columns: leave it out where it would keep every row
            wanted = names if inside else list(dict.fromkeys(["open_ts_ms", *names]))
            piece = as_polars(file.read_row_group(i, columns=wanted, use_threads=False))
            if not inside:
                piece = _within(piece, self._start_ms, self._end_ms).select(names)
            if piece.height:
                yield piece

    def _refuse_nothing(self, file: pq.ParquetFile) -> None:
        if file.metadata.num_rows == 0:
            check_bars(self.header.table, str(self._path))
        raise DataError(_no_bars_in_range(file, self._path, self._start_ms, self._end_ms))


def read_header(path: Path) -> StoredBars:
    """Read what a file says of its bars, without a row. Raises DataError if it is damaged or not Keel's."""
    with _opened(path) as file:
        metadata = _metadata(file, path)
        return _stored_bars(metadata, pl.DataFrame(schema=_schema(file, path)))


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        # Not memory-mapped: the pages of a file read once would stay in the process beside what was made of them.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        told = f"damaged, or no Parquet file: {reason_of(error)}; delete it and import the bars again"
        raise DataError(f"{path}: {told}") from error


def _metadata(file: pq.ParquetFile, path: Path) -> dict[str, str]:
    raw = file.schema_arrow.metadata or {}
    found = {name: raw[name.encode()].decode() for name in _METADATA if name.encode() in raw}
    if missing := [name for name in _METADATA if name not in found]:
        raise DataError(
            f"{path}: its metadata has no {', '.join(missing)}, so Keel did not write it: "
            f"bring it in with python scripts/import_bars.py parquet"
        )
    for name, value in found.items():
        if not value.isprintable() or len(value) > _LONGEST_TEXT:
            raise DataError(
                f"{path}: {name} {clip(value)} in its metadata is no name: delete it and import the bars again"
            )
    if found["price_kind"] not in PRICE_KINDS:
        told = f"price_kind {clip(found['price_kind'])} in its metadata is none of {', '.join(PRICE_KINDS)}"
        raise DataError(f"{path}: {told}")
    try:
        timeframe_ms(found["timeframe"])
    except UsageError as error:
        raise DataError(f"{path}: its metadata: {error}") from error
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


def _spans(file: pq.ParquetFile) -> list[tuple[int, int]]:
    """Return the first and last open of each row group, as wide as can be where the file does not tell."""
    at = file.schema_arrow.get_field_index("open_ts_ms")
    for i in range(file.num_row_groups):
        # Arrow ends the process over a damaged footer when asked for statistics, but not when asked for a row
        next(file.iter_batches(1, row_groups=[i], columns=["open_ts_ms"], use_threads=False), None)
    columns = [file.metadata.row_group(i).column(at) for i in range(file.metadata.num_row_groups)]
    if any(column.physical_type != "INT64" for column in columns):
        raise pa.ArrowInvalid("its column of times holds no times")
    told = [column.statistics for column in columns]
    return [
        (one.min, one.max) if one is not None and one.has_min_max else (EARLIEST_TS_MS, LATEST_TS_MS) for one in told
    ]


def _within(piece: pl.DataFrame, start_ms: int | None, end_ms: int | None) -> pl.DataFrame:
    opens = pl.col("open_ts_ms")
    bounds = [] if start_ms is None else [opens >= start_ms]
    return piece.filter(*bounds, *([] if end_ms is None else [opens < end_ms]))


def _identity(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _no_bars_in_range(file: pq.ParquetFile, path: Path, start_ms: int | None, end_ms: int | None) -> str:
    spans = _spans(file)
    bounds = (("from", start_ms), ("before", end_ms))
    asked = " ".join(f"{word} {utc_text(ts)}" for word, ts in bounds if ts is not None)
    return (
        f"{path}: no bar opens {asked}; its bars open {utc_text(spans[0][0])} .. {utc_text(spans[-1][1])}: "
        f"change data.start and data.end, or import more"
    )


def _schema(file: pq.ParquetFile, path: Path) -> pl.Schema:
    names = [field.name for field in file.schema_arrow]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DataError(f"{path}: column {clip(twice)} stands twice; delete it and import the bars again")
    # by hand: an empty arrow table, which polars could convert, would import pandas
    return pl.Schema({field.name: _POLARS_TYPES.get(str(field.type), pl.Unknown()) for field in file.schema_arrow})


def as_polars(table: pa.Table) -> pl.DataFrame:
    """Return an Arrow table as a polars one, without its metadata."""
    # polars dies of what is no UTF-8 in it
    plain = pa.Table.from_arrays(table.columns, names=table.column_names)
    return cast(pl.DataFrame, pl.from_arrow(plain, rechunk=False))


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
