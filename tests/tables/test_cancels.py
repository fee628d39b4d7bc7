"""Cancels and amends in a race with fills."""

from __future__ import annotations

import pytest

from .candles import check_table


@pytest.mark.parametrize("change", ["cancel x", "amend x limit 90", "amend x qty 1"])
def test_fill_before_a_change_arrives_leaves_nothing_to_change(change):
    """Rules 6, 10, 23: through 95 at 50 s; the change arrives 55 s after the decision, and of a filled order it is
    nothing.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 95
        115  ACCEPTED   A  buy 2
        170  FILLED     A  buy 2 @ 95
        """,
        f"""
        0  buy 2 A limit 95 as x
        1  {change}
        """,
        tick="1",
        entry_ms=55_000,
    )


@pytest.mark.parametrize("change", ["cancel x", "amend x limit 90"])
def test_fill_at_the_instant_of_a_change_wins(change):
    """Rules 6, 14: both at 170 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 95
        110  ACCEPTED   A  buy 2
        170  FILLED     A  buy 2 @ 95
        """,
        f"""
        0  buy 2 A limit 95 as x
        1  {change}
        """,
        tick="1",
        entry_ms=50_000,
    )


def test_cancel_that_arrives_first_wins():
    """Rules 6, 23: at 160 s, 10 s before the price would come."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 95
        100  ACCEPTED   A  buy 2
        160  CANCELED   A  buy 2  CLIENT_REQUEST
        """,
        """
        0  buy 2 A limit 95 as x
        1  cancel x
        """,
        tick="1",
        entry_ms=40_000,
    )


def test_cancel_takes_back_what_is_not_filled():
    """Rules 6, 12, 23: half of 4 fills at 60 s and at the opening at 120 s, at the instant of the cancel; 1 is taken
    back.
    """
    check_table(
        """
        100 100 100 100 4   .
        100 100 100 100 4   .
        100 100 100 100 4   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 2 @ 100
        120  FILLED     A  buy 2 @ 100
        120  CANCELED   A  buy 1  CLIENT_REQUEST
        """,
        """
        0  buy 5 A as x
        1  cancel x
        """,
        max_participation=0.5,
    )


def test_cancel_works_while_the_market_is_closed():
    """Rules 6, 23: no bar from 120 s to 300 s; the cancel takes effect at 130 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        90   90  90  90 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        70   ACCEPTED   A  buy 2
        130  CANCELED   A  buy 2  CLIENT_REQUEST
        """,
        """
        0  buy 2 A limit 95 as x
        1  cancel x
        """,
        tick="1",
        entry_ms=10_000,
        opens=[0, 60, 300],
    )


def test_cancel_of_an_order_that_is_over_is_nothing():
    """Rule 23: filled at 60 s and known; a second cancel of another order is nothing, either."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 2  order 0
        60   SUBMITTED  A  buy 2  order 1
        60   ACCEPTED   A  buy 2  order 0
        60   FILLED     A  buy 2 @ 100  order 0
        60   ACCEPTED   A  buy 2  order 1
        120  CANCELED   A  buy 2  CLIENT_REQUEST  order 1
        """,
        """
        0  buy 2 A as x
        0  buy 2 A limit 90 as y
        1  cancel x
        1  cancel y
        1  cancel y
        """,
        tick="1",
    )
