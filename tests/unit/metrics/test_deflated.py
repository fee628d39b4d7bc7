"""Certainty of a Sharpe ratio equals what its papers print, and falls with every trial it was picked from."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keel.metrics import deflated, returns
from keel.metrics.deflated import (
    SharpeEstimate,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_estimate,
    trial_spread,
)
from keel.runs import ledger
from keel.runs.ledger import Trial, TrialLedger
from keel.runs.manifest import DataRecord

ESTIMATES = st.builds(
    SharpeEstimate, st.floats(-0.5, 0.5), st.integers(4, 5000), st.floats(-1.5, 1.5), st.floats(0.0, 10.0)
)


def estimate(ratio: float, n: int, skewness: float = 0.0, kurtosis: float = 3.0) -> SharpeEstimate:
    """Return an estimate in the terms of the papers: their kurtosis of a normal curve is 3, ours is the excess."""
    return SharpeEstimate(ratio, n, skewness, kurtosis - 3.0)


@pytest.mark.parametrize(
    ("n", "skewness", "kurtosis", "printed"),
    [(24, 0.0, 3.0, 0.982), (24, -2.448, 10.164, 0.913), (36, -2.448, 10.164, 0.953)],
)
def test_probabilistic_sharpe_is_that_of_the_published_hedge_fund(n, skewness, kurtosis, printed):
    """Bailey and López de Prado 2012, section 3: a monthly ratio of 0.458 over two and three years."""
    assert probabilistic_sharpe(estimate(0.458, n, skewness, kurtosis)) == pytest.approx(printed, abs=6e-4)


@pytest.mark.parametrize(
    ("year", "skewness", "kurtosis", "years"),
    [(252, 0.0, 3.0, 2.73), (52, 0.0, 3.0, 2.83), (12, 0.0, 3.0, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_minimum_track_record_is_the_published_one_of_an_annual_ratio_of_2_against_1(year, skewness, kurtosis, years):
    """Bailey and López de Prado 2012, section 5: daily, weekly, monthly, and monthly as hedge fund indices are."""
    fund = estimate(2.0 / math.sqrt(year), 100, skewness, kurtosis)
    assert minimum_track_record(fund, 1.0 / math.sqrt(year)) / year == pytest.approx(years, abs=5e-3)


@pytest.mark.parametrize(
    ("fund", "deviation", "years"),
    [
        (estimate(0.7079, 134, -0.2250, 2.9570), 0.1028, 0.7152),
        (estimate(0.8183, 134, -1.4455, 7.0497), 0.1550, 1.1593),
    ],
)
def test_deviation_and_minimum_track_record_are_those_of_the_published_indices(fund, deviation, years):
    """Bailey and López de Prado 2012, table of hedge fund indices: 134 months against 0 at 95%."""
    assert math.sqrt(fund.variance / (fund.returns - 1)) == pytest.approx(deviation, abs=5e-5)
    assert minimum_track_record(fund) / 12 == pytest.approx(years, abs=5e-5)


@pytest.mark.parametrize(
    ("trials", "skewness", "kurtosis", "printed"),
    [(100, -3.0, 10.0, 0.9004), (46, -3.0, 10.0, 0.9505), (88, 0.0, 3.0, 0.9505)],
)
def test_deflated_sharpe_is_that_of_the_published_example(trials, skewness, kurtosis, printed):
    """Bailey and López de Prado 2014, "A numerical example": 2.5 a year over 1,250 of 250 days, variance 1/2 a year."""
    found = estimate(2.5 / math.sqrt(250), 1250, skewness, kurtosis)
    assert deflated_sharpe(found, trials, 0.5 / 250) == pytest.approx(printed, abs=5e-5)


def test_expected_maximum_is_that_of_the_published_examples():
    """The 2014 example's bar; and Bailey et al., Pseudo-Mathematics, Notices of the AMS 61(5), 2014: 1.57 of ten, and
    45 trials over five years for a ratio of 1."""
    assert expected_maximum_sharpe(100, 0.5 / 250) == pytest.approx(0.1132, abs=5e-5)
    assert expected_maximum_sharpe(10, 1.0) == pytest.approx(1.57, abs=5e-3)
    assert expected_maximum_sharpe(45, 1 / 5) == pytest.approx(1.0, abs=5e-3)


@pytest.mark.parametrize("trials", [10, 100, 1000])
def test_expected_maximum_is_what_the_best_of_many_random_ratios_shows(trials):
    best = np.random.default_rng(4).standard_normal((2000, trials)).max(axis=1)
    assert expected_maximum_sharpe(trials, 1.0) == pytest.approx(best.mean(), rel=0.03)


def test_best_of_many_trials_without_skill_is_rarely_certified():
    rng, certified, naive = np.random.default_rng(6), 0, 0
    for _ in range(100):
        trials = rng.standard_normal((250, 100))
        ratios = trials.mean(axis=0) / trials.std(axis=0, ddof=1)
        best = sharpe_estimate(trials[:, np.argmax(ratios)])
        certified += deflated_sharpe(best, 100, float(np.var(ratios, ddof=1))) >= 0.95
        naive += probabilistic_sharpe(best) >= 0.95
    assert naive >= 95
    assert certified <= 5


def test_estimate_is_the_sharpe_ratio_of_one_return():
    daily = np.random.default_rng(3).normal(0.001, 0.01, 500)
    found = sharpe_estimate(daily)
    assert found.ratio * math.sqrt(252) == pytest.approx(returns.sharpe(daily, 252))
    assert found.returns == 500


def test_probability_of_a_true_sharpe_above_zero_grows_with_the_sample():
    noise = np.random.default_rng(5).normal(0.0, 0.01, 1000)
    noise -= noise.mean()
    assert probabilistic_sharpe(sharpe_estimate(noise)) == pytest.approx(0.5)
    parts = (sharpe_estimate(noise[:n] - noise[:n].mean() + 0.0005) for n in (100, 1000))
    short, long = map(probabilistic_sharpe, parts)
    assert 0.5 < short < long < 1.0


@pytest.mark.parametrize("sample", [[], [0.01], [0.01, 0.02, 0.03], [0.0] * 30, [0.01, math.inf] * 9, [math.nan] * 9])
def test_certainty_of_too_little_is_undefined(sample):
    found = sharpe_estimate(np.array(sample))
    assert math.isnan(probabilistic_sharpe(found))
    assert math.isnan(minimum_track_record(found))
    assert math.isnan(deflated_sharpe(found, 10, 0.01))


@settings(max_examples=200, deadline=None)
@given(ESTIMATES, st.integers(1, 10**6), st.integers(1, 10**6), st.floats(0.0, 0.1))
def test_more_trials_never_raise_the_deflated_sharpe(found, trials, more, variance):
    few, many = (deflated_sharpe(found, count, variance) for count in (trials, trials + more))
    assert many <= few <= probabilistic_sharpe(found) or math.isnan(found.variance)


@settings(max_examples=200, deadline=None)
@given(ESTIMATES, st.integers(1, 10**6), st.floats(0.0, 0.1), st.floats(0.0, 0.1))
def test_wider_spread_of_trials_never_raises_the_deflated_sharpe(found, trials, variance, more):
    narrow, wide = (deflated_sharpe(found, trials, spread) for spread in (variance, variance + more))
    assert wide <= narrow or math.isnan(found.variance)


@settings(max_examples=200, deadline=None)
@given(ESTIMATES, st.floats(-0.2, 0.2))
def test_record_of_the_minimum_length_is_just_certain_enough(found, benchmark):
    needed = minimum_track_record(found, benchmark)
    if math.isnan(needed):
        assert found.ratio - benchmark < 1e-150 or math.isnan(found.variance)
    elif needed < 1e12:
        assert probabilistic_sharpe(replace(found, returns=needed), benchmark) == pytest.approx(0.95, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), st.floats(1e-3, 1e3))
def test_certainty_does_not_depend_on_the_scale_of_returns(seed, scale):
    daily = np.random.default_rng(seed).normal(0.001, 0.01, 80)
    plain, scaled = (probabilistic_sharpe(sharpe_estimate(one)) for one in (daily, daily * scale))
    assert scaled == pytest.approx(plain)


def test_a_single_trial_is_not_deflated_and_none_is_unknown():
    found = estimate(0.1, 500)
    assert deflated_sharpe(found, 1, math.nan) == probabilistic_sharpe(found)
    assert math.isnan(deflated_sharpe(found, 0, 0.01))
    assert math.isnan(deflated_sharpe(found, 2, math.nan))


def row(sharpe: float | None, name: str, *, status: str = "done", days: float = 1000.0, year: float = 250.0) -> dict:
    figures = {"sharpe": sharpe, "periods_per_year": year, "trading_days": days}
    named = {"setup_hash": name, "set_hash": "bars", "first_ts_ms": 0, "last_ts_ms": 1}
    return {"status": status, "figures": figures} | named


def test_spread_of_trials_of_one_length_is_the_plain_variance_per_return():
    ratios = [0.2, -0.4, 1.1, 0.9]
    found = trial_spread([row(ratio, str(ratio)) for ratio in ratios], 1000)
    assert found.trials == 4
    assert found.variance == pytest.approx(np.var(ratios, ddof=1) / 250)


def test_ratios_a_year_of_different_calendars_are_compared_per_return():
    per_return = [0.02, -0.01, 0.05]
    rows = [
        row(ratio * math.sqrt(year), str(year), year=year)
        for ratio, year in zip(per_return, (252, 365, 52), strict=True)
    ]
    assert trial_spread(rows, 1000).variance == pytest.approx(np.var(per_return, ddof=1))


def test_trial_without_a_ratio_counts_but_does_not_narrow_the_spread():
    rows = [row(0.2, "a"), row(1.0, "b")]
    found = trial_spread([*rows, row(None, "c"), row(900.0, "d", days=2.0)], 1000)
    assert found.trials == 4
    assert found.variance == trial_spread(rows, 1000).variance


@pytest.mark.parametrize("status", ["halted", "bankrupt", "interrupted", "kill_switch"])
def test_trial_that_ended_early_counts(status):
    assert trial_spread([row(0.2, "a"), row(-3.0, "b", status=status)], 1000).trials == 2


def test_trial_that_showed_no_figure_does_not_count():
    rows = [row(0.2, "a"), row(None, "b", status="skipped"), row(None, "c", status="failed")]
    assert trial_spread(rows, 1000).trials == 1
    assert ledger._NOT_RUN == deflated.NOT_EVALUATED


def test_same_setup_on_the_same_bars_is_one_trial_however_often_it_was_run():
    other_bars = row(0.2, "a") | {"set_hash": "others"}
    assert trial_spread([row(0.2, "a"), row(0.2, "a"), row(0.3, "a"), other_bars], 1000).trials == 3


def test_spread_of_short_trials_is_that_of_noise_at_the_length_asked_about():
    """A year of noise strays twice as far as four years of it: in its own standard errors no further."""
    rng = np.random.default_rng(8)
    rows = []
    for number in range(400):
        days = (50, 250, 1000)[number % 3]
        rows.append(row(returns.sharpe(rng.normal(0, 0.01, days), 250), str(number), days=float(days)))
    assert trial_spread(rows, 1250).variance == pytest.approx(1 / 1250, rel=0.2)


def test_fewer_than_two_ratios_have_no_spread():
    assert math.isnan(trial_spread([], 1000).variance)
    assert math.isnan(trial_spread([row(0.2, "a"), row(None, "b")], 1000).variance)


def test_spread_is_read_from_the_trial_ledger_as_it_stands(tmp_path):
    bars = DataRecord("binance:BTC/USDT", "1d", "data/x.parquet", "Binance", "raw", 100, 1_000, 2_000, "aa")
    with TrialLedger.open(tmp_path) as book:
        study, named = book.claim_study("sweep", "sweep", "2026", {}), book.note_bars([bars])
        for number, sharpe in enumerate((0.5, 1.5, None)):
            book.record(study, recorded(number, sharpe, named))
        found = trial_spread(book.trials(), 730)
    assert found.trials == 3
    assert found.variance == pytest.approx(0.5 / 365)


def recorded(number: int, sharpe: float | None, set_hash: str) -> Trial:
    return Trial(
        number=number,
        key=str(number),
        started="2026-01-01T00:00:00.000Z",
        duration_s=0.25,
        config_hash="c",
        setup_hash=str(number),
        parameters={},
        set_hash=set_hash,
        source_hash="code",
        git_revision=None,
        seed=7,
        stream=0,
        status="done",
        figures={"sharpe": sharpe, "periods_per_year": 365.0, "trading_days": 730.0},
    )
