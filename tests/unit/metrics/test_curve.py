"""One walk over a curve's marks tells what plain formulas over whole columns tell."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keel.metrics.curve import scan
from keel.metrics.drawdown import drawdown_series

MONEY = st.integers(-100_000, 100_000_000).map(lambda cents: cents / 100)


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(np.float64, st.tuples(st.integers(0, 40), st.just(2)), elements=MONEY))
def test_scan_equals_the_formulas_over_whole_columns(table):
    equity, gross = table[:, 0], np.abs(table[:, 1])  # columns of a table: what is walked over need not be contiguous
    found, positive = scan(equity, gross), equity > 0.0
    assert found.mean_equity == pytest.approx(float(np.mean(equity)) if len(equity) else 0.0, rel=1e-9, abs=1e-9)
    if positive.any():
        assert found.exposure == pytest.approx(float(np.mean(gross[positive] / equity[positive])), rel=1e-12)
    else:
        assert math.isnan(found.exposure)
    if len(equity) >= 2 and equity[0] > 0.0:
        assert found.max_drawdown == np.min(drawdown_series(equity))
    else:
        assert math.isnan(found.max_drawdown)


def test_mark_without_equity_has_no_exposure_and_a_curve_without_any_none():
    assert scan(np.array([100.0, 0.0, 50.0]), np.array([50.0, 9.0, 50.0])).exposure == 0.75
    assert math.isnan(scan(np.array([0.0, -1.0]), np.array([1.0, 1.0])).exposure)


@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_curve_with_something_else_than_a_number_has_no_drawdown(broken, at):
    equity = np.array([100.0, 90.0, 95.0])
    equity[at] = broken
    assert math.isnan(scan(equity, np.zeros(3)).max_drawdown)
