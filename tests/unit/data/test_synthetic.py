from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import polars as pl
import pytest

from keel.data.bars import StoredBars
from keel.data.check import check_bars
from keel.data.synthetic import SyntheticMarket, generate_bars, hour_of_week_volatility
from keel.domain.errors import UsageError
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import MS_PER_DAY

START = 1_609_459_200_000
SYMBOL = InstrumentId("synthetic", "SYNBTC/USDT")
THREE_YEARS = SyntheticMarket(seed=11, start_ms=START, end_ms=START + 1095 * MS_PER_DAY)
MONTH = replace(THREE_YEARS, end_ms=START + 30 * MS_PER_DAY)


@lru_cache
def three_years() -> StoredBars:
    return generate_bars(SYMBOL, "1h", THREE_YEARS)


def returns() -> np.ndarray:
    return np.diff(np.log(three_years().table["close"].to_numpy()))


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def test_three_years_of_hours_are_valid():
    bars = three_years()
    assert bars.table.height == 1095 * 24
    check_bars(bars.table, "made up")


def test_same_seed_and_symbol_make_the_same_bars():
    assert generate_bars(SYMBOL, "1h", MONTH).content_hash() == generate_bars(SYMBOL, "1h", MONTH).content_hash()


def test_other_seed_or_symbol_makes_other_bars():
    closes = {
        tuple(generate_bars(symbol, "1d", market).table["close"])
        for symbol in (SYMBOL, InstrumentId("synthetic", "SYNETH/USDT"))
        for market in (MONTH, replace(MONTH, seed=12))
    }
    assert len(closes) == 4


def test_minutes_are_the_inside_of_the_hours_of_the_same_seed():
    minutes = generate_bars(SYMBOL, "1m", MONTH).table
    hours = generate_bars(SYMBOL, "1h", MONTH).table
    grouped = minutes.group_by(pl.col("open_ts_ms") // 3_600_000, maintain_order=True).agg(
        pl.first("open"), pl.max("high"), pl.min("low"), pl.last("close"), pl.sum("volume")
    )
    for name in ("open", "high", "low", "close"):
        assert grouped[name].equals(hours[name]), name
    np.testing.assert_allclose(grouped["volume"], hours["volume"], rtol=1e-9)


def test_later_end_changes_no_earlier_bar():
    short, long = generate_bars(SYMBOL, "1h", MONTH).table, three_years().table
    assert long.head(short.height).equals(short)


def test_prices_lie_on_the_grid_of_a_cent():
    for name in ("open", "high", "low", "close"):
        prices = three_years().table[name].to_numpy()
        np.testing.assert_array_equal(prices, np.rint(prices * 100.0) / 100.0)


def test_bars_open_where_the_last_one_closed_at_the_price_asked():
    table = three_years().table
    assert table["open"][0] == 30_000.0
    assert table["open"][1:].to_list() == table["close"][:-1].to_list()


def test_returns_have_fat_tails():
    r = returns() - returns().mean()
    assert np.mean(r**4) / np.mean(r**2) ** 2 > 6.0


def test_minutes_have_jumps_that_no_diffusion_makes():
    table = generate_bars(SYMBOL, "1m", replace(MONTH, end_ms=START + 180 * MS_PER_DAY)).table
    size = np.abs(np.diff(np.log(table["close"].to_numpy())))
    hourly = size[: size.size // 60 * 60].reshape(-1, 60)
    rest = np.sort(hourly, axis=1)
    lone = rest[:, -1] > 12.0 * rest[:, :-1].mean(axis=1)
    assert 10 <= lone.sum() <= 60


@pytest.mark.parametrize(("lag", "at_least"), [(1, 0.2), (24, 0.15), (72, 0.05)])
def test_volatility_clusters(lag, at_least):
    size = np.abs(returns())
    assert correlation(size[lag:], size[:-lag]) > at_least


def test_returns_themselves_are_not_predictable():
    r = returns()
    assert abs(correlation(r[1:], r[:-1])) < 0.03


def test_volume_moves_with_volatility():
    assert correlation(np.abs(returns()), three_years().table["volume"].to_numpy()[1:]) > 0.3


def test_volatility_has_its_hours_and_its_weekend():
    table = three_years().table
    hour = ((table["open_ts_ms"].to_numpy() // 3_600_000) + 72) % 168
    size = np.log(table["high"].to_numpy() / table["low"].to_numpy())
    measured = np.array([size[hour == h].mean() for h in range(168)])
    assert correlation(measured, hour_of_week_volatility()) > 0.8
    assert measured[120:].mean() < 0.85 * measured[:120].mean()


def test_hour_of_week_multipliers_have_mean_square_one():
    assert np.mean(hour_of_week_volatility() ** 2) == pytest.approx(1.0, abs=1e-12)


def test_volatility_is_the_one_asked_for():
    measured = []
    for seed in range(6):
        table = generate_bars(SYMBOL, "1h", replace(THREE_YEARS, seed=seed)).table
        measured.append(np.var(np.diff(np.log(table["close"].to_numpy()))) * 365.0 * 24.0)
    assert np.sqrt(np.mean(measured)) == pytest.approx(0.6, rel=0.05)


def test_symbol_that_could_be_taken_for_real_is_refused():
    with pytest.raises(UsageError, match="SYNBTC/USDT, so that nobody takes them for real"):
        generate_bars(InstrumentId("synthetic", "BTC/USDT"), "1h", MONTH)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"end_ms": START}, "no whole bar"),
        ({"end_ms": START - 1}, "no whole bar"),
        ({"start_ms": START + 1}, "whole hour"),
        ({"initial_price": 0.5}, "initial_price 0.5"),
        ({"initial_price": float("nan")}, "initial_price nan"),
        ({"annual_volatility": 0.0}, "annual_volatility 0"),
    ],
)
def test_impossible_market_is_refused(change, told):
    with pytest.raises(UsageError, match=told):
        generate_bars(SYMBOL, "1h", replace(MONTH, **change))


def test_feed_holds_every_parameter():
    feeds = {
        replace(MONTH, **change).feed
        for change in (
            {},
            {"seed": 1},
            {"start_ms": START - 3_600_000},
            {"end_ms": START + MS_PER_DAY},
            {"initial_price": 30_000.001},
            {"annual_volatility": 0.6000001},
        )
    }
    assert len(feeds) == 6
