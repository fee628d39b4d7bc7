"""A feature of a bar never depends on a later one, and its start is forgotten when it is said to be."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_features import EVERY_KIND, beside, market, section_of, take_away

from keel.domain.timeframe import MS_PER_HOUR
from keel.features.kinds import KINDS, forgetting_bars, warm_up_bars
from keel.features.observation import compute_features, first_row, fit, lookback_bars

ROWS = 700
KINDS_OF = [entry["kind"] for entry in EVERY_KIND]
FLOAT32 = 1.2e-7


@cache
def fitted_of(place):
    entry = EVERY_KIND[place]
    bars = market(2000, n=2, seed=1)
    return fit(section_of(entry, clip=50.0), ("S0", "S1"), bars, beside(bars))


@cache
def whole_of(place):
    bars = market(ROWS, n=2, seed=2, absent=0.1)
    bars["flags"][:40, 1] = 0  # listed later
    return bars, compute_features(fitted_of(place), bars, beside(bars))


def cut(extra, rows):
    return {name: values[rows] for name, values in extra.items()}


def test_every_kind_is_tried():
    assert set(KINDS_OF) == set(KINDS)


@pytest.mark.parametrize("place", range(len(EVERY_KIND)), ids=KINDS_OF)
@settings(max_examples=60, deadline=None)
@given(rows=st.integers(120, ROWS))
def test_truncation_changes_no_row_that_is_left(place, rows):
    bars, whole = whole_of(place)
    before = compute_features(fitted_of(place), bars[:rows], cut(beside(bars), slice(rows)))
    np.testing.assert_array_equal(before, whole[:rows])


@pytest.mark.parametrize("place", range(len(EVERY_KIND)), ids=KINDS_OF)
@settings(max_examples=60, deadline=None)
@given(row=st.integers(120, ROWS - 1), shock=st.floats(0.2, 5.0))
def test_a_shocked_bar_changes_no_row_before_it(place, row, shock):
    bars, whole = whole_of(place)
    shocked = bars.copy()
    for name in ("open", "high", "low", "close", "volume"):
        shocked[name][row:] *= shock
    extra = {name: np.where(np.arange(ROWS)[:, None] < row, values, shock) for name, values in beside(bars).items()}
    changed = compute_features(fitted_of(place), shocked, extra)
    np.testing.assert_array_equal(changed[:row], whole[:row])


@cache
def long_market():
    """Return bars with a crash, a stretch in which nothing moves and missing bars."""
    bars = market(4000, n=1, seed=5)
    for name in ("open", "high", "low", "close"):
        bars[name][900:] *= 0.7
        bars[name][2000:2900] = bars["close"][2000]
    take_away(bars, np.random.default_rng(3).random(bars.shape) < 0.05)
    return bars


@pytest.mark.parametrize("place", range(len(EVERY_KIND)), ids=KINDS_OF)
def test_last_row_of_the_lookback_is_that_of_the_whole_history(place):
    section = section_of(EVERY_KIND[place], clip=100.0)
    bars = long_market()
    extra = beside(bars)
    own = np.flatnonzero(bars["flags"][:, 0])
    calm = market(2000, seed=1)
    fitted = fit(section, ("S0",), calm, beside(calm))
    assert all(garch.alpha > 0.03 for garch in fitted.garch)
    whole = compute_features(fitted, bars, extra)
    lookback = lookback_bars(fitted)
    assert lookback < 1500
    worst = 0.0
    for end in [*range(lookback + 5, len(own), 61), len(own) - 1]:
        rows = slice(own[end - lookback + 1], own[end] + 1)
        short = compute_features(fitted, bars[rows], cut(extra, rows))[-1]
        long = whole[own[end]]
        worst = max(worst, float(np.max(np.abs(short - long) / (1e-6 + FLOAT32 * np.abs(long)))))
    assert worst <= 1.0
    if KINDS[section.features[0].kind].memory(section.features[0], fitted.garch) == 0:
        assert worst == 0.0


def test_lookback_of_a_window_is_the_window_and_of_an_average_more():
    bars = market(500)
    windows = fit(section_of({"kind": "log_return", "bars": 30}, {"kind": "parkinson", "bars": 31}), ("S0",), bars)
    assert lookback_bars(windows) == 31
    averaged = fit(section_of({"kind": "rsi", "bars": 14}, window=4), ("S0",), bars)
    assert lookback_bars(averaged) == 14 + forgetting_bars(1 / 14, 1e-18) + 4
    assert (1 - 1 / 14) ** forgetting_bars(1 / 14) <= 1e-9 < (1 - 1 / 14) ** (forgetting_bars(1 / 14) - 1)


def test_garch_needs_as_many_bars_as_its_beta_says():
    fitted = fit(section_of({"kind": "garch"}), ("S0",), market(2000))
    beta = fitted.garch[0].beta
    assert 0.5 < beta < 0.99
    assert lookback_bars(fitted) == 1 + forgetting_bars(1 - beta) + 1


def test_lookback_covers_the_window_of_an_observation():
    section = section_of({"kind": "z_score", "bars": 10}, window=5)
    fitted = fit(section, ("S0",), market(300))
    bars = market(100, seed=8)
    whole = compute_features(fitted, bars)
    short = bars[-lookback_bars(fitted) :]
    assert first_row(section, ("S0",), short) == len(short) - 1
    np.testing.assert_array_equal(compute_features(fitted, short)[-5:], whole[-5:])


def test_warm_up_is_the_first_row_at_which_all_are_defined():
    section = section_of(*EVERY_KIND)
    bars = market(400)
    extra = beside(bars)
    features = compute_features(fit(section, ("S0",), bars, extra), bars, extra)
    first = warm_up_bars(section)
    assert np.isfinite(features[first:]).all()
    assert np.isnan(features[first - 1]).any()
    assert bars["close_ts_ms"][first, 0] == (first + 1) * MS_PER_HOUR
