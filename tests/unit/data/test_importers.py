from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from made_bars import FIXTURES, NEW_YEAR_2021, SHARED, hours

from keel.data.importers.arch_indices import ARCH_SYMBOLS, read_arch
from keel.data.importers.columns import STANDARD_COLUMNS, Target, parse_mapping
from keel.data.importers.files import freqtrade_target, read_csv, read_freqtrade, read_parquet, read_yahoo
from keel.domain.errors import DataError, UsageError
from keel.domain.instrument import InstrumentId

ACME = InstrumentId("testing", "ACME/USDT")
HOURLY = Target(ACME, "1h", "fixture", "raw")
DAILY = Target(InstrumentId("testing", "ACME"), "1d", "yahoo", "split", "XNYS")
GOOD = (FIXTURES / "hourly.csv").read_text()

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared market data is not beside this project")


def refusal(call, error=DataError) -> str:
    with pytest.raises(error) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def csv_file(folder, text: str):
    path = folder / "bars.csv"
    path.write_text(text)
    return path


def refused_csv(folder, text: str, target: Target = HOURLY) -> str:
    path = csv_file(folder, text)
    message = refusal(lambda: read_csv(path, STANDARD_COLUMNS, target))
    assert message.startswith(f"{path}: ")
    return message


def stamps_file(folder, *stamps: str):
    rows = [f"{stamp},100,102,99,101,5" for stamp in stamps]
    return csv_file(folder, "\n".join(["timestamp,open,high,low,close,volume", *rows]))


def read_stamps_file(folder, *stamps: str, timeframe: str = "1h", timezone: str | None = None, calendar: str = "24/7"):
    target = Target(ACME, timeframe, "fixture", "raw", calendar, timezone)
    return read_csv(stamps_file(folder, *stamps), STANDARD_COLUMNS, target)


