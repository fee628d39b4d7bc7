"""Amends at their edges: what they leave as it was, and what the venue counts when it checks them."""

from __future__ import annotations

from .candles import check_table


def test_limit_of_a_triggered_stop_limit_can_be_amended():
    """Rule 23: triggered at 110, beyond its limit of 106, it rests; the new limit of 108 leaves the trigger alone."""
    check_table(
        """
        100 100 100 100 9   .
        110 112 109 111 9   .
        111 112 109 111 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 106  ref 105
        60   ACCEPTED   A  buy 2
        60   TRIGGERED  A  buy 2 @ 110
        120  AMENDED    A  buy 2 @ 108  ref 105
        180  CANCELED   A  buy 2  END_OF_RUN
        """,
        """
        0  buy 2 A stop 105 limit 106 as s
        1  amend s limit 108
        """,
        tick="1",
    )


def test_trigger_below_one_of_a_triggered_order_cannot_be_amended_either():
    """Rule 23: triggered at 0.6 and beyond its limit of 0.5 it rests; a new trigger of 0.7 comes too late."""
    check_table(
        """
        0.4 0.4 0.4 0.4 9   .
        0.6 0.6 0.6 0.6 9   .
        0.6 0.6 0.6 0.6 9   .
        """,
        """
        60   SUBMITTED       A  buy 2 @ 0.5  ref 0.5
        60   ACCEPTED        A  buy 2
        60   TRIGGERED       A  buy 2 @ 0.6
        120  AMEND_REJECTED  A  buy 2  ORDER_ENDED
        180  CANCELED        A  buy 2  END_OF_RUN
        """,
        """
        0  buy 2 A stop 0.5 limit 0.5 as s
        1  amend s trigger 0.7
        """,
        tick="0.1",
    )


def test_amended_quantity_of_a_stop_leaves_its_trigger():
    """Rule 23: what it would not change stays; 100 → 101 → 94 → 96 reaches 95."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  sell 5  ref 95
        60   ACCEPTED   A  sell 5
        120  AMENDED    A  sell 3 @ 0  ref 95
        165  TRIGGERED  A  sell 3 @ 95
        165  FILLED     A  sell 3 @ 95
        """,
        """
        0  sell 5 A stop 95 as s
        1  amend s qty 3
        """,
        tick="1",
        venue_qty=5,
        local_qty=5,
    )


def test_amend_is_checked_with_what_is_left_of_the_order():
    """Rule 23: 4 of 10 are bought, 6 at 99 cost 594 of the 600 that are left."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 4   .
        101 101 101 101 9   .
        """,
        """
        60   SUBMITTED  A  buy 10 @ 100
        60   ACCEPTED   A  buy 10
        60   FILLED     A  buy 4 @ 100
        120  AMENDED    A  buy 10 @ 99
        180  CANCELED   A  buy 6  END_OF_RUN
        """,
        """
        0  buy 10 A limit 100 as x
        1  amend x limit 99
        """,
        tick="1",
        max_participation=1.0,
    )


def test_amend_does_not_make_the_part_that_opens_larger():
    """Rules 7, 23: of 8 on sale 3 open. After the amend they still hold back 333, and 567 are free for 3 more."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 8 @ 110
        60   ACCEPTED   A  sell 8
        120  AMENDED    A  sell 8 @ 111
        180  SUBMITTED  A  sell 3 @ 111
        180  ACCEPTED   A  sell 3
        240  CANCELED   A  sell 8  END_OF_RUN
        240  CANCELED   A  sell 3  END_OF_RUN
        """,
        """
        0  sell 8 A limit 110 as x
        1  amend x limit 111
        2  sell 3 A limit 111
        """,
        tick="1",
        venue_qty=5,
        local_qty=5,
        cash=900.0,
        can_flip=1,
        margin_account=True,
        shortable=True,
    )


def test_amend_leaves_others_that_rest_what_they_hold():
    """Rules 7, 23: of 1000 the first holds 5 × 90 = 450; 6 × 95 = 570 is more than the 550 that are left."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED       A  buy 5 @ 90
        60   SUBMITTED       A  buy 6 @ 90
        60   ACCEPTED        A  buy 5
        60   ACCEPTED        A  buy 6
        120  AMEND_REJECTED  A  buy 6  INSUFFICIENT_FUNDS
        180  CANCELED        A  buy 5  END_OF_RUN
        180  CANCELED        A  buy 6  END_OF_RUN
        """,
        """
        0  buy 5 A limit 90
        0  buy 6 A limit 90 as x
        1  amend x limit 95
        """,
    )
