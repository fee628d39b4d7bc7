"""Holding between changes and acting once a period."""

from __future__ import annotations

import numpy as np
import pytest
from made_panels import panel_of

from keel.strategies.holding import equal_shares, hold, hold_between, hold_from, period_starts

NAN = float("nan")


def test_last_change_is_held():
    assert hold(np.array([NAN, 1.0, NAN, 0.5, NAN])).tolist() == [0, 1, 1, 0.5, 0.5]
    assert hold(np.zeros(0)).tolist() == []


def test_start_is_held_until_the_next_end_and_wins_over_one_at_the_same_bar():
    start = np.array([False, True, False, False, True, False])
    end = np.array([True, False, False, True, True, True])
    assert hold_between(start, end).tolist() == [0, 1, 1, 0, 1, 0]


def test_weights_of_a_start_are_held_until_the_next():
    weights = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]])
    held = hold_from(np.array([False, True, False, True]), weights)
    assert held.tolist() == [[0, 0], [2, 20], [2, 20], [4, 40]]


@pytest.mark.parametrize(
    ("period", "rows"),
    [
        ("bar", list(range(70))),
        ("day", list(range(1, 70))),
        # 1970-01-01 was a Thursday; months of 31 and 28 days
        ("week", [4, 11, 18, 25, 32, 39, 46, 53, 60, 67]),
        ("month", [31, 59]),
    ],
)
def test_period_begins_at_its_first_row_and_the_first_of_all_is_not_known_to_be_one(period, rows):
    assert np.flatnonzero(period_starts(panel_of([1.0] * 70), period)).tolist() == rows


def test_period_that_began_without_bars_starts_at_its_first_row():
    # days 0, 20, 40 (10 February), 60 (2 March), 80
    assert np.flatnonzero(period_starts(panel_of([1.0] * 5, days_apart=20), "month")).tolist() == [2, 3]


def test_periods_do_not_depend_on_where_the_bars_begin():
    days = panel_of([1.0] * 70)
    late = panel_of([1.0] * 90)
    assert period_starts(late, "week")[:70].tolist() == period_starts(days, "week").tolist()


def test_equal_shares_divide_equity_by_the_instruments():
    assert equal_shares(panel_of([1.0, 2.0], [3.0, None]), lambda one: one.close > 1.5).tolist() == [
        [0, 0.5],
        [0.5, 0.5],
    ]
