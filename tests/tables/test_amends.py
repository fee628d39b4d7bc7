"""Amends and cancels that a strategy asks for, and what happens when a fill is quicker."""

from __future__ import annotations

import pytest

from .candles import check_table


def test_amended_limit_fills_at_its_new_price():
    """Rules 10, 23: 100 → 102 → 94 → 96 goes through 95 at 50 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 90
        60   ACCEPTED   A  buy 2
        120  AMENDED    A  buy 2 @ 95  ref 0
        170  FILLED     A  buy 2 @ 95  maker
        """,
        """
        0  buy 2 A limit 90 as x
        1  amend x limit 95
        """,
        tick="1",
    )


def test_amended_price_is_put_on_the_tick():
    """Rules 8, 23: 95.7 is 95 for a buy."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 90
        60   ACCEPTED   A  buy 2
        120  AMENDED    A  buy 2 @ 95
        180  CANCELED   A  buy 2  END_OF_RUN
        """,
        """
        0  buy 2 A limit 90 as x
        1  amend x limit 95.7
        """,
        tick="1",
    )


def test_amended_limit_is_looked_at_in_the_same_bar_at_the_price_of_the_path():
    """Rules 9, 10, 23: 100 → 96 → 104 → 96 is 20 long, 3 s a unit. The amend arrives after 30 s, at 96 + (10 − 4) =
    102, within 103: it takes 102, though under `open` an arriving order would get 100.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 104  96  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 90
        90   ACCEPTED   A  buy 2
        150  AMENDED    A  buy 2 @ 103
        150  FILLED     A  buy 2 @ 102  taker
        """,
        """
        0  buy 2 A limit 90 as x
        1  amend x limit 103
        """,
        tick="1",
        entry_ms=30_000,
    )


def test_low_before_an_amend_does_not_fill_the_new_limit():
    """Rules 10, 23: 100 → 92 → 108 → 100 is 32 long: when the amend comes, after 30 s, the low is over. The next bar
    goes through 95 at 50 s.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 108  92 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 90
        90   ACCEPTED   A  buy 2
        150  AMENDED    A  buy 2 @ 95
        230  FILLED     A  buy 2 @ 95  maker
        """,
        """
        0  buy 2 A limit 90 as x
        1  amend x limit 95
        """,
        tick="1",
        entry_ms=30_000,
    )


def test_amend_while_the_market_is_closed_is_looked_at_when_it_opens():
    """Rules 10, 23: the amend arrives at 130 s; the next bar opens at 300 s at 94, within 95."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        94   94  94  94 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 90
        70   ACCEPTED   A  buy 2
        130  AMENDED    A  buy 2 @ 95
        300  FILLED     A  buy 2 @ 94  taker
        """,
        """
        0  buy 2 A limit 90 as x
        1  amend x limit 95
        """,
        tick="1",
        entry_ms=10_000,
        opens=[0, 60, 300],
    )


def test_amend_to_a_lower_quantity():
    """Rules 10, 23: 1 of the 2 is left to fill, at 50 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 95
        60   ACCEPTED   A  buy 2
        120  AMENDED    A  buy 1 @ 95
        170  FILLED     A  buy 1 @ 95
        """,
        """
        0  buy 2 A limit 95 as x
        1  amend x qty 1
        """,
        tick="1",
    )


@pytest.mark.parametrize("qty", [1, 4])
def test_amend_to_no_more_than_is_filled_cancels_the_rest(qty):
    """Rules 12, 14, 23: half of 4 is filled at 60 s; 2 more at the next opening, at the instant of the amend, before
    it.
    """
    check_table(
        """
        100 100 100 100 4   .
        100 100 100 100 4   .
        100 100 100 100 4   .
        100 100 100 100 4   .
        """,
        """
        60   SUBMITTED  A  buy 5 @ 105
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 2 @ 100
        120  FILLED     A  buy 2 @ 100
        120  CANCELED   A  buy 1  CLIENT_REQUEST
        """,
        f"""
        0  buy 5 A limit 105 as x
        1  amend x qty {qty}
        """,
        tick="1",
        step="1",
        max_participation=0.5,
    )


def test_amended_trigger_of_a_stop_is_watched_from_then_on():
    """Rules 10, 23: 100 → 102 → 94 → 96 reaches 97 at 2 + 5 = 7 of 12: 35 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  sell 5 @ 0  ref 90
        60   ACCEPTED   A  sell 5
        120  AMENDED    A  sell 5 @ 0  ref 97
        155  TRIGGERED  A  sell 5 @ 97
        155  FILLED     A  sell 5 @ 97
        """,
        """
        0  sell 5 A stop 90 as x
        1  amend x trigger 97
        """,
        tick="1",
        venue_qty=5,
        local_qty=5,
    )


def test_trigger_of_a_stop_limit_cannot_be_changed_once_it_is_triggered():
    """Rules 10, 23: triggered by the open of 110, it rests at 106; only the limit could still be changed."""
    check_table(
        """
        100 100 100 100 9   .
        110 112 109 111 9   .
        111 112 110 111 9   .
        """,
        """
        60   SUBMITTED       A  buy 2
        60   ACCEPTED        A  buy 2
        60   TRIGGERED       A  buy 2 @ 110
        120  AMEND_REJECTED  A  buy 2  ORDER_ENDED
        180  CANCELED        A  buy 2  END_OF_RUN
        """,
        """
        0  buy 2 A stop 105 limit 106 as x
        1  amend x trigger 115
        """,
        tick="1",
    )


def test_amend_that_the_cash_does_not_cover_leaves_the_order_as_it_was():
    """Rules 7, 10, 23: 9 × 120 = 1080 is more than 1000. At 90 the order stands: 89 is reached at 2 + 13 = 15 of 20: 45
    s.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  88  92 9   .
        """,
        """
        60   SUBMITTED       A  buy 9 @ 90
        60   ACCEPTED        A  buy 9
        120  AMEND_REJECTED  A  buy 9  INSUFFICIENT_FUNDS
        165  FILLED          A  buy 9 @ 90
        """,
        """
        0  buy 9 A limit 90 as x
        1  amend x limit 120
        """,
        tick="1",
    )


def test_second_amend_waits_until_the_first_is_answered():
    """Rule 23: of two amends at one decision the second is nothing; the next decision may amend again."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 90
        60   ACCEPTED   A  buy 2
        120  AMENDED    A  buy 2 @ 91
        180  AMENDED    A  buy 2 @ 93
        240  CANCELED   A  buy 2  END_OF_RUN
        """,
        """
        0  buy 2 A limit 90 as x
        1  amend x limit 91
        1  amend x limit 92
        2  amend x limit 93
        """,
        tick="1",
    )


def test_amend_is_not_answered_before_its_response_is_known():
    """Rules 5, 13, 23: the answer to the first comes at 210 s: what is asked at 180 s is nothing; at 240 s it may."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 90
        60   ACCEPTED   A  buy 2       known 150
        120  AMENDED    A  buy 2 @ 91  known 210
        240  AMENDED    A  buy 2 @ 93  known 330
        300  CANCELED   A  buy 2  END_OF_RUN
        """,
        """
        0  buy 2 A limit 90 as x
        1  amend x limit 91
        2  amend x limit 92
        3  amend x limit 93
        """,
        tick="1",
        response_ms=90_000,
    )
