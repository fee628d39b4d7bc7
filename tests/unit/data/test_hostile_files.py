"""Files that fuzzing or reading found to crash, hang or pass: each is refused in one line, or read as it is written."""

from __future__ import annotations

import io
import time
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from made_bars import FIXTURES, NEW_YEAR_2021, hours

from keel.data.actions import TradedBars, read_actions
from keel.data.importers.columns import STANDARD_COLUMNS, Target
from keel.data.importers.files import freqtrade_target, read_csv, read_freqtrade, read_parquet
from keel.data.importers.lean import read_lean
from keel.data.quality.raw_file import Layout, read_raw
from keel.domain.errors import DataError
from keel.domain.instrument import InstrumentId

ACME = InstrumentId("testing", "ACME/USDT")
HOURLY = Target(ACME, "1h", "fixture", "raw", timezone="UTC")
DAILY = Target(ACME, "1d", "fixture", "raw", "XNYS")
HEADER = "timestamp,open,high,low,close,volume"
ROW = f"{hours(0)[0]},1,2,1,2,5"
FAR = "is no time of a bar; they lie between 1678 and 2261"


def refusal(path: Path, call) -> str:
    with pytest.raises(DataError) as caught:
        call()
    told = str(caught.value)
    assert told.isprintable(), told
    assert len(told) < 1000
    assert told.startswith(f"{path}: ")
    return told.removeprefix(f"{path}: ")


def told_of(call) -> str | None:
    """Return the line with which a damaged file is refused, None where the damage did not matter."""
    try:
        call()
    except DataError as error:
        return str(error)
    return None


def refused_csv(folder: Path, text: str | bytes, target: Target = HOURLY) -> str:
    path = folder / "bars.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return refusal(path, lambda: read_csv(path, STANDARD_COLUMNS, target))


def parquet_file(folder: Path, **changed: pl.Series | list[Any]) -> Path:
    path = folder / "bars.parquet"
    prices = {name: [1.0] for name in ("open", "high", "low", "close", "volume")}
    pl.DataFrame({"timestamp": hours(0)} | prices | changed, strict=False).write_parquet(path)
    return path


def refused_parquet(folder: Path, target: Target = HOURLY, **changed: pl.Series | list[Any]) -> str:
    path = parquet_file(folder, **changed)
    return refusal(path, lambda: read_parquet(path, STANDARD_COLUMNS, target))


def test_feather_file_cut_or_changed_anywhere_is_refused_or_read(tmp_path):
    whole = (FIXTURES / "ACME_USDT-1h.feather").read_bytes()
    path = tmp_path / "ACME_USDT-1h.feather"
    target = freqtrade_target(path, "testing", None, None)
    refused = 0
    for at in range(0, len(whole), 29):
        for damaged in (whole[:at], whole[:at] + whole[at + 1 :], whole[:at] + b"\xff" + whole[at + 1 :]):
            path.write_bytes(damaged)
            told = told_of(lambda: read_freqtrade(path, target))
            assert told is None or told.isprintable()
            refused += told is not None
    assert refused > 100


def test_feather_column_of_a_type_that_arrow_has_no_class_for_is_refused(tmp_path):
    whole = (FIXTURES / "ACME_USDT-1h.feather").read_bytes()
    path = tmp_path / "ACME_USDT-1h.feather"
    path.write_bytes(whole.replace(b"\x00\x01\x0a\x00", b"\x00\x01\x0b\x00"))  # the times are called an interval
    told = refusal(path, lambda: read_freqtrade(path, freqtrade_target(path, "testing", None, None)))
    assert told == "cannot be read as .feather: a column is of a type that is not read"


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        ("0001-01-01T00:00:00Z", FAR),
        ("9999-12-31T00:00:00Z", FAR),
        ("1677-12-31", FAR),
        (str(2**63 - 1), "is no epoch time in ns like the first row's"),
        (str(2**63), "is no whole number like the first row's time"),
        ("2021-01-01T00:00:60Z", "is no time Keel reads"),
        ("2021-01-01T00:00:00+99:99", "is no time Keel reads"),
        ("2021-01-01T00:00:00+\u0661\u0660:00", "is no time Keel reads"),
        ("2021-01-01T00:00:00.0009Z", "is not a whole millisecond"),
    ],
)
def test_time_that_no_bar_has_is_refused_by_its_row(tmp_path, stamp, told):
    assert refused_csv(tmp_path, f"{HEADER}\n{stamp},1,2,1,2,5\n").startswith(f"row 1: timestamp {stamp} {told}")


