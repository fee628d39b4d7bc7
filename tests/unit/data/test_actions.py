"""Splits, dividends and funding of a file: read with their times, refused by row, and seen by strategies causally."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_bars import SHARED, hours, stored

from keel.data.actions import Actions, TradedBars, no_actions, read_actions
from keel.data.adjust import forward_adjusted
from keel.data.align import align
from keel.domain.errors import DataError
from keel.domain.instrument import InstrumentId
from keel.domain.layout import ACTION, BAR_PRESENT
from keel.domain.orders import ActionKind

NEW_YORK = "America/New_York"
SPLIT, DIVIDEND, FUNDING = ActionKind.SPLIT, ActionKind.DIVIDEND, ActionKind.FUNDING


def ms(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def traded(symbol: str = "AAPL", zone: str = NEW_YORK, kind: str = "raw") -> TradedBars:
    return TradedBars(symbol, zone, kind, ms("2014-01-02T14:30"), ms("2015-01-01"))


@pytest.fixture
def file(tmp_path):
    """Return a function that writes the rows of an actions file and returns its path."""

    def write(*rows: str, header: str = "time,symbol,kind,value") -> Path:
        path = tmp_path / "actions.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    return write


def refusal(path: Path, *bars: TradedBars) -> str:
    with pytest.raises(DataError) as caught:
        read_actions(path, bars or (traded(),))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def as_rows(actions: Actions) -> list[tuple]:
    return [
        tuple(record[name].item() for name in ("instrument", "ts_ms", "kind", "value")) for record in actions.records
    ]


def test_date_is_midnight_in_the_zone_of_its_instrument(file):
    path = file("2014-06-09,AAPL,split,7", "2014-06-09,SAP,dividend,1.0")
    actions = read_actions(path, [traded(), traded("SAP", "Europe/Berlin")])
    assert as_rows(actions) == [
        (0, ms("2014-06-09", NEW_YORK), SPLIT, 7.0),
        (1, ms("2014-06-09", "Europe/Berlin"), DIVIDEND, 1.0),
    ]


def test_date_whose_midnight_the_clocks_skip_starts_an_hour_later(file):
    actions = read_actions(file("2014-10-19,PETR,dividend,1"), [traded("PETR", "America/Sao_Paulo")])
    assert actions.records["ts_ms"].tolist() == [ms("2014-10-19T03:00")]


@pytest.mark.parametrize("time", ["2014-06-09T04:00:00Z", "2014-06-09 00:00-04:00", str(ms("2014-06-09T04:00"))])
def test_times_with_a_zone_and_epoch_ms_are_taken_as_they_are(file, time):
    assert as_rows(read_actions(file(f"{time},AAPL,Funding,-0.0001"), [traded()])) == [
        (0, ms("2014-06-09T04:00"), FUNDING, -0.0001)
    ]


def test_parquet_with_typed_columns_says_the_same_as_csv(file, tmp_path):
    csv = file("2014-06-09,AAPL,split,7", "2014-08-07,AAPL,dividend,0.47")
    table = pl.read_csv(csv, try_parse_dates=True)
    assert table.schema["time"] == pl.Date
    table.write_parquet(tmp_path / "actions.parquet")
    one, other = (read_actions(path, [traded()]) for path in (csv, tmp_path / "actions.parquet"))
    assert as_rows(one) == as_rows(other)
    assert one.content_hash(["AAPL"]) == other.content_hash(["AAPL"])


def test_records_are_sorted_by_instrument_time_and_kind_with_ranges(file):
    path = file(
        "2014-08-07,AAPL,dividend,0.47",
        "2014-06-09,MSFT,dividend,0.28",
        "2014-06-09,AAPL,dividend,0.5",
        "2014-06-09,AAPL,split,7",
    )
    actions = read_actions(path, [traded("SPY"), traded("AAPL"), traded("MSFT")])
    order = [(1, SPLIT, 7.0), (1, DIVIDEND, 0.5), (1, DIVIDEND, 0.47), (2, DIVIDEND, 0.28)]
    assert [(row[0], *row[2:]) for row in as_rows(actions)] == order
    assert (actions.starts.tolist(), actions.ends.tolist()) == ([0, 0, 3], [0, 3, 4])
    assert (actions.starts.dtype, actions.ends.dtype, actions.records.dtype) == (np.int64, np.int64, ACTION)


def test_rows_outside_the_bars_and_of_other_symbols_are_left_out(file):
    path = file(
        "2014-01-02,AAPL,split,2",
        "2014-06-09,AAPL,split,7",
        "2014-06-09,KO,split,2",
        "2015-01-02,AAPL,split,4",
    )
    assert as_rows(read_actions(path, [traded()])) == [(0, ms("2014-06-09", NEW_YORK), SPLIT, 7.0)]


def test_content_hash_knows_every_value_and_the_symbols(file):
    hashes = set()
    for row in ("2014-06-09,AAPL,split,7", "2014-06-10,AAPL,split,7", "2014-06-09,AAPL,split,8"):
        hashes.add(read_actions(file(row), [traded()]).content_hash(["AAPL"]))
    hashes.add(read_actions(file("2014-06-09,AAPL,split,7"), [traded()]).content_hash(["MSFT"]))
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("2014-06-10,AAPL,spilt,7", "row 2: kind 'spilt' is none of split, dividend, funding; did you mean split?"),
        ("2014-06-10,KO,merger,7", "row 2: kind 'merger' is none of split, dividend, funding"),
        ("2014-06-10,AAPL,split,0", "row 2: value 0: a split is above zero"),
        ("2014-06-10,AAPL,dividend,-0.5", "row 2: value -0.5: a dividend is above zero"),
        ("2014-06-10,AAPL,dividend,", "row 2: value None is no number"),
        ("2014-06-10,AAPL,split,7:1", "row 2: value '7:1' is no number"),
        ("2014-06-10,AAPL,split,inf", "row 2: value 'inf' is no number"),
        ("2014-06-10,,split,7", "row 2: symbol is empty"),
        (
            "2014-06-10,AAPL,funding,0.1",
            "row 2: value 0.1: a funding rate is a fraction between -0.1 and 0.1, 0.0001 for one bp",
        ),
        ("2014-06-09,AAPL,split,3", "row 2: AAPL has another split at 2014-06-09 04:00 UTC; remove one of them"),
        ("soon,AAPL,split,3", "row 2: time soon is no time Keel reads"),
        ("2014-06-31,AAPL,split,3", "row 2: time 2014-06-31 is no time Keel reads"),
    ],
)
def test_row_that_cannot_be_is_refused_by_its_number(file, row, told):
    assert told in refusal(file("2014-06-09,AAPL,split,7", row))


def test_time_of_day_without_a_zone_is_refused(file):
    assert refusal(file("2014-06-09 09:30,AAPL,split,7")) == (
        "row 1: time 2014-06-09 09:30 has no zone: add Z or an offset, or write a date"
    )


@pytest.mark.parametrize(
    ("prices", "kind", "passes"),
    [
        ("raw", "split", True),
        ("raw", "dividend", True),
        ("split", "split", False),
        ("split", "dividend", True),
        ("split", "funding", True),
        ("total", "split", False),
        ("total", "dividend", False),
    ],
)
def test_what_the_prices_are_adjusted_for_already_is_refused(file, prices, kind, passes):
    path = file(f"2014-06-09,AAPL,{kind},0.05")
    if passes:
        assert len(read_actions(path, [traded(kind=prices)]).records) == 1
    else:
        assert refusal(path, traded(kind=prices)) == (
            f"row 1: the prices of AAPL are {prices}, adjusted for its {kind} already: remove the row, or import raw "
            f"prices"
        )


def test_file_without_any_symbol_of_the_run_is_refused(file):
    assert refusal(file("2014-06-09,APPL,split,7")) == (
        "no row is of AAPL; its symbols are APPL: write the run's symbols, or set data.actions to null"
    )


def test_file_that_cannot_be_an_actions_file_is_refused(file, tmp_path):
    assert "no such file" in refusal(tmp_path / "missing.csv")
    assert "no column kind; its columns are time, symbol, value" in refusal(file("1", header="time,symbol,value"))
    assert "there is a header but no row below it" in refusal(file())
    (tmp_path / "broken.parquet").write_text("no parquet")
    assert "cannot be read as .parquet" in refusal(tmp_path / "broken.parquet")


# what strategies see


def actions_of(*splits: tuple[int, int, float], n: int = 1) -> Actions:
    """Return the actions of n instruments: (instrument, ts_ms, ratio) of each split, in order."""
    records = np.array([(ts_ms, ratio, i, SPLIT) for i, ts_ms, ratio in sorted(splits)], dtype=ACTION)
    at = np.searchsorted(records["instrument"], np.arange(n + 1))
    return Actions(records, at[:-1].astype(np.int64), at[1:].astype(np.int64))


def test_without_a_split_the_bars_are_given_uncopied():
    bars = align([stored(hours(0, 1))])
    view, factors = forward_adjusted(bars, no_actions(1))
    assert view is bars
    assert factors.tolist() == [[1.0], [1.0]]


def test_split_holds_from_the_first_own_bar_that_opens_at_or_after_it():
    other = InstrumentId("testing", "OTHER")
    bars = align([stored(hours(0, 2, 4)), stored(hours(0, 1, 2, 3, 4), instrument_id=other)])
    view, factors = forward_adjusted(bars, actions_of((0, hours(1)[0], 2.0), (1, hours(3)[0], 3.0), n=2))
    assert factors.tolist() == [[1, 1], [1, 1], [2, 1], [2, 3], [2, 3]]
    assert view["close"][2].tolist() == [200.0, 100.0]
    assert view["volume"][3].tolist() == [0.0, 7.0 / 3.0]
    assert np.isnan(view["close"][1, 0])
    assert bars["close"][2, 0] == 100.0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.booleans(), min_size=8, max_size=40),
    st.dictionaries(st.integers(0, 45), st.sampled_from([0.1, 0.5, 2.0, 7.0]), max_size=4),
    st.integers(0, 40),
)
def test_view_up_to_a_row_is_the_same_whether_later_bars_and_splits_exist(there, splits, row):
    opens = [hour for hour, present in enumerate(there) if present] or [0]
    row = min(row, len(opens) - 1)
    bars = align([stored(hours(*opens))])
    bars["close"] += np.arange(len(bars))[:, None]
    every = [(0, hours(hour)[0], ratio) for hour, ratio in splits.items()]
    known = [split for split in every if split[1] <= bars["open_ts_ms"][row, 0]]
    whole = forward_adjusted(bars, actions_of(*every))[0]
    part = forward_adjusted(bars[: row + 1], actions_of(*known))[0]
    assert whole[: row + 1].tobytes() == part.tobytes()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real market data is not here (../shared/data)")
def test_apples_split_of_2014_leaves_no_jump_in_what_strategies_see(tmp_path):
    with zipfile.ZipFile(SHARED / "lean" / "daily_aapl.zip") as archive:
        names = ("time", "open", "high", "low", "close", "volume")
        raw = pl.read_csv(archive.read(archive.namelist()[0]), has_header=False, new_columns=names)
    raw = raw.filter(pl.col("time").str.starts_with("2014"))
    prices = raw.select(pl.col(names[1:5]) / 10_000, pl.col("volume").cast(pl.Float64))
    opens = [ms(f"{day[:4]}-{day[4:6]}-{day[6:8]}T09:30", NEW_YORK) for day in raw["time"]]
    bars = stored(opens, timeframe="1d", calendar="XNYS", timezone=NEW_YORK, instrument_id=InstrumentId("lean", "AAPL"))
    bars = replace(bars, table=bars.table.with_columns(prices.get_columns()))
    (tmp_path / "actions.csv").write_text("time,symbol,kind,value\n2014-06-09,AAPL,split,7\n")
    rows = align([bars])
    actions = read_actions(tmp_path / "actions.csv", [traded()])
    view, factors = forward_adjusted(rows, actions)
    split = int(np.flatnonzero(opens == np.int64(ms("2014-06-09T09:30", NEW_YORK)))[0])
    jump = rows["close"][split, 0] / rows["close"][split - 1, 0]
    assert jump == pytest.approx(93.70 / 645.57)
    assert view["close"][split, 0] / view["close"][split - 1, 0] == pytest.approx(7 * jump)
    assert np.all(np.abs(np.diff(np.log(view["close"][:, 0]))) < 0.1)
    assert factors[:, 0].tolist() == [1.0] * split + [7.0] * (len(rows) - split)
    assert np.all(rows["flags"] & BAR_PRESENT)
