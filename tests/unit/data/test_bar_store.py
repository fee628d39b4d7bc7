from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_bars import ACME, ROOT, any_bars, hours, stored

from keel.data.store import BarStore
from keel.domain.errors import DataError, UsageError
from keel.domain.instrument import InstrumentId


@pytest.fixture
def store(tmp_path) -> BarStore:
    return BarStore(tmp_path / "bars")


def refusal(call) -> str:
    with pytest.raises(DataError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def files(store: BarStore) -> list[str]:
    return sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file())


@settings(max_examples=40, deadline=None)
@given(any_bars())
def test_what_is_written_is_read_back_bit_for_bit(bars):
    with tempfile.TemporaryDirectory() as folder:
        store = BarStore(Path(folder))
        store.write(bars)
        back = store.read(bars.instrument_id, "1h")
    assert back.table.equals(bars.table)
    assert back.metadata() == bars.metadata()
    assert back.content_hash() == bars.content_hash()


@settings(max_examples=40, deadline=None)
@given(any_bars(), st.data())
def test_append_commutes_and_keeps_every_row_once(bars, data):
    picks = [data.draw(st.lists(st.booleans(), min_size=bars.table.height, max_size=bars.table.height)) for _ in "ab"]
    parts = [bars.table.filter(pl.Series(pick)) for pick in picks]
    halves = [replace(bars, table=part) for part in parts if part.height]
    hashes = set()
    for order in (halves, halves[::-1]):
        with tempfile.TemporaryDirectory() as folder:
            store = BarStore(Path(folder))
            added = sum(store.append(half) for half in order)
            if order:
                back = store.read(bars.instrument_id, "1h")
                hashes.add(back.content_hash())
                union = bars.table.filter(pl.Series(picks[0]) | pl.Series(picks[1]))
                assert back.table.equals(union)
                assert added == union.height
    assert len(hashes) <= 1


def test_extra_columns_survive_the_round_trip(store):
    bars = stored(hours(0, 1))
    table = bars.table.with_columns(trade_count=pl.Series([3, 4]), taker_buy_volume=pl.Series([0.5, 0.25]))
    store.write(replace(bars, table=table))
    assert store.read(ACME, "1h").table.equals(table)


def test_symbol_with_a_slash_lives_in_a_folder_with_a_dash(store):
    path = store.write(stored(hours(0)))
    assert path == store.root / "testing" / "ACME-USDT" / "1h.parquet"
    assert files(store) == ["testing/ACME-USDT/1h.parquet"]


def test_appending_the_same_rows_adds_nothing_and_leaves_the_file_alone(store):
    path = store.write(stored(hours(0, 1)))
    before = path.stat().st_mtime_ns
    assert store.append(stored(hours(0, 1))) == 0
    assert path.stat().st_mtime_ns == before


def test_appending_a_differing_row_is_refused_by_row_time_and_values(store):
    store.write(stored(hours(0, 1)))
    message = refusal(lambda: store.append(stored(hours(1, 2), close=101.0)))
    assert "row 1 (2021-01-01 01:00 UTC): open is 100.0 but the stored bar has 99.0" in message
    assert store.read(ACME, "1h").table.height == 2


def test_appending_bars_of_another_feed_is_refused(store):
    store.write(stored(hours(0)))
    assert "feed is 'other' but the stored bars" in refusal(lambda: store.append(stored(hours(1), feed="other")))


def test_appending_other_columns_is_refused(store):
    bars = stored(hours(1))
    store.write(stored(hours(0)))
    more = replace(bars, table=bars.table.with_columns(trade_count=pl.Series([1])))
    assert "its columns are" in refusal(lambda: store.append(more))


def test_append_that_would_make_bars_overlap_is_refused(store):
    store.write(stored(hours(0)))
    halfway = [hours(0)[0] + 1_800_000]
    assert "opens before the row above has closed" in refusal(lambda: store.append(stored(halfway)))


