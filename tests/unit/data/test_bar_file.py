"""Bars read piece by piece are the bars that were written, refused for the same reasons, in little more memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_bars import ACME, any_bars, hours, stored

from keel.data.align import align, fine_bars
from keel.data.check import check_bars
from keel.data.store import BarStore
from keel.domain.errors import DataError
from keel.domain.instrument import InstrumentId

OTHER = InstrumentId("testing", "OTHER")
GROUP = 5


@pytest.fixture
def store(tmp_path) -> BarStore:
    return BarStore(tmp_path)


def in_small_groups(path: Path, table: pl.DataFrame | None = None, group: int = GROUP) -> None:
    """Write a stored file anew with a few rows a group, its metadata kept, unchecked; with other rows if given."""
    written = pq.read_table(path)
    changed = written if table is None else table.to_arrow().cast(written.schema)
    pq.write_table(changed.replace_schema_metadata(written.schema.metadata), path, row_group_size=group)


def refusal(call) -> str:
    with pytest.raises(DataError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@settings(max_examples=50, deadline=None)
@given(any_bars(), any_bars(OTHER), st.integers(1, 7), st.none() | st.integers(0, 300), st.none() | st.integers(0, 300))
def test_arrays_made_piece_by_piece_are_those_of_the_whole_table(first, second, group, start, end):
    bounds = [None if hour is None else hours(hour)[0] for hour in (start, end)]
    with tempfile.TemporaryDirectory() as folder:
        store = BarStore(Path(folder))
        for bars in (first, second):
            in_small_groups(store.write(bars), group=group)
        files = [store.open(name, "1h", *bounds) for name in (ACME, OTHER)]
        kept = [_within(bars.table, *bounds) for bars in (first, second)]
        if not all(table.height for table in kept):
            assert "no bar opens" in refusal(lambda: align(files))
            assert "no bar opens" in refusal(lambda: fine_bars(files))
            return
        tables = [replace(bars, table=table) for bars, table in zip((first, second), kept, strict=True)]
        assert align(files).tobytes() == align(tables).tobytes()
        assert [part.tobytes() for part in fine_bars(files)] == [part.tobytes() for part in fine_bars(tables)]
        assert [file.content_hash() for file in files] == [bars.content_hash() for bars in tables]
        assert all(file.read().table.equals(bars.table) for file, bars in zip(files, tables, strict=True))


def _within(table: pl.DataFrame, start_ms: int | None, end_ms: int | None) -> pl.DataFrame:
    if start_ms is not None:
        table = table.filter(pl.col("open_ts_ms") >= start_ms)
    return table if end_ms is None else table.filter(pl.col("open_ts_ms") < end_ms)


def test_content_hash_counts_extra_columns_too(store):
    bars = stored(hours(*range(12)))
    table = bars.table.with_columns(trade_count=pl.int_range(12), taker_buy_volume=pl.lit(0.5))
    bars = replace(bars, table=table)
    in_small_groups(store.write(bars))
    assert store.open(ACME, "1h").content_hash() == bars.content_hash()


FAULTS = {
    "a price of NaN": {"close": float("nan")},
    "a price below zero": {"low": -1.0},
    "a high below the low": {"high": 1.0},
    "a time that stands twice": {"open_ts_ms": hours(0)[0]},
    "an open before the row above has closed": {"open_ts_ms": -1},
    "a close before the open": {"close_ts_ms": 1},
    "no value": {"volume": None},
    "negative volume": {"volume": -2.0},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("row", [0, 3, GROUP - 1, GROUP, GROUP + 1, 3 * GROUP, 19])
def test_fault_in_any_row_group_is_told_as_for_the_whole_table(store, fault, row):
    path = store.write(stored(hours(*range(20))))
    columns = pl.read_parquet(path).to_dict(as_series=False)
    for name, value in fault.items():
        columns[name][row] = columns[name][row] + value if name == "open_ts_ms" and value < 0 else value
    table = pl.DataFrame(columns, schema=pl.read_parquet_schema(path))
    in_small_groups(path, table)
    whole = None
    try:
        check_bars(table, str(path))
    except DataError as error:
        whole = str(error)
    if whole is None:  # the first row has none above it
        align([store.open(ACME, "1h")])
        return
    for read in (lambda: align([store.open(ACME, "1h")]), lambda: store.read(ACME, "1h")):
        assert refusal(read) == whole


def test_file_that_is_replaced_between_two_passes_is_refused(store):
    path = store.write(stored(hours(0, 1)))
    file = store.open(ACME, "1h")
    file.closes()
    store.append(stored(hours(2)))
    assert refusal(lambda: align([file])) == f"{path}: was replaced while it was read; run again"


def test_file_without_a_row_is_refused(store):
    path = store.write(stored(hours(0)))
    in_small_groups(path, pl.read_parquet(path).clear())
    assert "no bar below it" in refusal(lambda: align([store.open(ACME, "1h")]))


def test_column_of_another_type_is_refused_when_the_file_is_opened(store):
    path = store.write(stored(hours(0)))
    table = pq.read_table(path)
    at = table.schema.get_field_index("close")
    changed = table.set_column(at, "close", table["close"].cast(pa.float32()))
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)
    assert "column close is" in refusal(lambda: store.open(ACME, "1h"))


PEAK = """
import re, sys
from pathlib import Path
from keel.data.align import align
from keel.data.store import BarStore
from keel.domain.instrument import InstrumentId
# not getrusage: its peak counts the process that started this one
peak_kib = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
store, names = BarStore(Path(sys.argv[1])), [InstrumentId("testing", "ACME/USDT"), InstrumentId("testing", "OTHER")]
align([store.open(names[0], "1m", None, 1_609_459_200_000 + 60_000)])  # what reading costs at all
before = peak_kib()
rows = align([store.open(name, "1m") for name in names])
print((peak_kib() - before) * 1024 / rows.nbytes)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process's peak memory there")
def test_reading_takes_little_more_memory_than_the_array_it_makes(store):
    opens = hours(0)[0] + 60_000 * np.arange(1_000_000)
    price = 100.0 + np.random.default_rng(1).random(opens.size)  # noise: a file that packs to nothing would hide itself
    columns = {"open": price, "high": price + 1.0, "low": price - 1.0, "close": price, "volume": price}
    table = pl.DataFrame({"open_ts_ms": opens, "close_ts_ms": opens + 60_000} | columns)
    for name in (ACME, OTHER):
        store.write(replace(stored([0], timeframe="1m", instrument_id=name), table=table))
    command = [sys.executable, "-c", PEAK, str(store.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 1.0 < float(done.stdout) < 1.4
