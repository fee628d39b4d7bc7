"""Parquet and feather files of any origin: read by Arrow, which checks what it finds; polars trusts it, and may die."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

from keel.data.importers.csv_file import damage_named, refuse_absent
from keel.data.parquet_file import as_polars

_BATCH_ROWS: Final = 1 << 17


def parquet_columns(path: Path) -> list[str]:
    """Return the names of a Parquet file's columns. Raises DataError if it is missing or damaged."""
    refuse_absent(path)
    with damage_named(path), pq.ParquetFile(path) as file:
        return list(file.schema_arrow.names)


def parquet_pieces(path: Path, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield some columns of a Parquet file, some 10^5 rows at a time. Raises DataError if it is missing or damaged."""
    refuse_absent(path)
    with damage_named(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=list(dict.fromkeys(columns)), use_threads=False):
            yield _as_polars(pa.Table.from_batches([batch]))


def read_parquet_table(path: Path) -> pl.DataFrame:
    """Return a whole Parquet file. Raises DataError if it is missing or damaged."""
    refuse_absent(path)
    with damage_named(path), pq.ParquetFile(path) as file:
        return _as_polars(file.read(use_threads=False))


def read_feather_table(path: Path) -> pl.DataFrame:
    """Return a whole feather file. Raises DataError if it is missing or damaged."""
    refuse_absent(path)
    with damage_named(path):
        return _as_polars(pyarrow.feather.read_table(path, use_threads=False, memory_map=False))


def _as_polars(table: pa.Table) -> pl.DataFrame:
    table.validate(full=True)
    try:
        return as_polars(table)
    except KeyError:  # Arrow reads intervals of days, but has no class for them
        raise pa.ArrowInvalid("a column is of a type that is not read") from None
