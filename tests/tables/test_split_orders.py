"""Orders that live through a split: at rest, on their way, waiting for a price."""

from __future__ import annotations

from .candles import check_table

STOP_10_PERCENT_BELOW = {"stop_kind": 1, "stop_distance": 0.1}
TWO_FOR_ONE = "120  A  split 2"


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
        50  50  50  50  2   .
        50  50  50  50  9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 2 @ 100
        120  SPLIT      A  4 @ 50  ref 2
        120  AMENDED    A  buy 10
        120  FILLED     A  buy 2 @ 50
        180  FILLED     A  buy 2 @ 50
        240  FILLED     A  buy 2 @ 50
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


def test_trailing_stop_follows_in_the_new_units():
    """Rules 10, 24, 25: its best price of 120 becomes 60, its trigger 54: 59 → 50 passes it after 5 of 9: 33.333 s."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 120 100 118 9   .
        59  59  50  50  9   .
        """,
        """
        60       SUBMITTED  A  buy 5
        60       SUBMITTED  A  sell 5   TRAILING_STOP
        60       ACCEPTED   A  buy 5
        60       ACCEPTED   A  sell 5   TRAILING_STOP
        60       FILLED     A  buy 5 @ 100
        120      SPLIT      A  10 @ 59  ref 2
        120      AMENDED    A  sell 10  TRAILING_STOP
        153.333  TRIGGERED  A  sell 10  TRAILING_STOP  @ 54
        153.333  FILLED     A  sell 10 @ 54
        """,
        actions=TWO_FOR_ONE,
        stop_trails=True,
        **STOP_10_PERCENT_BELOW,
    )
    assert played.cash == 1040


def test_amend_on_its_way_is_split():
    """Rules 23, 25: asked at 180 s for 3 at 90, at the venue at 270 s: after the split of 240 s that is 6 at 45."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        50  50  50  50  9   .
        """,
        """
        60   SUBMITTED  A  buy 4  LIMIT  @ 80
        150  ACCEPTED   A  buy 4  LIMIT
        240  SPLIT      A  0 @ 50  ref 2
        240  AMENDED    A  buy 8  LIMIT  @ 40
        270  AMENDED    A  buy 6  LIMIT  @ 45
        300  CANCELED   A  buy 6  LIMIT  END_OF_RUN
        """,
        requests="""
        0  buy 4 A limit 80 as x
        2  amend x limit 90 qty 3
        """,
        actions="240  A  split 2",
        entry_ms=90_000,
    )
