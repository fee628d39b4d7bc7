"""Tails, shape, horizons and the relation to the benchmark equal empyrical's and their definitions."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keel.metrics import distribution, relative, returns

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the reference library's own imports warn
    import empyrical

DAILY = hnp.arrays(np.int64, st.integers(40, 300), elements=st.integers(-200_000, 200_000)).filter(
    lambda numbers: np.ptp(numbers) > 1000
)


@settings(max_examples=60, deadline=None)
@given(DAILY, st.integers(0, 99))
def test_figures_equal_empyrical(millionths, seed):
    ours = millionths / 1e6
    theirs = np.random.default_rng(seed).normal(0.0005, 0.01, len(ours))
    assert distribution.value_at_risk(ours) == pytest.approx(empyrical.value_at_risk(ours), rel=1e-9)
    shortfall = empyrical.conditional_value_at_risk(ours)
    assert distribution.expected_shortfall(ours) == pytest.approx(shortfall, rel=1e-9)
    if not math.isnan(distribution.tail_ratio(ours)):
        assert distribution.tail_ratio(ours) == pytest.approx(empyrical.tail_ratio(ours), rel=1e-9)
    figures = relative.relative_figures(ours, theirs, 252)
    assert figures["beta"] == pytest.approx(empyrical.beta(ours, theirs), rel=1e-6, abs=1e-9)
    deviation = np.std(ours - theirs, ddof=1)
    excess = empyrical.excess_sharpe(ours, theirs)
    assert figures["information_ratio"] == pytest.approx(excess * 252**0.5, rel=1e-6)
    assert figures["tracking_error"] == pytest.approx(deviation * 252**0.5)
    assert figures["correlation"] == pytest.approx(np.corrcoef(ours, theirs)[0, 1])
    rolled = relative.rolling_sharpe(ours, 20, 252)[19:]
    with np.errstate(all="ignore"):
        wanted = empyrical.roll_sharpe_ratio(ours, window=20, annualization=252)
    known = np.isfinite(rolled)
    assert rolled[known] == pytest.approx(wanted[known], rel=1e-6, abs=1e-6)


def test_alpha_is_the_mean_that_beta_does_not_explain():
    theirs = np.random.default_rng(1).normal(0.001, 0.01, 500)
    figures = relative.relative_figures(0.0002 + 1.5 * theirs, theirs, 252)
    assert figures["beta"] == pytest.approx(1.5)
    assert figures["alpha"] == pytest.approx(0.0002 * 252)
    assert figures["correlation"] == pytest.approx(1.0)
    assert relative.rolling_beta(1.5 * theirs, theirs, 60)[59:] == pytest.approx(1.5)


def test_capture_compares_the_days_on_which_the_benchmark_rose_and_fell():
    figures = relative.relative_figures(np.array([0.02, -0.01, 0.0]), np.array([0.01, -0.02, 0.01]), 365)
    assert figures["up_capture"] == pytest.approx(1.0)
    assert figures["down_capture"] == pytest.approx(0.5)


def test_shape_of_a_known_sample_is_that_of_the_textbook():
    sample = np.array([1.0, 2.0, 3.0, 4.0, 10.0]) / 100
    # Adjusted Fisher-Pearson coefficients, as spreadsheets print them for 1, 2, 3, 4, 10.
    assert distribution.skewness(sample) == pytest.approx(1.6970562748, rel=1e-9)
    assert distribution.kurtosis(sample) == pytest.approx(3.152, rel=1e-9)


@pytest.mark.parametrize("sample", [[], [0.01], [0.0] * 30])
def test_shape_of_too_little_is_undefined(sample):
    values = np.array(sample)
    assert math.isnan(distribution.skewness(values))
    assert math.isnan(distribution.kurtosis(values))
    assert math.isnan(relative.relative_figures(values, values, 365)["beta"])
    assert np.all(np.isnan(relative.rolling_sharpe(values, 10, 365)))


def test_returns_of_every_horizon_compound_to_the_same_total():
    rng = np.random.default_rng(2)
    days = np.arange(18_628 - 1, 18_628 + 800)
    equity = 100.0 * np.cumprod(1 + rng.normal(0, 0.01, len(days)))
    for horizon in distribution.HORIZONS:
        change = distribution.period_returns(days, equity, horizon)
        assert np.prod(1 + change) - 1 == pytest.approx(returns.total_return(equity))
    figures = distribution.period_figures(days, equity)
    assert [figures[name]["periods"] for name in ("day", "year")] == [800, 3]
    assert figures["month"]["worst"] <= figures["month"]["low"] <= figures["month"]["median"]


def test_a_week_begins_on_monday():
    sunday = np.datetime64("2021-01-03").astype(int)
    keys = distribution.period_keys(np.array([sunday, sunday + 1, sunday + 7]), "week")
    assert keys[0] + 1 == keys[1] == keys[2]
