"""Each feature against the formula worked out bar by bar, and against published worked examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_features import beside, market, section_of

from keel.features.indicators import talib
from keel.features.kinds import KINDS, feature_names, own_features
from keel.features.series import Series

ROWS = 60
BARS = market(ROWS)
EXTRA = beside(BARS)
O, H, L, C, V = (BARS[name][:, 0] for name in ("open", "high", "low", "close", "volume"))  # noqa: E741
R = np.append(np.nan, np.diff(np.log(C)))


def computed(**entry):
    """Return the columns of one entry on the market, and its warm-up."""
    section = section_of(entry)
    series = Series("S0", BARS[:, 0], {name: values[:, 0] for name, values in EXTRA.items()})
    warm_up = KINDS[section.features[0].kind].warm_up(section.features[0])
    return [values for _, values in own_features(section, series)], warm_up


def closes_of(*closes: float) -> Series:
    bars = market(len(closes))
    for name in ("open", "high", "low", "close"):
        bars[name][:, 0] = closes
    return Series("S0", bars[:, 0], {})


def assert_is(columns, warm_up, *by_hand):
    """Compare columns with functions of the row, from the first row on at which they have a value."""
    assert len(columns) == len(by_hand)
    for values, formula in zip(columns, by_hand, strict=True):
        assert np.isnan(values[:warm_up]).all()
        expected = [formula(t) for t in range(warm_up, ROWS)]
        np.testing.assert_allclose(values[warm_up:], expected, rtol=1e-11, atol=1e-13)


def last(values, t, n):
    return values[t - n + 1 : t + 1]


def test_log_return_is_of_the_close_so_many_bars_before():
    assert_is(*computed(kind="log_return", bars=3), lambda t: math.log(C[t] / C[t - 3]))


def test_momentum_is_the_return_over_its_own_volatility():
    assert_is(
        *computed(kind="momentum", bars=10),
        lambda t: math.log(C[t] / C[t - 10]) / math.sqrt(np.mean(last(R, t, 10) ** 2) * 10),
    )


def test_z_score_and_distance_are_of_the_mean_of_the_last_closes():
    z = lambda t: (C[t] - np.mean(last(C, t, 12))) / np.std(last(C, t, 12))  # noqa: E731
    assert_is(*computed(kind="z_score", bars=12), z)
    assert_is(*computed(kind="distance_to_average", bars=15), lambda t: C[t] / np.mean(last(C, t, 15)) - 1)


def test_bollinger_is_the_place_between_the_bands_and_their_distance():
    def bands(t):
        mean, deviation = np.mean(last(C, t, 10)), np.std(last(C, t, 10))
        return mean - 1.5 * deviation, mean + 1.5 * deviation, mean

    def place(t):
        lower, upper, _ = bands(t)
        return (C[t] - lower) / (upper - lower)

    def width(t):
        lower, upper, mean = bands(t)
        return (upper - lower) / mean

    assert_is(*computed(kind="bollinger", bars=10, deviations=1.5), place, width)


def test_realised_volatility_is_the_root_of_the_mean_squared_return():
    by_hand = lambda t: math.sqrt(sum(r * r for r in last(R, t, 8)) / 8)  # noqa: E731
    assert_is(*computed(kind="realised_volatility", bars=8), by_hand)


def test_parkinson_is_of_the_range_of_the_bars():
    by_hand = lambda t: math.sqrt(sum(np.log(last(H, t, 7) / last(L, t, 7)) ** 2) / (4 * 7 * math.log(2)))  # noqa: E731
    assert_is(*computed(kind="parkinson", bars=7), by_hand)


def test_yang_zhang_joins_gap_drift_and_range():
    def by_hand(t):
        n = 9
        rows = range(t - n + 1, t + 1)
        gaps = [math.log(O[i] / C[i - 1]) for i in rows]
        drifts = [math.log(C[i] / O[i]) for i in rows]
        ranges = [
            math.log(H[i] / C[i]) * math.log(H[i] / O[i]) + math.log(L[i] / C[i]) * math.log(L[i] / O[i]) for i in rows
        ]
        k = 0.34 / (1.34 + (n + 1) / (n - 1))
        return math.sqrt(np.var(gaps, ddof=1) + k * np.var(drifts, ddof=1) + (1 - k) * np.mean(ranges))

    assert_is(*computed(kind="yang_zhang", bars=9), by_hand)


def test_yang_zhang_of_a_walk_with_drift_and_gaps_tells_its_volatility():
    steps, n, sigma = 400, 4000, 0.01
    rng = np.random.default_rng(3)
    gap, within = rng.normal(0, sigma * 0.5, n), rng.normal(2e-5, sigma * math.sqrt(0.75 / steps), (n, steps))
    path = np.cumsum(within, axis=1)
    bars = market(n)
    close = np.cumsum(gap + path[:, -1])
    start = np.append(0.0, close[:-1]) + gap
    bars["open"][:, 0], bars["close"][:, 0] = np.exp(start), np.exp(close)
    bars["high"][:, 0] = np.exp(start + np.maximum(path.max(axis=1), 0))
    bars["low"][:, 0] = np.exp(start + np.minimum(path.min(axis=1), 0))
    section = section_of({"kind": "yang_zhang", "bars": n - 1})
    [(_, values)] = own_features(section, Series("S0", bars[:, 0], {}))
    assert values[-1] == pytest.approx(sigma, rel=0.04)


def test_rsi_is_the_published_worked_example():
    """StockCharts, ChartSchool, Relative Strength Index: QQQQ, 14 days, its spreadsheet cs-rsi.xls."""
    closes = [44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931]
    closes += [46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521]
    closes += [45.7137, 46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672, 43.4205, 42.6628, 43.1314]
    published = [70.53, 66.32, 66.55, 69.41, 66.36, 57.97, 62.93, 63.26, 56.06, 62.38, 54.71, 50.42, 39.99, 41.46]
    published += [41.87, 45.46, 37.30, 33.08, 37.77]
    [(_, values)] = own_features(section_of({"kind": "rsi", "bars": 14}), closes_of(*closes))
    assert np.isnan(values[:14]).all()
    np.testing.assert_allclose(values[14:], published, atol=0.0051)


def test_bollinger_is_the_published_worked_example():
    """StockCharts, ChartSchool, Bollinger Bands: SPY, 20 days and 2 deviations, its spreadsheet cs-bbands.xls."""
    closes = [86.1557, 89.0867, 88.7829, 90.3228, 89.0671, 91.1453, 89.4397, 89.1750, 86.9302, 87.6752, 86.9596]
    closes += [89.4299, 89.3221, 88.7241, 87.4497, 87.2634, 89.4985, 87.9006, 89.1260, 90.7043, 92.9001, 92.9784]
    lower, upper = np.array([86.124018, 86.141052, 85.866895]), np.array([91.291862, 91.949268, 92.612595])
    mean = np.array([88.70794, 89.04516, 89.239745])
    columns = [values for _, values in own_features(section_of({"kind": "bollinger"}), closes_of(*closes))]
    np.testing.assert_allclose(columns[0][19:], (closes[19:] - lower) / (upper - lower), atol=2e-6)
    np.testing.assert_allclose(columns[1][19:], (upper - lower) / mean, atol=2e-8)


def test_rsi_is_that_of_talib_where_prices_move():
    columns, _ = computed(kind="rsi", bars=6)
    np.testing.assert_allclose(columns[0], talib.RSI(np.ascontiguousarray(C), 6), rtol=1e-9)


@pytest.mark.parametrize("price", [1e-8, 1.0, 1e8])
def test_rsi_is_the_same_at_any_price_and_fifty_where_nothing_moves(price):
    section = section_of({"kind": "rsi", "bars": 3})
    [(_, still)] = own_features(section, closes_of(*[price] * 9))
    assert still[3:].tolist() == [50.0] * 6
    [(_, moved)] = own_features(section, closes_of(*price * np.array([1.0, 2.0, 1.5, 3.0, 3.0])))
    np.testing.assert_allclose(moved[3:], [100 * 2.5 / 3.0] * 2, rtol=1e-11)


def test_macd_is_two_averages_over_the_price():
    def average(values, n):
        out = np.full(len(values), np.nan)
        out[n - 1] = np.mean(values[:n])
        for t in range(n, len(values)):
            out[t] = out[t - 1] + (values[t] - out[t - 1]) * 2 / (n + 1)
        return out

    # the fast average begins with the slow one: its first mean is of the last 4 of the first 9 closes
    fast = np.append([np.nan] * 5, average(C[5:], 4))
    line = fast - average(C, 9)
    signal = np.append([np.nan] * 8, average(line[8:], 3))
    assert_is(
        *computed(kind="macd", fast=4, slow=9, signal=3),
        lambda t: line[t] / C[t],
        lambda t: (line[t] - signal[t]) / C[t],
    )


def test_atr_is_wilders_average_over_the_price():
    ranges = [max(H[t], C[t - 1]) - min(L[t], C[t - 1]) for t in range(1, ROWS)]
    average = [float(np.mean(ranges[:5]))]
    for true_range in ranges[5:]:
        average.append((4 * average[-1] + true_range) / 5)
    assert_is(*computed(kind="atr", bars=5), lambda t: average[t - 5] / C[t])


def test_relative_volume_and_taker_ratio_are_of_the_last_volumes():
    bought = EXTRA["taker_buy_volume"][:, 0]
    assert_is(*computed(kind="relative_volume", bars=11), lambda t: V[t] / np.mean(last(V, t, 11)))
    assert_is(*computed(kind="taker_buy_ratio", bars=2), lambda t: sum(last(bought, t, 2)) / sum(last(V, t, 2)))


def test_clock_is_the_time_at_which_the_bar_opened():
    minutes = [(4320 + 60 * t) % 10080 for t in range(ROWS)]
    turn = 2 * math.pi
    assert_is(
        *computed(kind="time_of_day"),
        lambda t: math.sin(turn * (minutes[t] % 1440) / 1440),
        lambda t: math.cos(turn * (minutes[t] % 1440) / 1440),
    )
    assert_is(
        *computed(kind="day_of_week"),
        lambda t: math.sin(turn * (minutes[t] // 1440) / 7),
        lambda t: math.cos(turn * (minutes[t] // 1440) / 7),
    )


def test_column_is_the_series_itself():
    assert_is(*computed(kind="column", name="funding"), lambda t: EXTRA["funding"][t, 0])


def test_features_of_prices_that_stand_still_are_neutral():
    quiet = {
        "momentum": 0.0,
        "z_score": 0.0,
        "distance_to_average": 0.0,
        "realised_volatility": 0.0,
        "parkinson": 0.0,
        "yang_zhang": 0.0,
        "atr": 0.0,
    }
    series = closes_of(*[0.1] * 80)
    for kind, neutral in quiet.items():
        [(_, values)] = own_features(section_of({"kind": kind}), series)
        assert values[-1] == neutral, kind
    assert [values[-1] for _, values in own_features(section_of({"kind": "bollinger"}), series)] == [0.5, 0.0]


def test_bars_without_volume_have_none_and_an_even_taker_ratio():
    bars = market(30)
    bars["volume"][10:] = 0.0
    series = Series("S0", bars[:, 0], {"taker_buy_volume": 0.5 * bars["volume"][:, 0]})
    section = section_of({"kind": "relative_volume", "bars": 5}, {"kind": "taker_buy_ratio", "bars": 5})
    relative, ratio = (values for _, values in own_features(section, series))
    assert (relative[20], ratio[20]) == (0.0, 0.5)


def test_names_tell_the_parameters_in_the_order_of_the_section():
    section = section_of({"kind": "macd"}, {"kind": "bollinger"}, {"kind": "rsi", "bars": 7}, {"kind": "time_of_day"})
    assert feature_names(section) == (
        "macd_line_12_26_9",
        "macd_histogram_12_26_9",
        "bollinger_b_20_2.0",
        "bollinger_width_20_2.0",
        "rsi_7",
        "time_of_day_sin",
        "time_of_day_cos",
    )
