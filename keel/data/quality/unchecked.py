"""Reading a stored file as it is, bad rows included: for checks that name all of them, and for repairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from keel.data.bars import StoredBars
from keel.data.parquet_file import BarFile, as_polars
from keel.domain.errors import DataError, reason_of


def read_unchecked(path: Path, start_ms: int | None = None, end_ms: int | None = None) -> StoredBars:
    """Read the bars that open in [start_ms, end_ms), None = unbounded, and those without a time, in the file's order.

    Raises DataError if the file is damaged, not Keel's, its columns are not those of bars, or no row lies in the range.
    """
    header = BarFile(path).header
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = as_polars(file.read(use_threads=False)) if file.metadata.num_rows else header.table
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: damaged: {reason_of(error)}; delete it and import the bars again") from error
    opens = pl.col("open_ts_ms")
    bounds = [] if start_ms is None else [(opens >= start_ms) | opens.is_null()]
    bounds += [] if end_ms is None else [(opens < end_ms) | opens.is_null()]
    rows = table.filter(*bounds) if bounds else table
    if rows.height == 0:
        empty = "there is a header but no bar below it" if table.height == 0 else "no bar opens in the time asked for"
        raise DataError(f"{path}: {empty}: import more, or ask for another time")
    return replace(header, table=rows)