def ms(text: str, zone: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def test_csv_is_read_by_its_column_names():
    bars = read_csv(FIXTURES / "hourly.csv", STANDARD_COLUMNS, HOURLY)
    assert bars.table["open_ts_ms"].to_list() == hours(0, 1, 2, 3)
    assert bars.table["high"].to_list() == [111.0, 122.0, 121.0, 95.0]
    assert bars.table["volume"].to_list() == [5.0, 6.0, 7.5, 0.0]
    assert (bars.calendar, bars.timezone, bars.price_kind) == ("24/7", "UTC", "raw")


def test_binance_close_a_millisecond_early_is_mended_to_the_end_of_the_bar():
    mapping = parse_mapping("timestamp=open_time,trade_count=count,taker_buy_volume=taker_buy_volume")
    table = read_csv(FIXTURES / "binance_klines.csv", mapping, HOURLY).table
    stated = pl.read_csv(FIXTURES / "binance_klines.csv")["close_time"]
    assert (table["close_ts_ms"] - stated).to_list() == [1, 1, 1, 1]
    assert table["close_ts_ms"].to_list() == hours(1, 2, 3, 4)
    assert table["trade_count"].to_list() == [10, 20, 30, 40]


def test_csv_parquet_and_feather_of_the_same_bars_have_one_content():
    csv = read_csv(FIXTURES / "hourly.csv", STANDARD_COLUMNS, HOURLY)
    parquet = read_parquet(FIXTURES / "hourly.parquet", parse_mapping("timestamp=t"), HOURLY)
    feather = read_freqtrade(FIXTURES / "ACME_USDT-1h.feather", HOURLY)
    assert len({csv.content_hash(), parquet.content_hash(), feather.content_hash()}) == 1


@pytest.mark.parametrize(
    "stamp",
    [
        "1609459200",
        "1609459200.0",
        "1609459200000",
        "1609459200000000",
        "1609459200000000000",
        "2021-01-01T00:00:00Z",
        "2021-01-01 00:00:00+00:00",
        "2021-01-01T05:30+0530",
        "2020-12-31T19:00:00.000-05:00",
    ],
)
def test_every_spelling_of_a_moment_is_read_as_that_moment(tmp_path, stamp):
    assert read_stamps_file(tmp_path, stamp).table["open_ts_ms"].to_list() == [NEW_YEAR_2021]


@pytest.mark.parametrize("stamp", ["2021-01-01 00:00:00", "2021-01-01T00:00", "2021-01-01"])
def test_naive_times_are_refused_without_a_zone_and_read_with_one(tmp_path, stamp):
    message = refusal(lambda: read_stamps_file(tmp_path, stamp))
    assert "row 1: 2021-01-01" in message
    assert "--timezone" in message
    bars = read_stamps_file(tmp_path, stamp, timezone="America/New_York")
    assert bars.table["open_ts_ms"].to_list() == [ms("2021-01-01", "America/New_York")]


@pytest.mark.parametrize(
    ("stamp", "what"), [("2021-03-14 02:00:00", "does not exist"), ("2021-11-07 01:00:00", "happens twice")]
)
def test_local_time_the_clock_change_skips_or_repeats_is_refused_by_row(tmp_path, stamp, what):
    day = stamp[:11]
    message = refusal(lambda: read_stamps_file(tmp_path, f"{day}00:00:00", stamp, timezone="America/New_York"))
    assert f"row 2: {stamp} {what} in America/New_York" in message


@pytest.mark.parametrize(
    ("stamps", "told"),
    [
        (["2021-01-01T00:00:00Z", "soon"], "row 2: timestamp soon is no time"),
        (["2021-01-01T00:00:00Z", ""], "row 2: timestamp None is empty"),
        (["2021-13-01T00:00:00Z"], "row 1: timestamp 2021-13-01T00:00:00Z is no time"),
        (["2021-01-01T25:00:00Z"], "row 1: timestamp 2021-01-01T25:00:00Z is no time of day"),
        (["2021-01-01T00:00:00Z", "2021-01-01T01:00:00"], "row 2: timestamp 2021-01-01T01:00:00 mixes times with"),
        (["2021-01-01", "2021-01-01T01:00:00"], "row 2: timestamp 2021-01-01T01:00:00 mixes dates with times"),
        (["1609459200000", "1609462800000000"], "row 2: timestamp 1609462800000000 is no epoch time in ms"),
        (["1609459200000", "1609462800"], "row 2: timestamp 1609462800 is no epoch time in ms"),
        (["1609459200000", "x"], "row 2: timestamp x is no whole number"),
        (["1609459200000001"], "row 1: timestamp 1609459200000001 is not a whole millisecond"),
        (["12"], "row 1: timestamp 12 is no epoch time"),
    ],
)
def test_bad_stamp_is_refused_by_row(tmp_path, stamps, told):
    assert told in refusal(lambda: read_stamps_file(tmp_path, *stamps))


def test_unknown_zone_is_refused(tmp_path):
    assert "'Mars' is not in the IANA" in refusal(lambda: read_stamps_file(tmp_path, "2021-01-01", timezone="Mars"))


def test_missing_empty_and_header_only_files_are_refused_by_name(tmp_path):
    for path, told in [
        (tmp_path / "none.csv", "no such file"),
        (tmp_path, "is a folder"),
        (FIXTURES / "empty.csv", "the file is empty"),
        (FIXTURES / "header_only.csv", "there is a header but no row"),
    ]:
        message = refusal(lambda path=path: read_csv(path, STANDARD_COLUMNS, HOURLY))
        assert message.startswith(f"{path}: ")
        assert told in message


def test_file_of_another_format_is_refused_in_one_line():
    feather = FIXTURES / "ACME_USDT-1h.feather"
    assert "cannot be read" in refusal(lambda: read_parquet(feather, STANDARD_COLUMNS, HOURLY))
    assert "cannot be read" in refusal(lambda: read_freqtrade(FIXTURES / "hourly.parquet", HOURLY))
    assert str(feather) in refusal(lambda: read_csv(feather, STANDARD_COLUMNS, HOURLY))


def test_missing_column_names_those_there_are_the_nearest_and_the_mend():
    message = refusal(lambda: read_csv(FIXTURES / "hourly.csv", parse_mapping("open=opn"), HOURLY))
    assert "no column 'opn' for open (did you mean 'open'?)" in message
    assert "timestamp, open, high, low, close, volume" in message
    assert "--columns open=..." in message


@pytest.mark.parametrize(
    ("file", "mend"),
    [
        (b"timestamp;open;high;low;close;volume\n1;1;1;1;1;1\n", "its cells are parted by ';': part them by commas"),
        (b"2021-01-01T00:00:00Z,1,1,1,1,1\n", "or add --no-header if that line is no header"),
        ("timestamp,open,high,low,close,volume\n".encode("utf-16"), "it is not UTF-8 text; save it as such"),
    ],
)
def test_csv_of_another_kind_is_refused_with_its_own_mend(tmp_path, file, mend):
    (tmp_path / "bars.csv").write_bytes(file)
    assert refusal(lambda: read_csv(tmp_path / "bars.csv", STANDARD_COLUMNS, HOURLY)).endswith(mend)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("110,122", "110,NaN", "row 2 (2021-01-01 01:00 UTC): high is nan"),
        ("110,122", "110,inf", "row 2 (2021-01-01 01:00 UTC): high is inf"),
        ("110,122", "0,122", "row 2 (2021-01-01 01:00 UTC): open is 0.0"),
        ("110,122", "-5,122", "row 2 (2021-01-01 01:00 UTC): open is -5.0"),
        ("110,122,108", "110,108,122", "row 2 (2021-01-01 01:00 UTC): high 108.0 is below low 122.0"),
        ("110,122", ",122", "row 2: open is empty"),
        ("110,122", "1_1O,122", "row 2: open '1_1O' is no number"),
        ("T02:00", "T01:00", "row 3 (2021-01-01 01:00 UTC): the row above has the same time"),
        ("T02:00", "T00:30", "row 3 (2021-01-01 00:30 UTC): it is earlier"),
        ("110,5\n", "110,-5\n", "row 1 (2021-01-01 00:00 UTC): volume is -5.0"),
    ],
)
def test_bad_row_is_refused_by_file_and_row(tmp_path, old, new, told):
    assert GOOD.count(old) == 1
    assert told in refused_csv(tmp_path, GOOD.replace(old, new))