def test_append_all_writes_nothing_when_one_source_is_refused(store):
    other = InstrumentId("testing", "OTHER")
    store.write(stored(hours(0)))
    sources = {"a.csv": stored(hours(5), instrument_id=other), "b.csv": stored(hours(0), close=50.0)}
    assert refusal(lambda: store.append_all(sources)).startswith("b.csv: row 1")
    assert files(store) == ["testing/ACME-USDT/1h.parquet"]


def test_append_all_joins_sources_of_one_instrument(store):
    added = store.append_all({"a.csv": stored(hours(0, 1)), "b.csv": stored(hours(1, 2))})
    assert added == {"a.csv": 2, "b.csv": 1}
    assert store.read(ACME, "1h").table["open_ts_ms"].to_list() == hours(0, 1, 2)


def test_range_takes_bars_that_open_from_start_until_before_end(store):
    store.write(stored(hours(0, 1, 2, 3)))
    back = store.read(ACME, "1h", start_ms=hours(1)[0], end_ms=hours(3)[0])
    assert back.table["open_ts_ms"].to_list() == hours(1, 2)


def test_range_across_row_groups_reads_the_right_rows(store):
    minutes = [hours(0)[0] + 60_000 * i for i in range(300_000)]
    store.write(stored(minutes, timeframe="1m"))
    back = store.read(ACME, "1m", start_ms=minutes[131_000], end_ms=minutes[131_200])
    assert back.table["open_ts_ms"].to_list() == minutes[131_000:131_200]


@pytest.mark.parametrize(("start", "end"), [(10, None), (None, 0), (10, 20), (-9, -1)])
def test_range_without_bars_names_the_range_asked_and_the_range_stored(store, start, end):
    store.write(stored(hours(0, 3)))
    bounds = [None if hour is None else hours(hour)[0] for hour in (start, end)]
    message = refusal(lambda: store.read(ACME, "1h", *bounds))
    assert "2021-01-01 00:00 UTC .. 2021-01-01 03:00 UTC" in message
    assert "data.start" in message


def test_range_in_a_gap_names_the_stored_range(store):
    store.write(stored(hours(0, 9)))
    assert "no bar opens from" in refusal(lambda: store.read(ACME, "1h", hours(3)[0], hours(5)[0]))


def test_missing_symbol_names_the_nearest_what_is_stored_and_the_import(store):
    store.write(stored(hours(0)))
    message = refusal(lambda: store.read(InstrumentId("testing", "ACNE/USDT"), "1h"))
    assert "did you mean testing:ACME/USDT?" in message
    assert "stored are testing:ACME/USDT (1h)" in message
    assert "--venue testing --symbol ACNE/USDT --timeframe 1h" in message


def test_missing_symbol_that_nothing_stored_resembles_names_what_is_stored(store):
    store.write(stored(hours(0)))
    message = refusal(lambda: store.read(InstrumentId("zzz", "QQQ"), "1h"))
    assert "no 1h bars of zzz:QQQ: stored are testing:ACME/USDT (1h); import them" in message


def test_missing_timeframe_names_those_that_are_stored(store):
    store.write(stored(hours(0)))
    assert "no 15m bars of testing:ACME/USDT: of it are stored 1h" in refusal(lambda: store.read(ACME, "15m"))


def test_empty_store_says_so(store):
    assert "the store is empty; import them" in refusal(lambda: store.read(ACME, "1h"))


@pytest.mark.parametrize("symbol", ["", "../up", "/root", "a/../b", "a b", "a/"])
def test_symbol_that_cannot_be_a_folder_is_refused(store, symbol):
    assert "cannot name bars" in refusal(lambda: store.path(InstrumentId("testing", symbol), "1h"))


def test_unknown_timeframe_is_refused(store):
    with pytest.raises(UsageError, match="timeframe '1x'"):
        store.read(ACME, "1x")


@pytest.mark.parametrize("keep", [0, 5, 200, -10])
def test_truncated_file_is_refused_in_one_line(store, keep):
    path = store.write(stored(hours(*range(100))))
    path.write_bytes(path.read_bytes()[:keep])
    message = refusal(lambda: store.read(ACME, "1h"))
    assert message.startswith(f"{path}: damaged, or no Parquet file")


