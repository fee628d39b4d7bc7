"""Matches at their edges: orders that are filled but for rounding, and cash that is all but gone."""

from __future__ import annotations

from .candles import check_table


def test_order_is_filled_where_only_rounding_is_left():
    """Rule 14: 0.1 + 0.1 + 0.7 is 0.8999999999999999 in floating point: of 0.9 nothing is left."""
    check_table(
        """
        100 100 100 100 9    .
        100 100 100 100 0.1  .
        100 100 100 100 0.1  .
        100 100 100 100 9    .
        100 100 100 100 9    .
        """,
        """
        60   SUBMITTED  A  buy 0.9
        60   ACCEPTED   A  buy 0.9
        60   FILLED     A  buy 0.1 @ 100
        120  FILLED     A  buy 0.1 @ 100
        180  FILLED     A  buy 0.7 @ 100
        """,
        "0  buy 0.9 A",
        max_participation=1.0,
    )


def test_order_with_more_than_rounding_left_goes_on():
    """Rule 14: 5e-7 of 1000 are more than a million millionth."""
    check_table(
        """
        1 1 1 1 9999         .
        1 1 1 1 999.9999995  .
        1 1 1 1 9999         .
        """,
        """
        60   SUBMITTED  A  buy 1000
        60   ACCEPTED   A  buy 1000
        60   FILLED     A  buy 999.9999995 @ 1
        120  FILLED     A  buy 0.0000005 @ 1
        """,
        "0  buy 1000 A",
        step="0.0000000001",
        cash=2000.0,
        max_participation=1.0,
    )


def test_want_of_cash_of_an_order_before_ends_no_other_at_market():
    """Rule 12: 1000 buy 8 of 10 at 125, and the rest is cancelled. A later order that fills in part goes on."""
    check_table(
        """
        100 100 100 100 9  .
        125 125 125 125 9  .
        110 110 110 110 2  .
        110 110 110 110 0  .
        """,
        """
        60   SUBMITTED  A  buy 10
        60   ACCEPTED   A  buy 10
        60   FILLED     A  buy 8 @ 125
        60   CANCELED   A  buy 2  INSUFFICIENT_FUNDS
        120  SUBMITTED  A  sell 5
        120  ACCEPTED   A  sell 5
        120  FILLED     A  sell 2 @ 110
        240  CANCELED   A  sell 3  END_OF_RUN
        """,
        """
        0  buy 10 A
        1  sell 5 A
        """,
        tick="1",
        max_participation=1.0,
    )


def test_want_of_cash_of_an_order_before_ends_no_other_that_rests():
    """Rules 10, 12: as before, but the later order rests until 105 is reached, half-way through a bar of 2."""
    check_table(
        """
        100 100 100 100 9  .
        125 125 125 125 9  .
        100 110 100 110 2  .
        100 100 100 100 0  .
        """,
        """
        60   SUBMITTED  A  buy 10
        60   ACCEPTED   A  buy 10
        60   FILLED     A  buy 8 @ 125
        60   CANCELED   A  buy 2  INSUFFICIENT_FUNDS
        120  SUBMITTED  A  sell 5 @ 105
        120  ACCEPTED   A  sell 5
        150  FILLED     A  sell 1 @ 105  maker
        240  CANCELED   A  sell 4  END_OF_RUN
        """,
        """
        0  buy 10 A
        1  sell 5 A limit 105
        """,
        tick="1",
        limit_touch=1,
        max_participation=1.0,
    )


def test_resting_order_that_is_offered_nothing_rests_although_there_is_no_cash():
    """Rules 10, 12: 0 of cash are less than the minimum fee, but a bar without volume asks for none."""
    check_table(
        """
        100 100 100 100 9  .
        190 190 100 100 9  .
        100 100  85  85 0  .
        """,
        """
        60   SUBMITTED  A  buy 5 @ 90
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 190  fee 50
        180  CANCELED   A  buy 5  END_OF_RUN
        """,
        """
        0  buy 5 A limit 90
        0  buy 5 A
        """,
        tick="1",
        min_fee=50.0,
        cash=1000.0,
        reserve_rate=0.0,
        max_participation=1.0,
    )


def test_resting_order_buys_what_the_cash_is_enough_for():
    """Rule 12: 0.15 at 300 take 45 of 100. The 55 that are left buy 11/18 at 90."""
    check_table(
        """
        100 100 100 100 9  .  | 100 100 100 100 9  .
        100 100  84 100 9  .  | 300 300 300 300 9  .
        """,
        """
        60     SUBMITTED  A  buy 0.9 @ 90
        60     SUBMITTED  B  buy 0.15
        60     ACCEPTED   A  buy 0.9
        60     ACCEPTED   B  buy 0.15
        60     FILLED     B  buy 0.15 @ 300
        78.75  FILLED     A  buy 11/18 @ 90  maker
        78.75  CANCELED   A  buy 26/90  INSUFFICIENT_FUNDS
        """,
        """
        0  buy 0.9 A limit 90
        0  buy 0.15 B
        """,
        A={"tick": "1"},
        limit_touch=1,
        cash=100.0,
    )


def test_resting_order_buys_nothing_without_cash():
    """Rule 12: 0.15 at 300 take all of 45."""
    check_table(
        """
        100 100 100 100 9  .  | 100 100 100 100 9  .
        100 100  84 100 9  .  | 300 300 300 300 9  .
        """,
        """
        60     SUBMITTED  A  buy 0.3 @ 90
        60     SUBMITTED  B  buy 0.15
        60     ACCEPTED   A  buy 0.3
        60     ACCEPTED   B  buy 0.15
        60     FILLED     B  buy 0.15 @ 300
        78.75  CANCELED   A  buy 0.3  INSUFFICIENT_FUNDS
        """,
        """
        0  buy 0.3 A limit 90
        0  buy 0.15 B
        """,
        A={"tick": "1"},
        limit_touch=1,
        cash=45.0,
    )


def test_sale_sells_no_more_than_is_left_when_it_is_reached():
    """Rule 12: a reduce-only order locks nothing, so both are accepted. When 105 is reached the 5 are gone."""
    check_table(
        """
        100 100 100 100 9  .
        100 100 100 100 9  .
        100 110 100 110 9  .
        """,
        """
        60   SUBMITTED  A  sell 5 @ 105
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        60   ACCEPTED   A  sell 5
        60   FILLED     A  sell 5 @ 100
        180  CANCELED   A  sell 5  END_OF_RUN
        """,
        """
        0  sell 5 A limit 105
        0  sell 5 A reduce
        """,
        tick="1",
        venue_qty=5,
        local_qty=5,
    )


def test_limit_below_one_is_never_paid_beyond():
    """Rules 11, 12: at 0.5 without a spread the order trades at once; its impact would take it above 0.5."""
    check_table(
        """
        0.4  0.4  0.4  0.4  100  .
        0.44 0.44 0.44 0.44 100  .
        0.5  0.5  0.5  0.5  100  .
        """,
        """
        120  SUBMITTED  A  buy 4 @ 0.5
        120  ACCEPTED   A  buy 4
        120  FILLED     A  buy 4 @ 0.5  taker
        """,
        "1  buy 4 A limit 0.5",
        impact_coefficient=1.0,
        max_participation=1.0,
    )
