"""What becomes of an order a strategy asks for before it reaches the venue, and beside targets."""

from __future__ import annotations

import pytest

from .candles import check_table

SHORTABLE = {"margin_account": True, "shortable": True, "venue_qty": 3, "local_qty": 3}


def test_order_for_an_instrument_without_a_bar_is_denied():
    """Rule 23: A has none in the row that decides."""
    check_table(
        """
        100 100 100 100 9   . | 50 50 50 50 9   .
        -                   . | 50 50 50 50 9   .
        100 100 100 100 9   . | 50 50 50 50 9   .
        """,
        """
        120  DENIED     A  buy 2  NO_BAR
        120  SUBMITTED  B  buy 2
        120  ACCEPTED   B  buy 2
        120  FILLED     B  buy 2 @ 50
        """,
        """
        1  buy 2 A
        1  buy 2 B
        """,
    )


def test_quantity_below_a_step_is_denied_with_the_quantity_asked_for():
    """Rules 19, 23: 0.4 on a step of 1 is 0."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   DENIED     A  buy 0.4  MIN_QTY
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        60   FILLED     A  buy 2 @ 100
        """,
        """
        0  buy 0.4 A
        0  buy 2.6 A
        """,
        step="1",
    )


def test_quantity_below_the_least_is_denied():
    """Rules 17, 23: 1 is less than 2."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   DENIED     A  buy 1  MIN_QTY
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        60   FILLED     A  buy 2 @ 100
        """,
        """
        0  buy 1 A
        0  buy 2 A
        """,
        min_qty=2,
    )


@pytest.mark.parametrize("terms", ["limit 99", "stop 99", "stop 101 limit 99"])
def test_least_notional_is_taken_at_the_price_of_the_order(terms):
    """Rule 17: 1 × 99 is below 100, whatever the mark of 100 says; the limit comes before the trigger."""
    check_table(
        "100 100 100 100 9   .",
        """
        60   DENIED  A  buy 1  MIN_NOTIONAL
        """,
        f"0  buy 1 A {terms}",
        min_notional=100,
    )


@pytest.mark.parametrize("terms", ["", "limit 100", "stop 105", "stop 101 limit 100"])
def test_least_notional_is_met_at_the_price_of_the_order(terms):
    """Rule 17: 100 or more is enough; without a price the mark of 100 counts."""
    check_table(
        "100 100 100 100 9   .",
        """
        60   SUBMITTED  A  buy 1
        60   CANCELED   A  buy 1  END_OF_RUN
        """,
        f"0  buy 1 A {terms}",
        min_notional=100,
    )


def test_sale_of_more_than_is_held_is_clipped_where_nothing_may_be_short():
    """Rules 7, 23: 3 of 5. Then nothing is held: a sale is denied."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 3  NOT_SHORTABLE
        60   ACCEPTED   A  sell 3
        60   FILLED     A  sell 3 @ 100
        120  DENIED     A  sell 5  NOT_SHORTABLE
        """,
        """
        0  sell 5 A
        1  sell 5 A
        """,
        venue_qty=3,
        local_qty=3,
    )


def test_order_is_clipped_at_zero_where_it_may_not_cross_it():
    """Rules 7, 23: 3 of 5 close; flat, the next sale opens a short of 5."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 3  NO_FLIP
        60   ACCEPTED   A  sell 3
        60   FILLED     A  sell 3 @ 100
        120  SUBMITTED  A  sell 5
        120  ACCEPTED   A  sell 5
        120  FILLED     A  sell 5 @ 100
        """,
        """
        0  sell 5 A
        1  sell 5 A
        """,
        **SHORTABLE,
    )


