"""Splits: positions, what is paid for parts of a unit, and what else is told in units."""

from __future__ import annotations

import pytest

from .candles import check_table

TWO_FOR_ONE = "120  A  split 2"


def test_split_changes_units_and_not_their_value():
    """Rule 25: 5 bought at 100 are 10 at 50 in both books, the average price with them; nothing is paid."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        50  50  50  50  9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  SPLIT      A  10 @ 50  ref 2  cash 0  known 120
        """,
        actions=TWO_FOR_ONE,
    )
    assert played.equity == played.local_equity == [1000, 1000, 1000]
    assert played.position == [10]
    assert played.simulator.account_view().average_price == [50]


@pytest.mark.parametrize(("qty", "after", "cash"), [(25, 2, 500), (-25, -2, -500)])
def test_part_of_a_unit_is_settled_in_cash_at_the_open(qty, after, cash):
    """Rule 25: 25 / 10 = 2.5 on a step of 1 is 2; the half is worth 0.5 × 1000 to a long and costs a short as much."""
    played = check_table(
        """
        100  100  100  100  9   .
        1000 1000 1000 1000 9   .
        """,
        f"""
        60  SPLIT  A  {after} @ 1000  ref 0.1  cash {cash}
        """,
        actions="60  A  split 0.1",
        step="1",
        venue_qty=qty,
        local_qty=qty,
        cash=5000.0,
        margin_account=True,
        shortable=True,
    )
    assert played.equity == played.local_equity == [5000 + qty * 100, 5000 + qty * 100]
    assert played.position == [after]


def test_units_without_a_grid_are_split_to_the_last_bit():
    """Rule 25: without a step nothing is left over: 25 / 10 = 2.5."""
    check_table(
        """
        100  100  100  100  9   .
        1000 1000 1000 1000 9   .
        """,
        """
        60  SPLIT  A  2.5 @ 1000  ref 0.1  cash 0
        """,
        actions="60  A  split 0.1",
        venue_qty=25,
        local_qty=25,
    )


def test_split_comes_before_a_dividend_of_the_same_moment():
    """Rule 25: 5 become 10, and the 0.5 is for each of the new: 5 in all."""
    check_table(
        """
        100 100 100 100 9   .
        50  50  50  50  9   .
        """,
        """
        60  SPLIT     A  10 @ 50   ref 2  cash 0
        60  DIVIDEND  A  10 @ 0.5  cash 5
        """,
        actions="""
        60  A  dividend 0.5
        60  A  split 2
        """,
        venue_qty=5,
        local_qty=5,
    )


def test_response_that_still_travels_is_known_with_the_split():
    """Rules 5, 13, 25: the fill of 60 s would be known at 150 s, after the split of 120 s; the night tells it first.

    So our book, too, holds 5 when the split doubles them, and 10 at 50 after it.
    """
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        50  50  50  50  9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5         known 120
        60   FILLED     A  buy 5 @ 100   known 120
        120  SPLIT      A  10 @ 50  ref 2  known 120
        """,
        actions=TWO_FOR_ONE,
        response_ms=90_000,
    )
    assert played.position == [10]
    assert played.simulator.account_view().average_price == [50]
    assert played.local_equity == [1000, 1000, 1000]


def test_target_that_is_still_pursued_is_split():
    """Rules 7, 25: from +5 to −5 in two legs: after 2:1 at 60 s it is from +10 to −10."""
    played = check_table(
        """
        100 100 100 100 9   -0.5
        50  50  50  50  9   .
        50  50  50  50  9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   SPLIT      A  10 @ 50  ref 2
        60   AMENDED    A  sell 10
        60   ACCEPTED   A  sell 10
        60   FILLED     A  sell 10 @ 50
        120  SUBMITTED  A  sell 10
        120  ACCEPTED   A  sell 10
        120  FILLED     A  sell 10 @ 50
        """,
        actions="60  A  split 2",
        cash=500.0,
        venue_qty=5,
        local_qty=5,
        margin_account=True,
        shortable=True,
    )
    assert played.position == [-10]


def test_return_over_a_split_is_no_volatility():
    """Rules 11, 25: the mark of 101 is halved to 50.5 with the split, so the bar at 50.5 returns 0 and not −50%.

    Returns 1%, 0: the short average (α = 1) is 0, the long one (α = 0) keeps 1%: factor 0 is clipped to 0.5 of 10 bps.
    """
    check_table(
        """
        100  100  100  100  9   .
        101  101  101  101  9   .
        50.5 50.5 50.5 50.5 9   0.5
        100  100  100  100  9   .
        """,
        f"""
        120  SPLIT      A  0 @ 50.5  ref 2
        180  SUBMITTED  A  buy {500 / 50.5}
        180  ACCEPTED   A  buy {500 / 50.5}
        180  FILLED     A  buy {500 / 50.5} @ 100.05
        """,
        actions=TWO_FOR_ONE,
        cash=2000.0,
        allocation=0.5,
        half_spread_bps=10,
        vol_short_alpha=1.0,
        vol_long_alpha=0.0,
    )
