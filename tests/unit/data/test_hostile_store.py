"""Stored files that fuzzing or reading found to crash or mislead: each is refused in one line, or read as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_bars import ACME, hours, stored

from keel.data.bars import StoredBars
from keel.data.quality.unchecked import read_unchecked
from keel.data.resample import resample
from keel.data.store import BarStore
from keel.data.synthetic import SyntheticMarket, generate_bars
from keel.domain.errors import DataError, UsageError
from keel.domain.instrument import InstrumentId


@pytest.fixture
def store(tmp_path) -> BarStore:
    return BarStore(tmp_path)


def refusal(call) -> str:
    with pytest.raises(UsageError) as caught:
        call()
    assert str(caught.value).isprintable()
    return str(caught.value)


def told_of(call) -> str | None:
    """Return the line with which a damaged file is refused, None where the damage did not matter."""
    try:
        call()
    except DataError as error:
        return str(error)
    return None


def rewritten(path: Path, change, **options) -> None:
    """Write a stored file anew as pyarrow does, with another table or other metadata."""
    pq.write_table(change(pq.read_table(path)), path, **options)


def test_footer_whose_column_type_is_damaged_does_not_end_the_process(store):
    path = store.write(stored(hours(0, 1, 2)))
    whole = path.read_bytes()
    version = whole.index(b"\x15\x04\x19", len(whole) - int.from_bytes(whole[-8:-4], "little") - 8)
    at = whole.index(b"\x15\x04\x19", version + 1)  # the type of the first column's chunk, INT64
    path.write_bytes(whole[:at] + b"\x15\x1e\x19" + whole[at + 3 :])
    assert "damaged, or no Parquet file" in refusal(lambda: store.read(ACME, "1h"))


def test_footer_changed_anywhere_is_refused_or_read_and_never_ends_the_process(store):
    path = store.write(stored(hours(0, 1, 2)))
    whole = path.read_bytes()
    for at in range(len(whole) - int.from_bytes(whole[-8:-4], "little") - 8, len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 3]) + whole[at + 1 :])
        # a range is told by the footer's statistics
        for read in (lambda: store.read(ACME, "1h", hours(1)[0]), lambda: read_unchecked(path), store.contents):
            told = told_of(read)
            assert told is None or told.isprintable()


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        (b"timeframe", b"7x", "timeframe '7x' is not one Keel knows"),
        (b"feed", b"a\nb", "feed a\\nb in its metadata is no name"),
        (b"feed", b"x" * 1000, "in its metadata is no name"),
        (b"symbol", b"\xff", "damaged"),
    ],
)
def test_metadata_that_names_nothing_is_refused_and_left_out_of_the_contents(store, key, value, told):
    path = store.write(stored(hours(0, 1)))
    rewritten(path, lambda table: table.replace_schema_metadata({**table.schema.metadata, key: value}))
    assert told in refusal(lambda: store.read(ACME, "1h"))
    assert store.contents() == {}


def test_column_twice_is_refused(store):
    path = store.write(stored(hours(0, 1)))
    rewritten(path, lambda table: table.append_column("close", table["close"]))
    assert "column close stands twice" in refusal(lambda: store.read(ACME, "1h"))


@pytest.mark.parametrize("order", [["close", "open_ts_ms"], ["volume", "close_ts_ms", "open_ts_ms"]])
def test_range_is_told_by_the_column_of_times_wherever_it_stands(store, order):
    path = store.write(stored(hours(*range(9))))
    names = [*order, *(name for name in pq.read_table(path).column_names if name not in order)]
    rewritten(path, lambda table: table.select(names), row_group_size=2)
    read = store.read(ACME, "1h", hours(3)[0], hours(6)[0])
    assert read.table["open_ts_ms"].to_list() == hours(3, 4, 5)


def test_range_is_read_where_the_file_has_no_statistics(store):
    path = store.write(stored(hours(*range(9))))
    rewritten(path, lambda table: table, write_statistics=False, row_group_size=2)
    assert store.read(ACME, "1h", hours(3)[0], hours(6)[0]).table["open_ts_ms"].to_list() == hours(3, 4, 5)
    assert "no bar opens from" in refusal(lambda: store.read(ACME, "1h", hours(90)[0]))


def test_schema_metadata_that_is_no_text_is_read_over(store):
    path = store.write(stored(hours(0, 1)))
    rewritten(path, lambda table: table.replace_schema_metadata({**table.schema.metadata, b"other": b"\xff\xfe"}))
    assert store.read(ACME, "1h").table.height == 2


@pytest.mark.parametrize("change", [{"feed": "a\nb"}, {"feed": "x" * 1000}, {"timezone": "\udcff"}])
def test_text_that_no_file_can_keep_is_refused_before_it_is_written(store, change):
    assert "cannot be kept" in refusal(lambda: store.write(replace(stored(hours(0)), **change)))
    assert list(store.root.rglob("*.parquet")) == []


@pytest.mark.parametrize("symbol", ["A" * 300, "A\nB", "\udcff"])
def test_name_that_no_folder_can_have_is_refused(store, symbol):
    assert "cannot name bars" in refusal(lambda: store.exists(InstrumentId("testing", symbol), "1h"))


@pytest.mark.parametrize("open_ts_ms", [-(2**62), 2**62, -9_214_560_000_001, 9_214_646_400_000])
def test_time_beyond_all_calendars_is_no_bars(store, open_ts_ms):
    assert "a bar lies between 1678 and 2261" in refusal(lambda: store.write(stored([open_ts_ms])))


def test_volumes_too_large_to_add_up_make_no_infinite_volume():
    bars = stored(hours(0, 1, 2, 3))
    large = replace(bars, table=bars.table.with_columns(volume=pl.lit(1e308)))
    told = refusal(lambda: resample(large, "4h"))
    assert told == "testing:ACME/USDT 1h: volume from 2021-01-01 00:00 UTC on is too large to add up"
    counted = replace(bars, table=bars.table.with_columns(trade_count=pl.lit(2**62, pl.Int64)))
    assert "trade_count from" in refusal(lambda: resample(counted, "4h"))


def test_more_made_up_bars_than_memory_holds_are_refused():
    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000) for year in (1, 9999))
    market = SyntheticMarket(1, first, last)

    def make() -> StoredBars:
        return generate_bars(InstrumentId("synthetic", "SYNX"), "1m", market)

    assert "make 50 years at most" in refusal(make)


def test_empty_arrow_table_of_bars_is_refused(store):
    path = store.write(stored(hours(0, 1)))
    rewritten(path, lambda table: pa.Table.from_batches([], table.schema))
    assert "there is a header but no bar below it" in refusal(lambda: store.read(ACME, "1h"))
