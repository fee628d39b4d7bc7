"""Falls are measured on every mark, from the peak to the recovery."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keel.metrics.curve import scan
from keel.metrics.drawdown import (
    deepest_drawdown,
    drawdown_series,
    longest_drawdown_days,
    time_under_water,
    ulcer_index,
    worst_drawdowns,
)

DAY = 86_400_000


def max_drawdown(equity: np.ndarray) -> float:
    return scan(equity, np.zeros(len(equity))).max_drawdown


def days(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64) * DAY


def test_deepest_drawdown_runs_from_the_last_peak_mark_to_the_first_mark_back_at_it():
    equity = np.array([100.0, 120.0, 120.0, 90.0, 110.0, 120.0, 115.0, 130.0])
    fall = deepest_drawdown(days(0, 1, 2, 3, 4, 5, 6, 7), drawdown_series(equity))
    assert fall is not None
    assert fall.depth == pytest.approx(-0.25)
    assert (fall.peak_ts_ms, fall.trough_ts_ms, fall.end_ts_ms) == (2 * DAY, 3 * DAY, 5 * DAY)
    assert fall.recovered
    assert fall.days == 3.0


def test_drawdown_without_recovery_lasts_to_the_end():
    fall = deepest_drawdown(days(0, 2, 9), drawdown_series(np.array([100.0, 80.0, 90.0])))
    assert fall is not None
    assert not fall.recovered
    assert fall.days == 9.0


def test_rising_equity_has_no_drawdown():
    equity = np.array([1.0, 2.0, 3.0])
    assert deepest_drawdown(days(0, 1, 2), drawdown_series(equity)) is None
    assert max_drawdown(equity) == 0.0
    assert longest_drawdown_days(days(0, 1, 2), drawdown_series(equity)) == 0.0


def test_longest_drawdown_need_not_be_the_deepest():
    equity = np.array([100.0, 50.0, 100.0, 99.0, 99.0, 99.0, 101.0])
    stamps = days(0, 1, 2, 3, 4, 5, 6)
    assert longest_drawdown_days(stamps, drawdown_series(equity)) == 4.0
    fall = deepest_drawdown(stamps, drawdown_series(equity))
    assert fall is not None
    assert fall.days == 2.0


def test_worst_drawdowns_come_deepest_first_and_do_not_overlap():
    equity = np.array([100.0, 90.0, 100.0, 50.0, 110.0, 100.0, 105.0])
    falls = worst_drawdowns(days(0, 1, 2, 3, 4, 5, 6), drawdown_series(equity), 5)
    assert [fall.depth for fall in falls] == pytest.approx([-0.5, -0.1, -1 / 11])
    assert [fall.recovered for fall in falls] == [True, True, False]
    assert [fall.peak_ts_ms // DAY for fall in falls] == [2, 0, 4]
    assert len(worst_drawdowns(days(0, 1, 2, 3, 4, 5, 6), drawdown_series(equity), 2)) == 2


def test_time_under_water_and_ulcer_index_count_every_mark():
    equity = np.array([100.0, 90.0, 80.0, 100.0])
    assert time_under_water(drawdown_series(equity)) == 0.5
    assert ulcer_index(drawdown_series(equity)) == pytest.approx(((0.1**2 + 0.2**2) / 4) ** 0.5)
    assert math.isnan(time_under_water(drawdown_series(np.zeros(0))))
    assert math.isnan(ulcer_index(drawdown_series(np.array([0.0, 1.0]))))


def test_equity_below_zero_falls_by_more_than_everything():
    assert max_drawdown(np.array([100.0, -50.0])) == pytest.approx(-1.5)


def test_no_marks_have_no_drawdown():
    assert math.isnan(max_drawdown(np.zeros(0)))
    assert math.isnan(longest_drawdown_days(days(), drawdown_series(np.zeros(0))))
    assert deepest_drawdown(days(), drawdown_series(np.zeros(0))) is None


@settings(max_examples=300, deadline=None)
@given(hnp.arrays(np.float64, st.integers(2, 30), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_deepest_fall_is_that_of_the_series_whatever_the_numbers(equity):
    with np.errstate(all="ignore"):
        least = float(np.min(drawdown_series(equity)))
    expected = least if math.isfinite(least) else math.nan
    assert max_drawdown(equity) == expected or math.isnan(max_drawdown(equity)) == math.isnan(expected) is True


@settings(max_examples=150, deadline=None)
@given(hnp.arrays(np.float64, st.integers(2, 80), elements=st.floats(1.0, 1e6)))
def test_depth_and_length_equal_a_plain_loop(equity):
    stamps = np.arange(len(equity), dtype=np.int64) * DAY
    peak, since, depth, longest = equity[0], 0, 0.0, 0
    for i, value in enumerate(equity):
        if value >= peak:
            longest = max(longest, i - since if i - since > 1 else 0)
            peak, since = value, i
        depth = min(depth, value / peak - 1.0)
    longest = max(longest, len(equity) - 1 - since)
    assert max_drawdown(equity) == depth
    assert longest_drawdown_days(stamps, drawdown_series(equity)) == longest
    assert np.min(drawdown_series(equity)) == depth
    falls = worst_drawdowns(stamps, drawdown_series(equity), 100)
    assert [fall.depth for fall in falls] == sorted(fall.depth for fall in falls)
    assert min((fall.depth for fall in falls), default=0.0) == depth
    assert max((fall.days for fall in falls), default=0) == longest