@pytest.mark.parametrize("part", [0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
def test_flipped_bit_never_changes_what_is_read_in_silence(store, part):
    bars = stored(hours(*range(500)))
    noise = np.random.default_rng(1).random((2, 500))
    table = bars.table.with_columns(close=pl.Series(98.0 + noise[0]), volume=pl.Series(noise[1]))
    path = store.write(replace(bars, table=table))
    content = bytearray(path.read_bytes())
    content[int(len(content) * part)] ^= 1
    path.write_bytes(bytes(content))
    try:
        back = store.read(ACME, "1h").table
    except DataError:
        back = None
    if back is not None:  # the bit lay in a page's header, which holds no bar
        assert back.equals(table)


def test_parquet_without_metadata_is_refused_as_not_keels(store):
    path = store.path(ACME, "1h")
    path.parent.mkdir(parents=True)
    stored(hours(0)).table.write_parquet(path)
    assert "its metadata has no feed" in refusal(lambda: store.read(ACME, "1h"))


def test_file_under_another_name_is_refused(store):
    path = store.write(stored(hours(0)))
    path.rename(path.with_name("4h.parquet"))
    assert "holds testing:ACME/USDT 1h, not testing:ACME/USDT 4h" in refusal(lambda: store.read(ACME, "4h"))


def test_symbols_that_differ_only_in_slash_and_dash_do_not_overwrite_each_other(store):
    store.write(stored(hours(0)))
    other = stored(hours(0), instrument_id=InstrumentId("testing", "ACME-USDT"))
    assert "differ only in / and -" in refusal(lambda: store.write(other))


def test_bad_bar_is_not_written(store):
    bars = stored(hours(0, 1), close=2.0)  # its low is below zero
    assert "low is -1.0" in refusal(lambda: store.write(bars))
    assert files(store) == []


def test_content_hash_depends_on_every_value_and_on_the_metadata():
    bars = stored(hours(0, 1))
    seen = {bars.content_hash(), replace(bars, feed="other").content_hash()}
    for name in bars.table.columns:
        seen.add(replace(bars, table=bars.table.with_columns(pl.col(name) + 1)).content_hash())
    assert len(seen) == 2 + len(bars.table.columns)


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from made_bars import stored, hours
from keel.data.store import BarStore
from keel.domain.errors import DataError
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))  # the write fails half way, as on a full disk
try:
    opens = [1_609_459_200_000 + 3_600_000 * (280 * i + i * i * 7_919 % 277 + 2) for i in range(3_000)]
    BarStore(Path(sys.argv[2])).append(stored(opens))
except DataError as error:
    print(error)
"""


def test_disk_that_fills_while_writing_leaves_the_old_file_whole_and_nothing_beside_it(store):
    path = store.write(stored(hours(0, 1)))
    before = path.read_bytes()
    command = [sys.executable, "-c", FULL_DISK, str(Path(__file__).parent), str(store.root)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.startswith(f"could not write {path}: "), done
    assert done.stdout.count("\n") == 1
    assert path.read_bytes() == before
    assert files(store) == ["testing/ACME-USDT/1h.parquet"]


def test_store_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "bars").write_text("a file where the folder should be")
    store = BarStore(tmp_path / "bars")
    assert "could not write" in refusal(lambda: store.write(stored(hours(0))))


def test_reading_stored_bars_imports_no_pandas(store):
    store.write(stored(hours(0, 1)))
    code = (
        "import sys; from pathlib import Path; from keel.data.store import BarStore; from keel.data.align import align;"
        "from keel.domain.instrument import InstrumentId;"
        "align([BarStore(Path(sys.argv[1])).read(InstrumentId('testing', 'ACME/USDT'), '1h')]);"
        "print([name for name in ('pandas', 'exchange_calendars', 'arch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(store.root)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
