"""Partners at their edges: when an order that shrank has nothing left."""

from __future__ import annotations

import pytest

from .candles import check_table


def test_partner_that_shrank_to_what_it_has_filled_ends():
    """Rule 24: 2 of the first are sold at 101, then 2 and 1 of the second at 100: 5 − 2 − 1 is what the first has."""
    check_table(
        """
        100 100 100 100 9   .
        101 101 101 101 2   .
        100 100 100 100 2   .
        100 100 100 100 1   .
        """,
        """
        60   SUBMITTED  A  sell 5 @ 101  order 0
        60   SUBMITTED  A  sell 5 @ 100  order 1
        60   ACCEPTED   A  sell 5  order 0
        60   FILLED     A  sell 2 @ 101  order 0
        60   ACCEPTED   A  sell 3  order 1
        120  FILLED     A  sell 2 @ 100  order 1
        180  FILLED     A  sell 1 @ 100  order 1
        180  CANCELED   A  sell 0  LINKED_FILL  order 0
        """,
        """
        0  sell 5 A limit 101 pair p
        0  sell 5 A limit 100 pair p
        """,
        tick="1",
        max_participation=1.0,
        venue_qty=10,
        local_qty=10,
        margin_account=True,
    )


@pytest.mark.parametrize("sold", ["4", "4.99999999"])
def test_partner_with_a_little_left_goes_on(sold: str):
    """Rule 24: 200 of the first are sold; of its other 5 the second takes all but one, or all but 1e-8: more than
    rounding.
    """
    check_table(
        f"""
        100 100 100 100 9    .
        101 101 101 101 200  .
        100 100 100 100 {sold}  .
        101 101 101 101 9    .
        """,
        f"""
        60   SUBMITTED  A  sell 205 @ 101  order 0
        60   SUBMITTED  A  sell 205 @ 100  order 1
        60   ACCEPTED   A  sell 205  order 0
        60   FILLED     A  sell 200 @ 101  order 0
        60   ACCEPTED   A  sell 5  order 1
        120  FILLED     A  sell {sold} @ 100  order 1
        180  FILLED     A  sell {5 - float(sold):.8f} @ 101  order 0
        180  CANCELED   A  sell 0  LINKED_FILL  order 1
        """,
        """
        0  sell 205 A limit 101 pair p
        0  sell 205 A limit 100 pair p
        """,
        step="0.00000001",
        tick="1",
        max_participation=1.0,
        venue_qty=500,
        local_qty=500,
        margin_account=True,
    )


def test_partner_with_rounding_left_has_nothing_left():
    """Rule 24: 0.8 − 0.1 − 0.4 is 0.30000000000000004 in floating point; 0.3 are sold."""
    check_table(
        """
        100 100 100 100 9    .
        101 101 101 101 0.3  .
        100 100 100 100 0.1  .
        100 100 100 100 0.4  .
        """,
        """
        60   SUBMITTED  A  sell 0.8 @ 101  order 0
        60   SUBMITTED  A  sell 0.8 @ 100  order 1
        60   ACCEPTED   A  sell 0.8  order 0
        60   FILLED     A  sell 0.3 @ 101  order 0
        60   ACCEPTED   A  sell 0.5  order 1
        120  FILLED     A  sell 0.1 @ 100  order 1
        180  FILLED     A  sell 0.4 @ 100  order 1
        180  CANCELED   A  sell 0  LINKED_FILL  order 0
        """,
        """
        0  sell 0.8 A limit 101 pair p
        0  sell 0.8 A limit 100 pair p
        """,
        tick="1",
        max_participation=1.0,
        venue_qty=10,
        local_qty=10,
        margin_account=True,
    )


def test_partner_that_is_filled_is_left_alone():
    """Rule 24: the 2 of the first are sold and we have not heard of it when the 3 left of the second are."""
    check_table(
        """
        100 100 100 100 9  .
        100 100 100 100 2  .
        101 101 101 101 9  .
        """,
        """
        60   SUBMITTED  A  sell 2 @ 100  order 0
        60   SUBMITTED  A  sell 5 @ 101  order 1
        60   ACCEPTED   A  sell 2  order 0
        60   FILLED     A  sell 2 @ 100  order 0
        60   ACCEPTED   A  sell 3  order 1
        120  FILLED     A  sell 3 @ 101  order 1
        """,
        """
        0  sell 2 A limit 100 pair p
        0  sell 5 A limit 101 pair p
        """,
        tick="1",
        response_ms=1e9,
        venue_qty=10,
        local_qty=10,
        margin_account=True,
    )


def test_only_leg_of_an_order_that_opened_nothing_at_the_venue_ends_with_it():
    """Rule 24: the venue is short 10 where we believe in nothing. After the purchase of 5 there is nothing to sell."""
    check_table(
        """
        100 100 100 100 9  .
        100 100 100 100 9  .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   FILLED     A  buy 5 @ 100
        60   CANCELED   A  sell 5  PARENT_ENDED  order 1
        """,
        "0  buy 5 A stop-loss 90",
        tick="1",
        venue_qty=-10,
        local_qty=0,
        cash=2000.0,
        margin_account=True,
    )