def test_date_that_no_session_has_is_refused_by_its_row(tmp_path):
    assert FAR in refused_csv(tmp_path, f"{HEADER}\n0001-01-01,1,2,1,2,5\n", DAILY)


@pytest.mark.parametrize(
    ("stamps", "told"),
    [
        (pl.Series([2**62], dtype=pl.Int64).cast(pl.Datetime("ms")), FAR),
        (pl.Series([2**61], dtype=pl.Int64).cast(pl.Datetime("ms", "America/New_York")), FAR),
        (pl.Series([2**31 - 1], dtype=pl.Int32).cast(pl.Date), FAR),
        (pl.Series([NEW_YEAR_2021 * 1000 + 1]).cast(pl.Datetime("us")), "is not a whole millisecond"),
        (pl.Series([2**64 - 1], dtype=pl.UInt64), "is no epoch time"),
        (pl.Series([-(2**63)], dtype=pl.Int64), "is no epoch time in s"),
        (pl.Series([True]), "column timestamp is Boolean; a time is"),
        (pl.Series([[1]]), "column timestamp is List; a time is"),
    ],
)
def test_typed_time_that_no_bar_has_is_refused(tmp_path, stamps, told):
    assert told in refused_parquet(tmp_path, timestamp=stamps)


@pytest.mark.parametrize(
    "values",
    [[True], [date(2021, 1, 1)], [datetime(2021, 1, 1, tzinfo=UTC)], [[1.0]], [{"a": 1.0}], [b"1"]],
)
def test_column_that_holds_no_numbers_is_no_price(tmp_path, values):
    assert "column close is " in refused_parquet(tmp_path, close=values)
    path = tmp_path / "bars.parquet"
    assert "not numbers; map another one" in refusal(
        path, lambda: read_raw(path, Layout({}, timezone="UTC", timeframe="1h"))
    )


def test_count_that_no_float_holds_is_read_exactly(tmp_path):
    mapping = {**STANDARD_COLUMNS, "trade_count": "count"}
    path = tmp_path / "bars.csv"
    path.write_text(f"{HEADER},count\n{ROW},9007199254740993\n")
    assert read_csv(path, mapping, HOURLY).table["trade_count"].to_list() == [2**53 + 1]
    path = parquet_file(tmp_path, count=[2**53 + 1])
    assert read_parquet(path, mapping, HOURLY).table["trade_count"].to_list() == [2**53 + 1]


def test_header_that_ends_in_a_carriage_return_alone_does_not_swallow_the_first_row(tmp_path):
    assert "save it with line feeds" in refused_csv(tmp_path, f"{HEADER}\r{ROW}\n{ROW}\n")


def test_row_too_short_is_refused_by_its_number(tmp_path):
    assert refused_csv(tmp_path, f"{HEADER}\n1,2\n{ROW}\n").startswith("row 1 has 2 cells, the file's first line 6")


def test_names_and_cells_of_many_lines_are_told_in_one(tmp_path):
    told = refused_csv(tmp_path, '"time\\nstamp\x07",open,high,low,close,' + ",".join(map(str, range(500))) + "\n")
    assert "its columns are time\\nstamp\\x07, open, high" in told
    cell = "2\n" * 5000
    assert "is no number" in refused_csv(tmp_path, f'{HEADER}\n{hours(0)[0]},1,2,1,"{cell}",5\n')


