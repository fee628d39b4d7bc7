"""The replayed market by itself: the walk inside a bar, bars of every length, prices now."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from keel.domain.layout import BAR, BAR_PRESENT
from keel.practice.bar_path import walk
from keel.practice.market import Market
from keel.sim.intrabar_nb import path_price_nb

MINUTE_MS = 60_000
START_MS = 1_704_067_200_000  # 2024-01-01 00:00 UTC, a Monday


def made_bars(rows: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    bars = np.zeros((rows, 1), BAR)
    prices = np.round(100 + np.cumsum(rng.normal(0, 0.3, (rows, 2)), axis=0), 2)
    bars["open"], bars["close"] = prices[:, :1], prices[:, 1:]
    bars["high"] = np.maximum(bars["open"], bars["close"]) + 0.25
    bars["low"] = np.minimum(bars["open"], bars["close"]) - 0.5
    bars["volume"], bars["flags"] = rng.uniform(1, 5, (rows, 1)), BAR_PRESENT
    bars["open_ts_ms"][:, 0] = START_MS + MINUTE_MS * np.arange(rows)
    bars["close_ts_ms"] = bars["open_ts_ms"] + MINUTE_MS
    return bars


def made_market(bars: np.ndarray, row: int) -> Market:
    return Market(bars, ["BTC/USDT"], "1m", [Decimal("0.01")], row)


def test_walk_inside_a_bar_is_the_simulator_s():
    for bar in made_bars(50)[:, 0]:
        for fraction in (0.0, 0.1, 0.33, 0.5, 0.77, 0.999):
            point = walk(bar, fraction)
            assert point.price == pytest.approx(path_price_nb(bar, fraction), abs=1e-9)
            assert bar["low"] - 1e-9 <= point.low <= point.price <= point.high <= bar["high"] + 1e-9
        end = walk(bar, 1.0)
        assert (end.price, end.high, end.low) == pytest.approx((bar["close"], bar["high"], bar["low"]))


def test_bars_that_are_not_over_are_not_told():
    bars = made_bars(300)
    market = made_market(bars, 130)
    for interval, length in (("1m", 1), ("5m", 5), ("1h", 60)):
        told = market.candles(0, interval, None, None, 1000)
        over = [candle for candle in told if candle.closed]
        assert len(over) == 130 // length
        assert all(candle.close_ts_ms <= market.now_ms for candle in over)
        last = bars[(len(over) - 1) * length : len(over) * length, 0]
        assert (over[-1].open, over[-1].close) == (last["open"][0], last["close"][-1])
        assert (over[-1].high, over[-1].low) == (last["high"].max(), last["low"].min())
        assert over[-1].volume == pytest.approx(last["volume"].sum())


def test_open_bar_holds_what_has_come_and_no_more():
    bars = made_bars(300)
    market = made_market(bars, 130)
    market.now_ms += 30_000
    told = market.open_candle(0, "1h")
    part = walk(bars[130, 0], 0.5)
    assert told.open_ts_ms == START_MS + 120 * MINUTE_MS
    assert told.close == pytest.approx(part.price, abs=0.005)
    assert told.high == pytest.approx(max(bars["high"][120:130, 0].max(), part.high), abs=0.005)
    assert told.volume == pytest.approx(bars["volume"][120:130, 0].sum() + bars["volume"][130, 0] / 2)
    assert market.last_price(0) == told.close


def test_week_begins_on_monday():
    market = made_market(made_bars(100), 50)
    assert market.open_candle(0, "1w").open_ts_ms == START_MS
    assert market.open_candle(0, "3d").open_ts_ms % (3 * 86_400_000) == 0


def test_bar_that_closes_now_is_found_for_each_length():
    bars = made_bars(300)
    market = made_market(bars, 60)
    assert market.closing(0, "1h").close_ts_ms == market.now_ms
    assert market.closing(0, "1m").open == bars["open"][59, 0]
    market.now_ms += MINUTE_MS
    assert market.closing(0, "1h") is None
    assert market.closing(0, "1m").open == bars["open"][60, 0]
