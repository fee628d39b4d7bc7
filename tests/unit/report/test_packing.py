"""Packed columns come back as they were, to half a unit, and a candle's four prices keep their order."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keel.domain.layout import BAR, BAR_PRESENT
from keel.metrics.summary import run_trades
from keel.report import prices
from keel.report.packing import Column, pack, price_unit, times

FLOATS = hnp.arrays(np.float64, st.integers(0, 60), elements=st.floats(-1e9, 1e9) | st.just(float("nan")))


@settings(max_examples=150, deadline=None)
@given(FLOATS.filter(lambda values: len(values) == 0 or not np.isnan(values[0])), st.sampled_from([1e-5, 0.01, 1.0]))
def test_columns_come_back_to_half_a_unit_with_their_gaps(unpacked, values, unit):
    columns = {"steps": Column(values, unit), "plain": Column(values, unit, wanders=False)}
    found = unpacked(json.loads(json.dumps(pack(columns.items()))))
    for name in columns:
        assert np.array_equal(np.isnan(found[name]), np.isnan(values))
        assert np.nanmax(np.abs(found[name] - values), initial=0.0) <= 0.5000001 * unit + 1e-6


@settings(max_examples=150, deadline=None)
@given(hnp.arrays(np.int64, st.integers(0, 60), elements=st.integers(0, 4_000_000_000_000)))
def test_times_come_back_exactly(unpacked, stamps):
    stamps = np.sort(stamps)
    assert unpacked(pack([("t", times(stamps))]))["t"].tolist() == stamps.tolist()


def test_prices_keep_seven_digits_of_the_smallest():
    assert price_unit(np.array([0.0, 12_345.678, 31_000.0])) == pytest.approx(0.01)
    assert price_unit(np.array([0.000012345678])) == pytest.approx(1e-11)
    assert price_unit(np.zeros(0)) == price_unit(np.zeros(3)) == 1.0
    spread = np.array([1e-9, 1e12])
    assert spread.max() / price_unit(spread) <= 2.0**52


def read_bars(unpacked, drawn) -> dict[str, np.ndarray]:
    table, unit = unpacked(drawn["bars"]), drawn["unit"]
    opened, close = [], []
    last = drawn["start"]
    for gap, body in zip(table["gap"], table["body"], strict=True):
        opened.append(last + gap)
        last = opened[-1] + body
        close.append(last)
    both = np.array(opened), np.array(close)
    high, low = np.maximum(*both) + table["above"], np.minimum(*both) - table["below"]
    return {"open": both[0] * unit, "close": both[1] * unit, "high": high * unit, "low": low * unit, **table}


def test_every_bar_of_a_run_is_in_the_page_with_its_prices_time_and_volume(make_run, unpacked):
    run = make_run(rows=3000, symbols=("AAA", "BBB"))
    run.bars["flags"][100:120, 1] = 0
    drawn = prices.price_data(run, run_trades(run))
    bars = read_bars(unpacked, drawn[1])
    true = run.bars[:, 1][run.bars["flags"][:, 1] == BAR_PRESENT]
    assert len(true) == 2980
    for name in ("open", "high", "low", "close"):
        assert bars[name] == pytest.approx(true[name], abs=drawn[1]["unit"])
    assert bars["t"].tolist() == true["open_ts_ms"].tolist()
    assert bars["length"].tolist() == (true["close_ts_ms"] - true["open_ts_ms"]).tolist()
    volume = (bars["volume"].astype(np.uint32) << 16).view(np.float32)
    assert volume == pytest.approx(true["volume"], rel=0.004)


def test_fills_and_trades_travel_whole(make_run, unpacked):
    run = make_run(rows=3000)
    trades = run_trades(run)
    (drawn,) = prices.price_data(run, trades)
    fills = run.events[run.events["kind"] == 4]
    found, trips = unpacked(drawn["fills"]), unpacked(drawn["trades"])
    assert found["t"].tolist() == fills["ts_ms"].tolist()
    assert found["price"] == pytest.approx(fills["price"], rel=1e-6)
    assert found["side"].tolist() == (fills["side"] > 0).tolist()
    assert len(trips["pnl"]) == drawn["trade_count"] == len(trades.closed) + len(trades.still_open)
    assert trips["pnl"].sum() == pytest.approx(trades.closed["pnl"].sum() + trades.still_open["pnl"].sum(), abs=1.0)
    assert trips["open"].sum() == len(trades.still_open)


def test_bars_beyond_the_limit_are_pooled_open_to_close_and_highest_to_lowest():
    bars = np.zeros(7, BAR)
    bars["flags"], bars["open"], bars["close"] = BAR_PRESENT, np.arange(7), np.arange(7) + 0.5
    bars["high"], bars["low"] = [3, 9, 4, 7, 8, 6, 7], [1, 0, 2, 3, 1, 2, 5]
    bars["volume"], bars["open_ts_ms"], bars["close_ts_ms"] = 1.0, np.arange(7), np.arange(7) + 1
    bars["flags"][6] = 0
    found = {name: prices.pooled(bars, name, 4).tolist() for name in ("open", "high", "low", "close", "volume")}
    assert found == {"open": [0, 4], "high": [9, 8], "low": [0, 1], "close": [3.5, 5.5], "volume": [4, 2]}
    assert prices.pooled(bars, "close_ts_ms", 4).tolist() == [4, 6]


def test_names_of_what_closed_a_trade_are_the_types_then_the_reasons():
    names = prices.exit_names()
    assert names[2] == "stop"
    assert names[len(names) - 1] == "extended_hours"
