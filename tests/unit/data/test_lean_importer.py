from __future__ import annotations

import zipfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from made_bars import SHARED

from keel.data.bars import StoredBars
from keel.data.importers.lean import read_lean
from keel.domain.errors import DataError

DAILY = "20201125 00:00,1000000,1110000,990000,1103800,5000\n20201127 00:00,1100000,1220000,1080000,1200000,6000\n"
HOURLY = """\
20201127 09:00,1000000,1110000,990000,1100000,10
20201127 10:00,1000000,1110000,990000,1100000,20
20201127 12:00,1000000,1110000,990000,1100000,30
20201127 13:00,1000000,1110000,990000,1100000,40
20201130 09:00,1000000,1110000,990000,1100000,50
"""


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000)


def zipped(folder: Path, text: str, inside: str = "acme.csv") -> Path:
    path = folder / "acme.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(inside, text)
    return path


def refusal(call) -> str:
    with pytest.raises(DataError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_days_get_the_sessions_hours_and_prices_in_dollars_as_the_decimal_says(tmp_path):
    bars = read_lean(zipped(tmp_path, DAILY), "usa")
    assert (str(bars.instrument_id), bars.timeframe, bars.feed, bars.price_kind) == ("usa:ACME", "1d", "lean", "raw")
    assert (bars.calendar, bars.timezone) == ("XNYS", "America/New_York")
    assert bars.table["open_ts_ms"].to_list() == [ms("2020-11-25T09:30"), ms("2020-11-27T09:30")]
    assert bars.table["close_ts_ms"].to_list() == [ms("2020-11-25T16:00"), ms("2020-11-27T13:00")]
    assert bars.table["close"].to_list() == [110.38, 120.0]
    assert bars.table["volume"].to_list() == [5000.0, 6000.0]


def test_hours_outside_the_session_are_refused_by_row_or_left_out_and_told(tmp_path):
    path = zipped(tmp_path, HOURLY)
    told = refusal(lambda: read_lean(path, "usa"))
    assert "row 4 (2020-11-27 18:00 UTC): outside the trading sessions of XNYS" in told
    left_out: list[int] = []
    bars = read_lean(path, "usa", left_out=left_out.append)
    assert left_out == [1]
    assert (bars.timeframe, bars.feed) == ("1h", "lean (sessions only)")
    assert bars.table["volume"].to_list() == [10.0, 20.0, 30.0, 50.0]
    assert bars.table["open_ts_ms"][0] == ms("2020-11-27T09:30")
    assert bars.table["close_ts_ms"].to_list()[:3] == [ms(f"2020-11-27T{hour}:00") for hour in (10, 11, 13)]


def test_rows_below_one_left_out_keep_their_number_in_a_refusal(tmp_path):
    path = zipped(tmp_path, HOURLY.replace("1110000,990000,1100000,50", "990000,1110000,1100000,50"))
    assert "row 5 (2020-11-30 14:30 UTC): high 99.0 is below low" in refusal(
        lambda: read_lean(path, "usa", left_out=lambda _: None)
    )


def test_minutes_take_their_day_and_ticker_from_the_file_inside(tmp_path):
    text = "34200000,1000000,1110000,990000,1100000,10\n57540000,1000000,1110000,990000,1100000,20\n"
    bars = read_lean(zipped(tmp_path, text, "20201125_acme_minute_trade.csv"), "usa")
    assert (str(bars.instrument_id), bars.timeframe) == ("usa:ACME", "1m")
    assert bars.table["open_ts_ms"].to_list() == [ms("2020-11-25T09:30"), ms("2020-11-25T15:59")]


@pytest.mark.parametrize(
    ("text", "inside", "told"),
    [
        ("20201126 00:00,1,1,1,1,1\n", "acme.csv", "row 1: 2020-11-26 is no trading session of XNYS"),
        (DAILY + "20201130 09:00,1,1,1,1,1\n", "acme.csv", "row 3: date 2020-11-30 09:00:00 is no date"),
        (DAILY + "2020-11-30,1,1,1,1,1\n", "acme.csv", "row 3: timestamp 2020-11-30 mixes dates with times"),
        (DAILY + "soon,1,1,1,1,1\n", "acme.csv", "row 3: timestamp soon is no time"),
        ("34200000,1,1,1,1,1\n", "acme.csv", "row 1: '34200000' is no time of LEAN's daily or hourly files"),
        ("34200000,1,1,1,1,1\nx,1,1,1,1,1\n", "20201125_acme_minute_trade.csv", "row 2: timestamp x is no time"),
        ("34200000,1,1,1,1,1\n", "20209999_acme_minute_trade.csv", "20209999 in the name of the file inside"),
        ("20201125 00:00,1,1,1,1,1,1,1,1,1,1\n", "acme.csv", "has 11 columns, trade bars have 6"),
        ("20201125 00:00,1,x,1,1,1\n", "acme.csv", "row 1: high 'x' is no number"),
    ],
)
def test_other_files_and_bad_rows_are_refused(tmp_path, text, inside, told):
    assert told in refusal(lambda: read_lean(zipped(tmp_path, text, inside), "usa"))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared market data is not beside this project")
def test_all_twelve_files_of_the_shared_data_are_read_and_94_hours_after_the_bell_left_out():
    def read(path: Path) -> tuple[StoredBars, int]:
        left_out: list[int] = []
        return read_lean(path, "usa", left_out=left_out.append), sum(left_out)

    found = {path.name: read(path) for path in sorted((SHARED / "lean").glob("*.zip"))}
    assert len(found) == 12
    assert {name: count for name, (_, count) in found.items() if count} == {"hour_aapl.zip": 47, "hour_spy.zip": 47}
    assert found["daily_ibm.zip"][0].table.height == 5_849
    assert found["daily_ibm.zip"][0].table["close"][0] == 105.75
    assert found["hour_spy.zip"][0].table.height == 40_832 - 47
