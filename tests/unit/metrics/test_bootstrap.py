"""Intervals hold the truth as often as they say, repeat by seed, and are undefined rather than wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from keel.metrics import bootstrap, returns
from keel.metrics.bootstrap import Intervals, block_length, bootstrap_intervals, paired_intervals

SEEDS = st.integers(0, 10_000)


def autoregressive(rng: np.random.Generator, days: int, phi: float, mean: float = 0.05) -> np.ndarray:
    """Return daily returns of deviation 1 whose neighbours correlate by `phi`."""
    shocks = rng.standard_normal(days + 200) * math.sqrt(1.0 - phi**2)
    return mean + lfilter([1.0], [1.0, -phi], shocks)[200:]


def covered(phi: float, days: int, samples: int = 200) -> float:
    """Return how often the interval of a Sharpe ratio holds the true one, 0.05 a day."""
    rng = np.random.default_rng(11)
    hits = 0
    for seed in range(samples):
        found = bootstrap_intervals(autoregressive(rng, days, phi), 1, resamples=200, seed=seed).sharpe
        hits += found.low <= 0.05 <= found.high
    return hits / samples


def bounds(found: Intervals) -> np.ndarray:
    return np.array([(one.low, one.high) for one in (found.sharpe, found.total_return, found.annual_return)])


def test_interval_of_independent_days_holds_the_truth_at_the_stated_rate():
    assert 0.91 <= covered(0.0, 400) <= 0.98


def test_blocks_keep_the_rate_where_neighbouring_days_depend_on_each_other(monkeypatch):
    assert covered(0.5, 400) >= 0.86
    # Days drawn one by one see √3 times too little spread: 1.96 / √3 deviations hold 74 in 100.
    monkeypatch.setattr(bootstrap, "block_length", lambda *series: 1)
    assert covered(0.5, 400, samples=100) < 0.80


def test_block_length_is_that_of_the_corrected_formula():
    """The first-order process has the optimum in closed form: Patton, Politis and White 2009 with D = 2 g(0)².

    b = (2 G² / D n)^(1/3) with G = 2 φ / (1 - φ)² and g(0) = (1 + φ) / (1 - φ). The circular bootstrap's blocks, its
    neighbour in the library, are longer by an eighth.
    """
    rng, phi, days = np.random.default_rng(3), 0.5, 8000
    best = (2.0 * phi / (1.0 - phi**2)) ** (2 / 3) * days ** (1 / 3)
    found = [block_length(autoregressive(rng, days, phi)) - 0.5 for _ in range(40)]  # whole days are rounded up
    assert np.mean(found) == pytest.approx(best, rel=0.06)


def test_of_two_series_the_one_that_needs_longer_blocks_decides():
    rng = np.random.default_rng(5)
    calm, slow = autoregressive(rng, 2000, 0.0), autoregressive(rng, 2000, 0.8)
    assert block_length(calm) < block_length(slow) == block_length(calm, slow) == block_length(slow, calm)


def test_estimates_are_the_figures_of_the_curve():
    daily = np.random.default_rng(1).normal(0.0005, 0.01, 500)
    equity = np.cumprod(np.append(1.0, 1.0 + daily))
    found = bootstrap_intervals(daily, 365, resamples=50)
    assert found.sharpe.estimate == pytest.approx(returns.sharpe(daily, 365))
    assert found.total_return.estimate == pytest.approx(returns.total_return(equity))
    assert found.annual_return.estimate == pytest.approx(returns.cagr(equity, 365))


def test_same_seed_gives_the_same_bounds_and_another_gives_others():
    daily = np.random.default_rng(1).normal(0.0005, 0.01, 300)
    first, again, other = (bootstrap_intervals(daily, 252, resamples=200, seed=seed) for seed in (7, 7, 8))
    assert first == again
    assert np.all(bounds(first) != bounds(other))


def test_higher_level_holds_the_lower_one_within():
    daily = np.random.default_rng(1).normal(0.0005, 0.01, 300)
    wide, narrow = (bounds(bootstrap_intervals(daily, 252, level=level)) for level in (0.99, 0.8))
    assert np.all(wide[:, 0] < narrow[:, 0])
    assert np.all(wide[:, 1] > narrow[:, 1])


def test_what_moves_both_of_a_pair_cancels():
    rng = np.random.default_rng(2)
    market = rng.normal(0.0005, 0.02, 750)
    ours = market + rng.normal(0.0003, 0.002, 750)
    paired, alone = paired_intervals(ours, market, 252), bootstrap_intervals(ours, 252)
    assert paired.sharpe.high - paired.sharpe.low < 0.2 * (alone.sharpe.high - alone.sharpe.low)
    assert paired.sharpe.low > 0.0 > alone.sharpe.low
    assert paired.annual_return.estimate == pytest.approx(
        alone.annual_return.estimate - bootstrap_intervals(market, 252).annual_return.estimate
    )


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from([0.01, 0.5, 3.0]))
def test_sharpe_interval_does_not_depend_on_the_scale_of_returns(seed, scale):
    daily = np.random.default_rng(seed).normal(0.0005, 0.01, 120)
    plain, scaled = (bootstrap_intervals(one, 252, resamples=60) for one in (daily, daily * scale))
    assert bounds(scaled)[0] == pytest.approx(bounds(plain)[0])


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_difference_of_a_pair_turns_its_sign_when_the_pair_is_turned(seed):
    ours, theirs = np.random.default_rng(seed).normal(0.0005, 0.01, (2, 120))
    there, back = (paired_intervals(*pair, 252, resamples=60) for pair in ((ours, theirs), (theirs, ours)))
    assert bounds(there) == pytest.approx(-bounds(back)[:, ::-1])
    assert np.all(bounds(paired_intervals(ours, ours, 252, resamples=20)) == 0.0)


@pytest.mark.parametrize(
    "daily", [[], [0.01, 0.02] * 9 + [0.03], [0.0] * 100, [0.001] * 100, [0.01, math.nan] * 50, [math.inf] * 60]
)
def test_interval_of_too_little_is_undefined(daily):
    values = np.array(daily)
    assert np.all(np.isnan(bounds(bootstrap_intervals(values, 252))))
    assert np.all(np.isnan(bounds(paired_intervals(values, values, 252))))


def test_pair_of_different_days_has_no_interval():
    daily = np.random.default_rng(1).normal(0.0005, 0.01, 100)
    assert np.all(np.isnan(bounds(paired_intervals(daily, daily[1:], 252))))


def test_a_few_days_that_differ_are_too_few_for_an_interval_of_the_sharpe_ratio():
    daily = np.zeros(250)
    daily[[10, 100]] = 0.02, -0.01
    found = bootstrap_intervals(daily, 252)
    assert math.isnan(found.sharpe.low)
    assert found.sharpe.estimate == pytest.approx(returns.sharpe(daily, 252))
    assert found.total_return.low < 0.0 < found.total_return.high


def test_against_cash_returns_have_a_difference_and_sharpe_ratios_none():
    daily = np.random.default_rng(1).normal(0.0005, 0.01, 300)
    over, own = paired_intervals(daily, np.zeros(300), 252), bootstrap_intervals(daily, 252)
    assert over.annual_return == own.annual_return
    assert math.isnan(over.sharpe.estimate)
    assert math.isnan(over.sharpe.low)


def test_who_lost_everything_in_a_resample_has_lost_everything():
    daily = np.random.default_rng(1).normal(0.0005, 0.01, 300)
    daily[-1] = -1.2
    found = bootstrap_intervals(daily, 252)
    assert found.total_return.estimate == found.total_return.low == found.annual_return.low == -1.0


@pytest.mark.parametrize(("daily", "total"), [([1e4, 1e5] * 50, math.nan), ([8.0, 9.0] * 15, 90.0**15 - 1.0)])
def test_growth_beyond_float_range_is_undefined(daily, total):
    found = bootstrap_intervals(np.array(daily), 365, resamples=20)
    assert found.total_return.estimate == pytest.approx(total, nan_ok=True)
    assert np.all(np.isnan(bounds(found)[2]))
    assert found.sharpe.low > 0.0


def test_blocks_of_odd_returns_have_a_length():
    assert block_length(np.append([0.01, -0.01], np.zeros(98))) == 30
    assert block_length(np.tile([1e200, -1e200, 3e200], 30)) == 1
