"""Splits: positions, what is paid for parts of a unit, and orders that live through the night."""

from __future__ import annotations

import pytest

from .candles import check_table

STOP_10_PERCENT_BELOW = {"stop_kind": 1, "stop_distance": 0.1}
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


def test_resting_rest_of_an_order_is_split_too():
    """Rules 12, 25: 2 of 5 are filled, 3 rest; after 2:1 that is 4 of 10, and 6 meet the open of 50."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 2   .
        50  50  50  50  9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 2 @ 100
        120  SPLIT      A  4 @ 50  ref 2
        120  AMENDED    A  buy 10  known 120
        120  FILLED     A  buy 6 @ 50
        """,
        actions=TWO_FOR_ONE,
        max_participation=1.0,
    )
    assert played.cash == 500
    assert played.position == [10]


def test_what_is_filled_is_split_in_our_own_books_as_well():
    """Rules 6, 25: 2 of 5, split to 4 of 10, then 2 more: 4 are to come and 4 are needed, so the target is met.

    Row 2: equity 1000 at 50 asks for 10; 6 are held, 10 − 6 = 4 on the way. Nothing is cancelled, nothing sent.
    """
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 2   0.5
        50  50  50  50  2   0.5
        50  50  50  50  9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 2 @ 100
        120  SPLIT      A  4 @ 50  ref 2
        120  AMENDED    A  buy 10
        120  FILLED     A  buy 2 @ 50
        180  FILLED     A  buy 4 @ 50
        """,
        actions=TWO_FOR_ONE,
        max_participation=1.0,
        every_bar=True,
    )


def test_order_on_its_way_is_split():
    """Rules 3, 25: decided at 60 s on 5 units, split at 120 s, at the venue at 150 s: 10 units at 50.

    The split is recorded although nothing is held.
    """
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        50  50  50  50  9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        120  SPLIT      A  0 @ 50  ref 2  cash 0
        120  AMENDED    A  buy 10
        150  ACCEPTED   A  buy 10
        150  FILLED     A  buy 10 @ 50
        """,
        actions=TWO_FOR_ONE,
        entry_ms=90_000,
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


def test_stop_that_covers_the_position_is_split_with_it():
    """Rules 10, 24, 25: the stop at 90 for 5 becomes one at 45 for 10.

    The last bar falls 50 → 44 in 60 s: 45 is reached after 5 / 6 of it, at 170 s. Cash 500 + 10 × 45.
    """
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        50  50  44  44  9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   SUBMITTED  A  sell 5  STOP  ref 90
        60   ACCEPTED   A  buy 5
        60   ACCEPTED   A  sell 5  STOP
        60   FILLED     A  buy 5 @ 100
        120  SPLIT      A  10 @ 50  ref 2
        120  AMENDED    A  sell 10  STOP  ref 45
        170  TRIGGERED  A  sell 10  STOP  @ 45
        170  FILLED     A  sell 10 @ 45  ref 45
        """,
        actions=TWO_FOR_ONE,
        **STOP_10_PERCENT_BELOW,
    )
    assert played.cash == 950


def test_prices_of_a_split_order_are_put_on_the_grid():
    """Rules 8, 25: 90 / 7 = 12.857…: a sale's trigger goes down to 12.85; its limit of 110 / 7 = 15.714… goes up."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        14  14  14  14  9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   SUBMITTED  A  sell 5   STOP   ref 90
        60   SUBMITTED  A  sell 5   LIMIT  @ 110
        60   ACCEPTED   A  buy 5
        60   ACCEPTED   A  sell 5   STOP
        60   ACCEPTED   A  sell 5   LIMIT
        60   FILLED     A  buy 5 @ 100
        120  SPLIT      A  35 @ 14  ref 7
        120  AMENDED    A  sell 35  STOP   ref 12.85
        120  AMENDED    A  sell 35  LIMIT  @ 15.72
        180  CANCELED   A  sell 35  STOP   END_OF_RUN
        180  CANCELED   A  sell 35  LIMIT  END_OF_RUN
        """,
        actions="120  A  split 7",
        tick="0.01",
        take_kind=1,
        take_distance=0.1,
        **STOP_10_PERCENT_BELOW,
    )


def test_order_of_which_a_reverse_split_leaves_nothing_is_cancelled():
    """Rule 25: 5 / 10 is no unit: paid out as 0.5 × 1000, and the stop for 5 has nothing left to sell."""
    played = check_table(
        """
        100  100  100  100  9   0.5
        100  100  100  100  9   .
        1000 1000 1000 1000 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   SUBMITTED  A  sell 5  STOP  ref 90
        60   ACCEPTED   A  buy 5
        60   ACCEPTED   A  sell 5  STOP
        60   FILLED     A  buy 5 @ 100
        120  SPLIT      A  0 @ 1000  ref 0.1  cash 500
        120  CANCELED   A  sell 0  STOP  MIN_QTY  known 120
        """,
        actions="120  A  split 0.1",
        step="1",
        **STOP_10_PERCENT_BELOW,
    )
    assert played.cash == 1000
    assert played.position == [0]


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


def test_limit_order_of_a_strategy_is_split():
    """Rules 10, 23, 25: 3 at 80 become 6 at 40; 50 → 38 passes 40 after 10 of 12: at 170 s, where it is filled."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        50  50  38  38  9   .
        """,
        """
        60   SUBMITTED  A  buy 3  LIMIT  @ 80
        60   ACCEPTED   A  buy 3  LIMIT
        120  SPLIT      A  0 @ 50  ref 2
        120  AMENDED    A  buy 6  LIMIT  @ 40
        170  FILLED     A  buy 6 @ 40  maker
        """,
        requests="0 buy 3 A limit 80",
        actions=TWO_FOR_ONE,
    )


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
