"""The figures of a daily curve equal empyrical's, and are undefined rather than infinite."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keel.metrics import returns
from keel.metrics.curve import scan

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the reference library's own imports warn
    import empyrical

STOCKS = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "stocks_yahoo_csv"


def max_drawdown(equity: np.ndarray) -> float:
    return scan(equity, np.zeros(len(equity))).max_drawdown


def assert_equals_empyrical(daily_returns: np.ndarray, year: int, risk_free: float = 0.0) -> None:
    equity = 1e5 * np.cumprod(np.concatenate([[1.0], 1.0 + daily_returns]))
    ours = returns.simple_returns(equity)
    with np.errstate(all="ignore"):
        theirs = {
            "total_return": empyrical.cum_returns_final(ours),
            "cagr": empyrical.cagr(ours, annualization=year),
            "annual_volatility": empyrical.annual_volatility(ours, annualization=year),
            "sharpe": empyrical.sharpe_ratio(ours, risk_free, annualization=year),
            "sortino": empyrical.sortino_ratio(ours, risk_free, annualization=year),
            "max_drawdown": empyrical.max_drawdown(ours),
            "calmar": empyrical.calmar_ratio(ours, annualization=year),
        }
    growth, fall = returns.cagr(equity, year), max_drawdown(equity)
    own = {
        "total_return": returns.total_return(equity),
        "cagr": growth,
        "annual_volatility": returns.annual_volatility(ours, year),
        "sharpe": returns.sharpe(ours, year, risk_free),
        "sortino": returns.sortino(ours, year, risk_free),
        "max_drawdown": fall,
        "calmar": returns.calmar(growth, fall),
    }
    undefined = {name for name, value in own.items() if math.isnan(value)}
    never_short, never_down = np.min(ours) - risk_free > -1e-12, fall > -1e-12
    assert undefined == ({"sortino"} if never_short else set()) | ({"calmar"} if never_down else set())
    for name in own.keys() - undefined:
        assert own[name] == pytest.approx(theirs[name], rel=1e-9, abs=1e-9), name


@settings(max_examples=300, deadline=None)
@given(
    hnp.arrays(np.int64, st.integers(2, 400), elements=st.integers(-200_000, 200_000)).filter(
        lambda numbers: np.ptp(numbers) > 0
    ),
    st.sampled_from([252, 365]),
    st.sampled_from([0.0, 0.0001]),
)
def test_figures_equal_empyrical_on_random_daily_returns(millionths, year, risk_free):
    assert_equals_empyrical(millionths / 1e6, year, risk_free)


@pytest.mark.parametrize("name", ["AAPL", "KO", "GMRE"])
def test_figures_equal_empyrical_on_a_real_stock(name):
    path = STOCKS / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"{path} is not on this machine: the real bars live beside the repository")
    closes = pl.read_csv(path)["Close"].to_numpy().astype(np.float64)
    assert_equals_empyrical(closes[1:] / closes[:-1] - 1.0, 252)


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(np.float64, st.integers(0, 60), elements=st.floats(-1e9, 1e12)), st.sampled_from([252, 365]))
def test_no_curve_gives_a_warning_or_an_infinite_figure(equity, year):
    daily = returns.simple_returns(equity)
    figures = [
        returns.total_return(equity),
        returns.cagr(equity, year),
        returns.annual_volatility(daily, year),
        returns.sharpe(daily, year),
        returns.sortino(daily, year),
        max_drawdown(equity),
    ]
    assert not any(math.isinf(figure) for figure in figures)


@pytest.mark.parametrize("equity", [[], [100.0], [100.0, 101.0], [100.0] * 50])
def test_ratios_of_short_or_flat_curves_are_undefined(equity):
    daily = returns.simple_returns(np.array(equity))
    assert math.isnan(returns.sharpe(daily, 365))
    assert math.isnan(returns.sortino(daily, 365))
    assert math.isnan(returns.calmar(0.1, max_drawdown(np.array(equity))))


def test_steady_growth_has_no_sharpe_ratio_rather_than_a_huge_one():
    daily = returns.simple_returns(1e5 * 1.001 ** np.arange(100))
    assert math.isnan(returns.sharpe(daily, 365))


def test_account_lost_whole_grew_by_minus_one():
    assert returns.cagr(np.array([100.0, 50.0, 0.0]), 365) == -1.0
    assert returns.cagr(np.array([100.0, 50.0, -20.0]), 365) == -1.0


def test_growth_beyond_float_range_is_undefined():
    assert math.isnan(returns.cagr(np.array([1e-5, 1e9]), 365))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 40)), min_size=1, max_size=30))
def test_daily_rows_are_the_first_and_those_before_a_change_of_day(spells):
    gaps, marks = zip(*spells, strict=True)
    days = np.repeat(np.cumsum(gaps, dtype=np.int32), marks)
    ends = [i for i in range(len(days)) if i + 1 == len(days) or days[i + 1] != days[i]]
    assert returns.daily_rows(days).tolist() == sorted({0, *ends})


def test_daily_rows_are_the_first_mark_and_the_last_mark_of_each_day():
    assert returns.daily_rows(np.array([5, 5, 5, 6, 6, 8])).tolist() == [0, 2, 4, 5]


def test_first_day_of_daily_bars_has_no_return_of_its_own():
    assert returns.daily_rows(np.array([5, 6, 7])).tolist() == [0, 1, 2]


def test_daily_returns_compound_to_the_total_return():
    equity = 100.0 * np.cumprod(1 + np.random.default_rng(3).normal(0, 0.01, 500))
    daily = equity[returns.daily_rows(np.arange(500) // 24)]
    assert np.prod(1 + returns.simple_returns(daily)) - 1 == pytest.approx(returns.total_return(equity))


def test_monthly_returns_start_at_the_last_equity_of_the_month_before():
    days = np.array([np.datetime64(d) for d in ("2021-01-30", "2021-01-31", "2021-02-28", "2021-04-01")]).astype(int)
    months = returns.monthly_returns(days, np.array([100.0, 110.0, 121.0, 60.5]))
    assert [(year, month) for year, month, _ in months] == [(2021, 1), (2021, 2), (2021, 4)]
    assert [value for _, _, value in months] == pytest.approx([0.1, 0.1, -0.5])
