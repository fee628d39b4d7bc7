from __future__ import annotations

from dataclasses import replace

import pytest
from made_bars import hours, stored

from keel.config.data import ArchProvider, DataSection, SyntheticProvider
from keel.data.provide import ensure_bars
from keel.data.store import BarStore
from keel.domain.errors import DataError, UsageError
from keel.domain.instrument import InstrumentId

SYN = InstrumentId("synthetic", "SYNBTC/USDT")


def synthetic(seed: int = 11, **changes) -> DataSection:
    provider = SyntheticProvider(kind="synthetic", seed=seed, start="2021-01-01", end="2021-01-08")
    fields = {"venue": "synthetic", "symbols": ["SYNBTC/USDT"], "timeframe": "1h", "provider": provider}
    return DataSection(**(fields | changes))


def indices(**changes) -> DataSection:
    fields = {"venue": "indices", "symbols": ["SP500", "NASDAQ"], "timeframe": "1d"}
    return DataSection(**(fields | {"provider": ArchProvider(kind="arch")} | changes))


@pytest.fixture
def store(tmp_path) -> BarStore:
    return BarStore(tmp_path)


def test_missing_made_up_bars_are_made_once(store):
    done = ensure_bars(synthetic(), "24/7", store)
    assert [(one.reason, one.bars.table.height) for one in done] == [("missing", 168)]
    assert ensure_bars(synthetic(), "24/7", store) == []
    assert store.read(SYN, "1h").content_hash() == done[0].bars.content_hash()


def test_reference_bars_are_made_too_and_agree(store):
    ensure_bars(synthetic(reference_timeframe="1m"), "24/7", store)
    assert store.read(SYN, "1m").table["high"].max() == store.read(SYN, "1h").table["high"].max()


def test_made_up_bars_of_another_seed_are_made_again(store):
    ensure_bars(synthetic(seed=1), "24/7", store)
    done = ensure_bars(synthetic(seed=2), "24/7", store)
    assert [one.reason for one in done] == ["other parameters"]
    assert "seed=2" in store.read(SYN, "1h").feed


def test_bars_of_another_feed_are_never_replaced_by_made_up_ones(store):
    store.write(replace(stored(hours(0)), instrument_id=SYN))
    with pytest.raises(DataError, match="holds bars of feed 'made up'"):
        ensure_bars(synthetic(), "24/7", store)


def test_bars_are_never_made_up_for_a_real_venue(store):
    assert ensure_bars(synthetic(venue="binance"), "24/7", store) == []
    assert store.contents() == {}


def test_made_up_bars_of_a_market_that_closes_are_those_in_its_sessions(store):
    round_the_clock = ensure_bars(synthetic(timeframe="30m"), "24/7", store)[0].bars.table
    done = ensure_bars(synthetic(timeframe="30m"), "XNYS", store)
    assert (done[0].reason, done[0].bars.calendar, done[0].bars.timezone) == (
        *("other parameters", "XNYS"),
        "America/New_York",
    )
    table = done[0].bars.table
    assert table.height % 13 == 0
    assert table.height > 0
    assert table.equals(round_the_clock.filter(round_the_clock["open_ts_ms"].is_in(table["open_ts_ms"])))
    with pytest.raises(UsageError, match="choose 30m or less"):
        ensure_bars(synthetic(), "XNYS", store)


def test_without_a_provider_nothing_happens(store):
    assert ensure_bars(synthetic(provider=None), "24/7", store) == []


def test_indices_come_from_arch_once(store):
    done = ensure_bars(indices(), "XNYS", store)
    assert [(one.bars.instrument_id.symbol, one.bars.table.height) for one in done] == [
        ("SP500", 5031),
        ("NASDAQ", 5031),
    ]
    assert ensure_bars(indices(), "XNYS", store) == []


@pytest.mark.parametrize(("timeframe", "calendar"), [("1h", "XNYS"), ("1d", "24/7")])
def test_arch_has_daily_sessions_only(store, timeframe, calendar):
    with pytest.raises(UsageError, match=r"change market\.calendar and data\.timeframe"):
        ensure_bars(indices(timeframe=timeframe), calendar, store)


def test_symbol_of_another_venue_is_left_to_its_own(store):
    data = synthetic(symbols=["SYNBTC/USDT", "SPY"], sources={"SPY": {"venue": "stocks", "calendar": "XNYS"}})
    assert [one.bars.instrument_id for one in ensure_bars(data, "24/7", store)] == [SYN]


def test_made_up_symbol_beside_a_market_with_sessions_keeps_its_own_calendar(store):
    data = synthetic(sources={"SYNBTC/USDT": {"calendar": "24/7"}})
    assert len(ensure_bars(data, "XNYS", store)) == 1