def test_line_without_an_end_is_refused_before_it_fills_the_memory(tmp_path):
    path = tmp_path / "bars.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bars.csv", "w") as member:
        for _ in range(300):
            member.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    began_s = time.process_time()
    told = refusal(path, lambda: read_csv(path, STANDARD_COLUMNS, HOURLY))
    assert "has a line of over 1,048,576 bytes" in told
    assert time.process_time() - began_s < 50  # 300 MB laid out and read as cells take minutes


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_changed_anywhere_is_refused_or_read(tmp_path, method):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("acme.csv", "20201125 00:00,10000,20000,10000,20000,5\n" * 3)
    whole, path = made.getvalue(), tmp_path / "acme.zip"
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        told = told_of(lambda: read_lean(path, "usa"))
        assert told is not None  # for three equal rows, if not for the damage
        assert told.isprintable()


def test_zip_whose_file_has_no_name_is_refused(tmp_path):
    path = tmp_path / "acme.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "20201125 00:00,1,1,1,1,1\n")
    path.write_bytes(path.read_bytes().replace(b"\x01\x00\x00\x00x", b"\x00\x00\x00\x00x"))
    assert refusal(path, lambda: read_lean(path, "usa"))


@pytest.mark.parametrize("since", ["86400000", "-1", "9223372036854775807", "100000000"])
def test_minute_outside_its_day_is_no_bar_of_another_day(tmp_path, since):
    path = tmp_path / "acme.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("20201125_acme_minute_trade.csv", f"{since},1,1,1,1,1\n")
    told = f"row 1: timestamp {since} is no time: this file counts milliseconds since midnight"
    assert refusal(path, lambda: read_lean(path, "usa")) == told


def test_steps_longer_than_any_timeframe_tell_none(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text(f"{HEADER}\n1609459200,1,2,1,2,5\n1960462800,1,2,1,2,5\n")
    assert "state --timeframe" in refusal(path, lambda: read_raw(path, Layout({})))


TRADED = (TradedBars("ACME", "UTC", "raw", hours(0)[0], hours(9000)[0]),)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"value": pl.Series([[4.0]])}, "column value is List, not text or numbers"),
        ({"value": pl.Series([1], dtype=pl.Duration("us"))}, "column value is Duration"),
        ({"symbol": pl.Series([b"ACME"])}, "column symbol is Binary"),
        ({"kind": ["split\nsplit\x07"]}, "kind 'split\\nsplit\\x07' is none of"),
        ({"value": [1e300]}, "value 1e+300: a split makes at most 1,000,000 of one"),
        ({"value": [1e-300]}, "value 1e-300: a split makes"),
        ({"symbol": ["A\nB"]}, "no row is of ACME; its symbols are A\\nB"),
    ],
)
def test_action_that_cannot_be_is_refused(tmp_path, changed, told):
    path = tmp_path / "actions.parquet"
    row = {"time": ["2021-02-01"], "symbol": ["ACME"], "kind": ["split"], "value": [4.0]}
    pl.DataFrame(row | changed).write_parquet(path)
    assert told in refusal(path, lambda: read_actions(path, TRADED))


def test_splits_that_multiply_beyond_all_prices_are_refused(tmp_path):
    path = tmp_path / "actions.csv"
    path.write_text("time,symbol,kind,value\n" + "".join(f"2021-02-{day:02},ACME,split,900\n" for day in range(1, 9)))
    assert "the splits of ACME make 4.30467e+23 of one together" in refusal(path, lambda: read_actions(path, TRADED))


def test_damaged_actions_file_is_refused(tmp_path):
    path = tmp_path / "actions.parquet"
    pl.DataFrame({"time": ["2021-02-01"], "symbol": ["ACME"], "kind": ["split"], "value": [4.0]}).write_parquet(path)
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
        told = told_of(lambda: read_actions(path, TRADED))
        assert told is None or told.isprintable()