@pytest.mark.parametrize(("timeframe", "told"), [("1d", "is the timeframe right?"), ("15m", "a grid of 60 minutes")])
def test_wrong_timeframe_is_refused(tmp_path, timeframe, told):
    stamps = [f"2021-01-01T{hour:02}:00:00Z" for hour in (0, 1, 2, 3, 5, 6, 9, 10, 11, 12)]
    assert told in refusal(lambda: read_stamps_file(tmp_path, *stamps, timeframe=timeframe))


def test_fractional_count_is_refused(tmp_path):
    mapping = parse_mapping("trade_count=volume")
    path = csv_file(tmp_path, GOOD)
    assert "row 3: volume '7.5' is no whole number" in refusal(lambda: read_csv(path, mapping, HOURLY))


def test_columns_option_refuses_what_is_no_column_of_a_bar():
    assert "did you mean open?" in refusal(lambda: parse_mapping("opne=o"), UsageError)
    assert "is not NAME=COLUMN" in refusal(lambda: parse_mapping("open"), UsageError)


def test_yahoo_days_get_the_sessions_hours_half_days_included():
    bars = read_yahoo(FIXTURES / "ACME.csv", DAILY)
    zone = "America/New_York"
    assert bars.table["open_ts_ms"].to_list() == [ms(f"2020-11-{day}T09:30", zone) for day in (25, 27, 30)]
    closes = ["2020-11-25T16:00", "2020-11-27T13:00", "2020-11-30T16:00"]
    assert bars.table["close_ts_ms"].to_list() == [ms(text, zone) for text in closes]
    assert bars.table["close"].to_list() == [110.0, 120.0, 95.0]
    assert (bars.price_kind, bars.timezone, bars.calendar) == ("split", zone, "XNYS")


def test_date_without_a_session_is_refused_by_row(tmp_path):
    path = csv_file(tmp_path, (FIXTURES / "ACME.csv").read_text().replace("11-27", "11-26"))
    assert "row 2: 2020-11-26 is no trading session of XNYS" in refusal(lambda: read_yahoo(path, DAILY))


def test_null_that_yahoo_writes_for_a_missing_day_is_refused_by_row(tmp_path):
    path = csv_file(tmp_path, (FIXTURES / "ACME.csv").read_text().replace("122.0", "null"))
    assert "row 2: High 'null' is no number" in refusal(lambda: read_yahoo(path, DAILY))


def test_daily_bar_of_a_session_with_a_time_is_refused(tmp_path):
    told = refusal(lambda: read_stamps_file(tmp_path, "2021-01-04T14:30:00Z", timeframe="1d", calendar="XNYS"))
    assert "row 1" in told
    assert "is no date" in told


def test_intraday_bars_are_cut_to_their_session(tmp_path):
    stamps = ["2021-01-04 09:00", "2021-01-04 10:00", "2021-01-04 15:00"]
    bars = read_stamps_file(tmp_path, *stamps, timezone="America/New_York", calendar="XNYS").table
    edges = [("09:30", "10:00"), ("10:00", "11:00"), ("15:00", "16:00")]
    for row, (start, end) in enumerate(edges):
        assert bars["open_ts_ms"][row] == ms(f"2021-01-04T{start}", "America/New_York")
        assert bars["close_ts_ms"][row] == ms(f"2021-01-04T{end}", "America/New_York")