def test_order_crosses_zero_where_it_may():
    """Rules 7, 23: `can_flip`: 3 close and 2 open in one order."""
    played = check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        60   FILLED     A  sell 5 @ 100
        """,
        "0  sell 5 A",
        can_flip=True,
        **SHORTABLE,
    )
    assert played.position == [-2.0]


def test_second_sale_at_one_decision_finds_only_what_the_first_left():
    """Rules 7, 23: 2 of the 3 are on their way to be sold: 1 is left, then none."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 2
        60   SUBMITTED  A  sell 1  NOT_SHORTABLE
        60   DENIED     A  sell 2  NOT_SHORTABLE
        60   ACCEPTED   A  sell 2
        60   FILLED     A  sell 2 @ 100
        60   ACCEPTED   A  sell 1
        60   FILLED     A  sell 1 @ 100
        """,
        """
        0  sell 2 A
        0  sell 2 A
        0  sell 2 A
        """,
        venue_qty=3,
        local_qty=3,
    )


def test_two_instruments_contend_for_cash_in_the_order_asked():
    """Rules 7, 17, 23: B takes 600 of 1000, A gets 4 of 6; a third finds nothing and is denied at once."""
    check_table(
        """
        100 100 100 100 9   . | 100 100 100 100 9   .
        100 100 100 100 9   . | 100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  B  buy 6
        60   SUBMITTED  A  buy 4  BUYING_POWER
        60   DENIED     B  buy 1  BUYING_POWER
        60   ACCEPTED   A  buy 4
        60   FILLED     A  buy 4 @ 100
        60   ACCEPTED   B  buy 6
        60   FILLED     B  buy 6 @ 100
        """,
        """
        0  buy 6 B
        0  buy 6 A
        0  buy 1 B
        """,
    )


def test_two_instruments_contend_for_cash_at_the_venue():
    """Rules 7, 14: sent for 500 each, they arrive when each is worth 600: A, the lower index, takes 600; B needs 600 of
    the 400 that are left.
    """
    check_table(
        """
        100 100 100 100 9   . | 100 100 100 100 9   .
        100 120 100 120 9   . | 100 120 100 120 9   .
        120 120 120 120 9   . | 120 120 120 120 9   .
        """,
        """
        60   SUBMITTED  B  buy 5
        60   SUBMITTED  A  buy 5
        150  ACCEPTED   A  buy 5
        150  FILLED     A  buy 5 @ 120
        150  REJECTED   B  buy 5  INSUFFICIENT_FUNDS
        """,
        """
        0  buy 5 B
        0  buy 5 A
        """,
        entry_ms=90_000,
    )


def test_limit_order_reserves_its_own_price():
    """Rules 7, 23: 11 × 90 = 990 of 1000, where 10 × 100 would be the most at market. Of the next, 10 / 90 is below a
    step.
    """
    check_table(
        "100 100 100 100 9   .",
        """
        60   SUBMITTED  A  buy 11 @ 90
        60   DENIED     A  buy 1  BUYING_POWER
        60   CANCELED   A  buy 11  END_OF_RUN
        """,
        """
        0  buy 11 A limit 90
        0  buy 1 A limit 90
        """,
        step="1",
    )


def test_requests_come_before_the_targets_of_their_decision():
    """Rules 6, 23: 4 × 90 = 360 are reserved by the request. The target of 10 units counts its 4 and needs 6; what is
    left pays for 6.4.
    """
    check_table(
        """
        100 100 100 100 9   1
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 4 @ 90  order 0
        60   SUBMITTED  A  buy 6 @ 0   order 1
        60   ACCEPTED   A  buy 4       order 0
        60   ACCEPTED   A  buy 6       order 1
        60   FILLED     A  buy 6 @ 100  order 1
        120  CANCELED   A  buy 4  END_OF_RUN  order 0
        """,
        "0  buy 4 A limit 90",
        step="1",
    )


def test_target_cancels_the_order_of_a_strategy_that_is_too_much():
    """Rules 6, 23: 1 unit is wanted and 2 are on order: the order goes; once that is known 1 is bought."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   0.1
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 2  order 0
        60   ACCEPTED   A  buy 2  order 0
        120  CANCELED   A  buy 2  TARGET_CHANGED  order 0
        180  SUBMITTED  A  buy 1  order 1
        180  ACCEPTED   A  buy 1  order 1
        180  FILLED     A  buy 1 @ 100  order 1
        """,
        "0  buy 2 A limit 90",
        tick="1",
    )


def test_target_leaves_reduce_only_orders_alone():
    """Rules 6, 23: 3 are held and 3 wanted: the order that may only reduce does not count as live, and stays."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   0.3
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 3
        60   ACCEPTED   A  sell 3
        180  CANCELED   A  sell 3  END_OF_RUN
        """,
        "0  sell 3 A limit 110 reduce",
        cash=700,
        tick="1",
        venue_qty=3,
        local_qty=3,
    )


def test_legs_take_no_token_of_the_order_rate():
    """Rules 17, 24: two orders a minute: a bracket is one, a second order goes, a third is denied."""
    check_table(
        "100 100 100 100 9   .",
        """
        60   SUBMITTED  A  buy 1   order 0
        60   SUBMITTED  A  sell 1  order 1
        60   SUBMITTED  A  sell 1  order 2
        60   SUBMITTED  A  buy 1   order 3
        60   DENIED     A  buy 1   ORDER_RATE
        60   CANCELED   A  buy 1   END_OF_RUN  order 0
        60   CANCELED   A  sell 1  END_OF_RUN  order 1
        60   CANCELED   A  sell 1  END_OF_RUN  order 2
        60   CANCELED   A  buy 1   END_OF_RUN  order 3
        """,
        """
        0  buy 1 A stop-loss 95 take-profit 110
        0  buy 1 A
        0  buy 1 A
        """,
        max_orders_per_minute=2,
    )


def test_order_that_arrives_after_the_next_bar_is_matched_in_the_bar_after():
    """Rules 3, 10: 90 s of latency. The low of 94 in the second bar is before its time; in the third it is through at
    50 s.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        150  ACCEPTED   A  buy 2
        230  FILLED     A  buy 2 @ 95
        """,
        "0  buy 2 A limit 95",
        tick="1",
        entry_ms=90_000,
    )
