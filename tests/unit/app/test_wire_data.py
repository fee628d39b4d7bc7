"""What a config says of its bars is what a run gets: venues, calendars, actions, and a record of each file read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from keel.app.wire_data import MarketData, read_market_data, read_rates
from keel.config.load import load_config
from keel.data.bars import StoredBars
from keel.data.store import BarStore
from keel.domain.errors import ConfigError, DataError, UsageError
from keel.domain.instrument import InstrumentId
from keel.domain.layout import BAR_ENDS_DAY, BAR_PRESENT
from keel.domain.orders import ActionKind

CONFIG = """\
mode: sim
data: {store: bars, venue: coins, symbols: [BTC/USDT, SPY], timeframe: 1d}
strategy: {class: a:B}
"""
STOCKS = "data.sources={SPY: {venue: stocks, calendar: XNYS}}"
FRIDAY, MONDAY = "2021-01-08", "2021-01-11"


def ms(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def put(name: InstrumentId, spans: list[tuple[int, int]], calendar: str, zone: str, prices: list[float]) -> StoredBars:
    columns = {"open_ts_ms": [span[0] for span in spans], "close_ts_ms": [span[1] for span in spans]}
    table = pl.DataFrame(columns | dict.fromkeys(("open", "high", "low", "close", "volume"), prices))
    bars = StoredBars(name, "1d", "made up", "raw", calendar, zone, table)
    BarStore(Path("bars")).write(bars)
    return bars


@pytest.fixture(autouse=True)
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[StoredBars]:
    """Store a coin from Friday to Monday and a stock on both, which splits on Monday."""
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(CONFIG)
    days = [ms(FRIDAY) + i * 86_400_000 for i in range(4)]
    zone = "America/New_York"
    sessions = [(ms(f"{day}T09:30", zone), ms(f"{day}T16:00", zone)) for day in (FRIDAY, MONDAY)]
    return [
        put(InstrumentId("coins", "BTC/USDT"), [(ts, ts + 86_400_000) for ts in days], "24/7", "UTC", [30_000.0] * 4),
        put(InstrumentId("stocks", "SPY"), sessions, "XNYS", zone, [400.0, 200.0]),
    ]


def read(*overrides: str) -> MarketData:
    loaded = load_config(Path("x.yaml"), overrides)
    return read_market_data(loaded.config, loaded.document)


def refusal(*overrides: str, error: type[UsageError] = ConfigError) -> str:
    with pytest.raises(error) as caught:
        read(*overrides)
    return str(caught.value)


def test_instruments_of_two_venues_and_calendars_run_together(stored):
    data = read(STOCKS)
    assert (data.bars["flags"] & BAR_PRESENT).tolist() == [[0, 1], [1, 0], [1, 0], [1, 0], [0, 1], [1, 0]]
    assert np.flatnonzero(data.bars["flags"][:, 1] & BAR_ENDS_DAY).tolist() == [0, 4]
    assert [record.instrument for record in data.records] == ["coins:BTC/USDT", "stocks:SPY"]
    assert [record.path for record in data.records] == ["bars/coins/BTC-USDT/1d.parquet", "bars/stocks/SPY/1d.parquet"]
    for record, bars in zip(data.records, stored, strict=True):
        opens = bars.table["open_ts_ms"]
        assert (record.rows, record.first_ts_ms, record.last_ts_ms) == (len(opens), opens[0], opens[-1])
        assert record.content_hash == bars.content_hash()


def test_calendar_that_does_not_fit_the_stored_bars_is_refused_with_the_key_to_mend():
    assert refusal("data.sources={SPY: {venue: stocks}}") == (
        "market: calendar 24/7 in UTC does not fit the bars of stocks:SPY, stored with calendar XNYS in "
        "America/New_York: set market.calendar and market.timezone to those, or data.sources.SPY.calendar where other "
        "symbols have another"
    )
    assert refusal("data.sources={SPY: {venue: stocks, calendar: XLON}}") == (
        "data.sources.SPY.calendar: XLON does not fit the bars of stocks:SPY, stored with calendar XNYS: set it to that"
    )


def test_symbol_without_a_source_is_sought_at_the_shared_venue():
    assert "no 1d bars of coins:SPY: did you mean stocks:SPY?" in refusal(error=DataError)


def test_run_without_actions_and_foreign_currencies_has_none():
    data = read(STOCKS)
    assert data.view is data.bars
    assert (len(data.actions), data.rates.shape) == (0, (0, 2))
    assert (data.action_starts.tolist(), data.action_ends.tolist()) == ([0, 0], [0, 0])


def test_actions_reach_the_run_with_a_record_and_strategies_see_no_jump():
    Path("actions.csv").write_text(f"time,symbol,kind,value\n{MONDAY},SPY,split,2\n{MONDAY},SPY,dividend,1.5\n")
    data = read(STOCKS, "data.actions=actions.csv")
    assert data.actions["kind"].tolist() == [ActionKind.SPLIT, ActionKind.DIVIDEND]
    assert data.actions["instrument"].tolist() == [1, 1]
    assert (data.action_starts.tolist(), data.action_ends.tolist()) == ([0, 0], [0, 2])
    assert data.view["close"][[0, 4], 1].tolist() == [400.0, 400.0]
    assert data.bars["close"][[0, 4], 1].tolist() == [400.0, 200.0]
    assert data.factors[:, 1].tolist() == [1, 1, 1, 1, 2, 2]
    record = data.records[-1]
    assert (record.instrument, record.path, record.rows) == ("actions", "actions.csv", 2)
    assert record.first_ts_ms == record.last_ts_ms == ms(MONDAY, "America/New_York")
    Path("actions.csv").write_text(f"time,symbol,kind,value\n{MONDAY},SPY,split,3\n")
    assert read(STOCKS, "data.actions=actions.csv").records[-1].content_hash != record.content_hash


def test_actions_are_kept_only_while_their_own_instrument_has_bars():
    times = ("2021-01-08T14:30:00Z", "2021-01-08T14:30:01Z", "2021-01-11T20:59:59Z", "2021-01-11T21:00:00Z")
    rows = "".join(f"{time},SPY,funding,0.001\n" for time in times)
    Path("actions.csv").write_text(f"time,symbol,kind,value\n{rows}")
    kept = read(STOCKS, "data.actions=actions.csv").actions["ts_ms"].tolist()
    assert kept == [ms("2021-01-08T14:30:01"), ms("2021-01-11T20:59:59")]


def test_rates_come_from_stored_bars_of_their_own_venue_that_closed_before_the_run_began():
    days = [ms(FRIDAY) + i * 86_400_000 for i in range(-1, 2)]
    spans = [(ts, ts + 86_400_000) for ts in days]
    euro = put(InstrumentId("fx", "EUR/USD"), spans, "24/7", "UTC", [1.1, 1.2, 1.3])
    sets = [f"data.start={FRIDAY}", "data.rates={EUR: EUR/USD, CHF: 1.05}", "account.currency=USD"]
    config = load_config(Path("x.yaml"), [*sets, "data.sources={EUR/USD: {venue: fx}}"]).config
    quotes = [("BTC/USDT", "USD"), ("BMW", "EUR"), ("NESN", "CHF")]
    decisions = np.array([days[1], days[1] + 1, days[2]])
    rates, records = read_rates(config, quotes, decisions)
    assert rates.tolist() == [[1.0, 1.1, 1.05], [1.0, 1.1, 1.05], [1.0, 1.2, 1.05]]
    assert [(record.instrument, record.rows, record.content_hash) for record in records] == [
        ("fx:EUR/USD", 3, euro.content_hash())
    ]