@pytest.mark.parametrize("stamp", ["2021-01-04 08:30", "2021-01-04 16:00", "2021-01-03 12:00", "2021-01-01 12:00"])
def test_intraday_bar_outside_the_sessions_is_refused_by_row(tmp_path, stamp):
    told = refusal(lambda: read_stamps_file(tmp_path, stamp, timezone="America/New_York", calendar="XNYS"))
    assert "row 1" in told
    assert "outside the trading sessions of XNYS" in told


def test_unknown_calendar_is_refused_in_one_line(tmp_path):
    told = refusal(lambda: read_stamps_file(tmp_path, "2021-01-04", timeframe="1d", calendar="XMARS"))
    assert "calendar 'XMARS'" in told


def test_longer_bars_than_a_session_are_refused(tmp_path):
    refusal(lambda: read_stamps_file(tmp_path, "2021-01-04", timeframe="1w", calendar="XNYS"), UsageError)


def test_freqtrade_file_name_tells_symbol_and_timeframe():
    target = freqtrade_target(FIXTURES / "ACME_USDT-1h.feather", "testing", None, None)
    assert (str(target.instrument_id), target.timeframe) == ("testing:ACME/USDT", "1h")
    other = freqtrade_target(FIXTURES / "x.feather", "testing", "A/B", "4h")
    assert (str(other.instrument_id), other.timeframe) == ("testing:A/B", "4h")
    refusal(lambda: freqtrade_target(FIXTURES / "x.feather", "testing", "A/B", None), UsageError)


def test_feather_with_naive_dates_is_refused(tmp_path):
    frame = pl.read_ipc(FIXTURES / "ACME_USDT-1h.feather")
    path = tmp_path / "naive.feather"
    frame.with_columns(pl.col("date").dt.replace_time_zone(None)).write_ipc(path)
    assert "no time zone" in refusal(lambda: read_freqtrade(path, HOURLY))


@pytest.mark.parametrize("symbol", ARCH_SYMBOLS)
def test_arch_indices_are_5031_sessions_and_keep_every_price_as_arch_has_it(symbol):
    import importlib

    frame = importlib.import_module(f"arch.data.{symbol.lower()}").load()
    bars = read_arch(symbol)
    assert bars.table.height == len(frame) == 5031
    for name in ("Open", "High", "Low", "Close"):
        np.testing.assert_array_equal(bars.table[name.lower()].to_numpy(), frame[name].to_numpy())
    assert bars.table["open_ts_ms"][0] == ms("1999-01-04T09:30", "America/New_York")
    assert bars.metadata() | {"symbol": symbol} == bars.metadata()
    assert (bars.instrument_id.venue, bars.feed, bars.price_kind) == ("indices", "arch", "raw")


def test_symbol_arch_does_not_have_is_refused():
    assert "SP500 and NASDAQ" in refusal(lambda: read_arch("DAX"))


@needs_shared
def test_freqtrade_feather_of_the_shared_data_has_58419_rows():
    path = SHARED / "crypto" / "BTC_USDT-1h.feather"
    assert read_freqtrade(path, freqtrade_target(path, "binance", None, None)).table.height == 58_419


@needs_shared
def test_parquet_of_the_shared_data_has_8737_rows_and_its_trade_counts():
    mapping = parse_mapping("timestamp=ts_ms,trade_count=number_of_trades,taker_buy_volume=taker_buy_base")
    table = read_parquet(SHARED / "crypto" / "BTCUSDT_1h_2021.parquet", mapping, HOURLY).table
    assert table.height == 8737
    assert table["trade_count"][0] == 65_942


@needs_shared
def test_minute_csv_of_the_shared_data_needs_its_zone_stated():
    path = SHARED / "crypto" / "btc-perp-20211231-20220201_1m.csv"
    assert "no time zone" in refusal(lambda: read_csv(path, STANDARD_COLUMNS, Target(ACME, "1m", "f", "raw")))
    target = Target(ACME, "1m", "f", "raw", timezone="UTC")
    assert read_csv(path, STANDARD_COLUMNS, target).table.height == 45_031


@needs_shared
def test_all_44_yahoo_files_of_the_shared_data_are_read():
    paths = sorted((SHARED / "stocks_yahoo_csv").glob("*.csv"))
    rows = [read_yahoo(path, DAILY).table.height for path in paths]
    assert len(rows) == 44
    assert sum(rows) > 50_000
