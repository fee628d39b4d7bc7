"""Files as users have them are read before any import, whatever is missing in them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl
import pytest
from made_bars import SHARED, hours

from keel.config.quality import QualitySection
from keel.data.quality.arrays import arrays_of_table
from keel.data.quality.examine import Clock, Question, examine_bars
from keel.data.quality.raw_file import Layout, read_raw
from keel.data.quality.structure import missing_values
from keel.domain.errors import DataError

HEADER = "timestamp,open,high,low,close,volume\n"
LINES = [f"2021-01-01T0{hour}:00:00Z,1,2,0.5,1.5,10" for hour in range(5)]
RULES = QualitySection()


def write(path: Path, *lines: str, header: str = HEADER) -> Path:
    path.write_text(header + "".join(f"{line}\n" for line in lines))
    return path


def test_text_that_is_no_number_and_empty_cells_count_as_missing_in_their_column(tmp_path: Path) -> None:
    lines = [*LINES[:1], "2021-01-01T01:00:00Z,1,x,0.5,,10", ",1,2,0.5,1.5,10", *LINES[3:]]
    table, timeframe = read_raw(write(tmp_path / "a.csv", *lines), Layout({}))
    assert timeframe == "1h"
    assert table["open_ts_ms"].to_list() == [hours(0)[0], hours(1)[0], None, *hours(3, 4)]
    counts = missing_values(table)
    assert (counts["open_ts_ms"], counts["high"], counts["close"], counts["low"]) == (1, 1, 1, 0)
    _, findings = examine_bars(arrays_of_table(table), Question(RULES, Clock(timeframe, "24/7")))
    assert [(one.check, one.rows.tolist()) for one in findings] == [("values", [2]), ("values", [2]), ("gaps", [4])]


@pytest.mark.parametrize("header", ["Date,Open,High,Low,Close,Volume\n", "open_time,open,high,low,close,VOLUME\n"])
def test_columns_are_known_by_their_usual_names(tmp_path: Path, header: str) -> None:
    table, _ = read_raw(write(tmp_path / "a.csv", *LINES, header=header), Layout({}))
    assert table.columns == ["open_ts_ms", "close_ts_ms", "open", "high", "low", "close", "volume"]
    assert table.null_count().row(0) == (0,) * 7


def test_column_that_is_not_there_is_refused_with_the_option_that_maps_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", *LINES, header="when,open,high,low,close,volume\n")
    with pytest.raises(DataError, match=r"no column 'timestamp' for timestamp.*--columns timestamp="):
        read_raw(path, Layout({}))
    assert read_raw(path, Layout({"timestamp": "when"}))[0].height == 5


def test_klines_without_a_header_are_read_and_the_name_tells_the_timeframe(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-15m-2024-01.csv"
    opens = [1_704_067_200_000, 1_704_070_800_000]
    write(path, *(f"{ts},1,2,0.5,1.5,10,{ts + 899_999},9,8,7,6,0" for ts in opens), header="")
    table, timeframe = read_raw(path, Layout({}))
    assert (timeframe, table["open_ts_ms"].to_list()) == ("15m", opens)


def test_zip_of_daily_stock_bars_is_read_in_the_sessions_of_its_calendar(tmp_path: Path) -> None:
    days = [f"202307{day:02d} 00:00,10000,20000,5000,15000,10" for day in (3, 4, 5)]
    with zipfile.ZipFile(tmp_path / "acme.zip", "w") as archive:
        archive.writestr("acme.csv", "\n".join(days) + "\n")
    table, timeframe = read_raw(tmp_path / "acme.zip", Layout({}, calendar="XNYS"))
    _, (holiday,) = examine_bars(arrays_of_table(table), Question(RULES, Clock(timeframe, "XNYS")))
    assert (timeframe, holiday.check, holiday.rows.tolist()) == ("1d", "sessions", [2])


def test_hours_are_cut_to_their_session_as_an_import_does(tmp_path: Path) -> None:
    lines = [f"20230703 {hour:02d}:00,1,2,0.5,1.5,10" for hour in (9, 10, 11, 12, 13)]
    table, _ = read_raw(write(tmp_path / "acme.csv", *lines, header=""), Layout({}, calendar="XNYS", timeframe="1h"))
    first, last = table.row(0, named=True), table.row(3, named=True)
    assert first["close_ts_ms"] - first["open_ts_ms"] == 30 * 60_000
    assert last["close_ts_ms"] - last["open_ts_ms"] == 60 * 60_000
    _, (closed,) = examine_bars(arrays_of_table(table), Question(RULES, Clock("1h", "XNYS")))
    assert (closed.check, closed.rows.tolist()) == ("sessions", [5])  # the half day ended at 13:00


def test_parquet_is_read_by_its_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"time": hours(0, 1), **{name: [1.0, None] for name in ("open", "high", "low", "close")}})
    frame.with_columns(volume=pl.lit(3)).write_parquet(tmp_path / "a.parquet")
    table, timeframe = read_raw(tmp_path / "a.parquet", Layout({}))
    assert (timeframe, missing_values(table)["close"], table["volume"].to_list()) == ("1h", 1, [3.0, 3.0])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "", "empty"),
        ("a.csv", HEADER, "no row below it"),
        ("a.csv", HEADER + "noon,1,2,0.5,1.5,10\n", "row 1"),
        ("a.csv", HEADER + ",1,2,0.5,1.5,10\n", "no time in it"),
        ("a.csv", HEADER + LINES[0] + "\n", "state --timeframe"),
        ("a.csv", HEADER + "2021-01-01T00:00:00,1,2,0.5,1.5,10\n" * 2, "--timezone"),
        ("a.zip", "no zip", "cannot be read"),
        ("a.parquet", "no parquet", "cannot be read"),
    ],
)
def test_file_that_cannot_be_read_is_named_with_its_mend(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    timeframe = "1h" if "T00:00:00," in text else None
    with pytest.raises(DataError, match=rf"{name}: .*{told}"):
        read_raw(tmp_path / name, Layout({}, timeframe=timeframe))


REAL = {
    "crypto/BTC_USDT-1h.feather": ("24/7", 128, {}),
    "crypto/BTCUSDT_1h_2021.parquet": ("24/7", 0, {}),
    "stocks_yahoo_csv/AGFS.csv": ("XNYS", 0, {}),
    "stocks_yahoo_csv/SPLP.csv": ("XNYS", 0, {}),
    "stocks_yahoo_csv/HD.csv": ("XNYS", 0, {}),
    "lean/daily_spy.zip": ("XNYS", 0, {}),
    "lean/daily_aapl.zip": ("XNYS", 0, {"splits": ("warn", 4)}),
    "lean/daily_goog.zip": ("XNYS", 0, {"splits": ("warn", 1)}),
    "lean/daily_qqq.zip": ("XNYS", 1588, {"gaps": ("refuse", 1588), "splits": ("warn", 1)}),
    "lean/hour_spy.zip": ("XNYS", 2, {"sessions": ("refuse", 47), "outliers": ("refuse", 60)}),
}


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared market data is not beside this project")
@pytest.mark.parametrize("name", REAL)
def test_real_files_pass_the_default_thresholds_but_for_what_is_wrong_with_them(name: str) -> None:
    calendar, missing, beyond = REAL[name]
    table, timeframe = read_raw(SHARED / name, Layout({}, calendar=calendar))
    expected, findings = examine_bars(arrays_of_table(table), Question(RULES, Clock(timeframe, calendar)))
    assert sum(one.count for one in findings if one.check == "gaps") == missing
    outside = sum(one.count for one in findings if one.check == "sessions")
    assert expected == table.height + missing - outside
    assert {one.check: (one.severity, one.count) for one in findings if one.severity != "note"} == beyond
