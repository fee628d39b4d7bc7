"""Sizing at its edges: live orders beside a need, targets that ask for nothing, and sizes below one unit."""

from __future__ import annotations

import pytest

from keel.domain.orders import TimeInForce

from .candles import check_table

MARGIN = {"margin_account": True, "shortable": True}


def test_rounding_between_a_need_and_its_live_order_cancels_nothing():
    """Rule 6b: 0.1 is held, 0.8 wanted. The order of 0.7000000000000001 fills 0.2: 0.5000000000000001 is live, 0.5
    needed.
    """
    check_table(
        """
        100 100 100 100 9    0.08
        100 100 100 100 0.2  0.08
        100 100 100 100 9    .
        """,
        """
        60   SUBMITTED  A  buy 0.7
        60   ACCEPTED   A  buy 0.7
        60   FILLED     A  buy 0.2 @ 100
        120  FILLED     A  buy 0.5 @ 100
        """,
        venue_qty=0.1,
        local_qty=0.1,
        cash=990.0,
        every_bar=1,
        max_participation=1.0,
    )


def test_live_order_of_a_millionth_too_much_is_cancelled():
    """Rule 6b: 0.5 is live and 0.4999999 needed."""
    check_table(
        """
        100 100 100 100 9    0.08
        100 100 100 100 0.3  0.07999999
        100 100 100 100 0    .
        """,
        """
        60   SUBMITTED  A  buy 0.8
        60   ACCEPTED   A  buy 0.8
        60   FILLED     A  buy 0.3 @ 100
        120  CANCELED   A  buy 0.5  TARGET_CHANGED
        180  SUBMITTED  A  buy 0.4999999
        180  CANCELED   A  buy 0.4999999  END_OF_RUN
        """,
        max_participation=1.0,
    )


def test_live_order_of_exactly_the_most_there_may_be_stays():
    """Rule 6b: |live| is |d| × (1 + 1e-9) to the last bit: not above it. The 0.1 too many cannot be sold short."""
    assert 1e8 * (1.0 + 1e-9) == 100000000.10000001
    check_table(
        """
        1 1 1 1 9   .
        1 1 1 1 9   0.0001
        1 1 1 1 9   .
        """,
        """
        60   SUBMITTED  A  buy 100000000.10000001
        60   ACCEPTED   A  buy 100000000.10000001
        180  CANCELED   A  buy 100000000.10000001  END_OF_RUN
        """,
        "0  buy 100000000.10000001 A limit 0.5",
        tick="0.01",
        cash=1e12,
    )


def test_live_orders_that_outweigh_each_other_are_not_in_the_way():
    """Rule 6b: +5 and −5 are live, 0 together: neither of the wrong sign nor too much. 2 more are needed and sent."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   0.02
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        120  SUBMITTED  A  buy 2   order 2
        120  ACCEPTED   A  buy 2   order 2
        120  FILLED     A  buy 2 @ 100  order 2
        180  CANCELED   A  buy 5   END_OF_RUN
        180  CANCELED   A  sell 5  END_OF_RUN
        """,
        """
        0  buy 5 A limit 50
        0  sell 5 A limit 200
        """,
        tick="1",
        cash=10_000.0,
        **MARGIN,
    )


def test_target_that_is_reached_already_is_not_pursued_any_more():
    """Rule 6c: 5 are held and wanted, so that was it. What the strategy sells afterwards is not bought back."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        120  SUBMITTED  A  sell 2
        120  ACCEPTED   A  sell 2
        120  FILLED     A  sell 2 @ 100
        """,
        "1  sell 2 A",
        venue_qty=5,
        local_qty=5,
        cash=500.0,
    )
    assert played.position == [3]


def test_opening_leg_that_followed_a_closing_one_is_the_last():
    """Rules 7, 17: the close of 5 waits for the opening of 5. Of that the bar gives 2; the IOC rest is the end."""
    played = check_table(
        """
        100 100 100 100 9   -0.5
        100 100 100 100 9   .
        100 100 100 100 2   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        60   FILLED     A  sell 5 @ 100
        120  SUBMITTED  A  sell 5
        120  ACCEPTED   A  sell 5
        120  FILLED     A  sell 2 @ 100
        120  CANCELED   A  sell 3  IMMEDIATE_OR_CANCEL
        """,
        venue_qty=5,
        local_qty=5,
        cash=500.0,
        max_participation=1.0,
        time_in_force=TimeInForce.IOC,
        **MARGIN,
    )
    assert played.position == [-2]


def test_less_than_a_unit_does_not_cross_zero_either():
    """Rule 7: 0.5 long, 0.5 short wanted: the close alone, then the opening."""
    check_table(
        """
        100 100 100 100 9   -0.05
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 0.5
        60   ACCEPTED   A  sell 0.5
        60   FILLED     A  sell 0.5 @ 100
        120  SUBMITTED  A  sell 0.5
        120  ACCEPTED   A  sell 0.5
        120  FILLED     A  sell 0.5 @ 100
        """,
        venue_qty=0.5,
        local_qty=0.5,
        cash=950.0,
        **MARGIN,
    )


@pytest.mark.parametrize("terms", ["", "reduce"])
def test_less_than_a_unit_cannot_be_sold_short(terms: str):
    """Rules 7, 23: 0.5 long, 0.75 to sell where nothing may be sold short: cut to what closes; a reduce-only order is
    the venue's to cut.
    """
    sent = "sell 0.75" if terms else "sell 0.5"
    reason = "" if terms else "NOT_SHORTABLE"
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        f"""
        60   SUBMITTED  A  {sent}  {reason}
        60   ACCEPTED   A  {sent}
        60   FILLED     A  sell 0.5 @ 100
        {"60   CANCELED   A  sell 0.25  REDUCE_ONLY" if terms else ""}
        """,
        f"0  sell 0.75 A {terms}",
        venue_qty=0.5,
        local_qty=0.5,
    )


def test_live_orders_beyond_what_is_held_leave_nothing_to_close():
    """Rules 7, 17: 5 long, 8 on sale: 3 of them open. 3 more open, too: 330 of the 570 that the first leaves free."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 8
        60   SUBMITTED  A  sell 3
        60   ACCEPTED   A  sell 8
        60   ACCEPTED   A  sell 3
        120  CANCELED   A  sell 8  END_OF_RUN
        120  CANCELED   A  sell 3  END_OF_RUN
        """,
        """
        0  sell 8 A limit 110
        0  sell 3 A limit 110
        """,
        venue_qty=5,
        local_qty=5,
        cash=900.0,
        can_flip=1,
        **MARGIN,
    )


def test_rounding_left_by_fills_is_no_position():
    """Rule 5: without a step 0.1 + 0.2 − 0.3 is 5.6e-17 in floating point: snapped to 0."""
    played = check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 0.1
        60   ACCEPTED   A  buy 0.1
        60   FILLED     A  buy 0.1 @ 100
        120  SUBMITTED  A  buy 0.2
        120  ACCEPTED   A  buy 0.2
        120  FILLED     A  buy 0.2 @ 100
        180  SUBMITTED  A  sell 0.3
        180  ACCEPTED   A  sell 0.3
        180  FILLED     A  sell 0.3 @ 100
        """,
        """
        0  buy 0.1 A
        1  buy 0.2 A
        2  sell 0.3 A
        """,
    )
    assert played.position == [0]
    assert played.simulator.account_view().average_price == [0]


def test_nothing_left_of_a_short_is_nothing_and_has_no_price():
    """Rule 25: 3 sold short are 0.3 after a split into a tenth: none on a step of 1, and not −0."""
    played = check_table(
        """
        100  100  100  100  9   .
        1000 1000 1000 1000 9   .
        """,
        """
        60  SPLIT  A  0 @ 1000  cash -300
        """,
        actions="60  A  split 0.1",
        step="1",
        venue_qty=-3,
        local_qty=-3,
        avg_price=120.0,
        cash=5000.0,
        **MARGIN,
    )
    (split,) = played.simulator.events
    assert str(split["qty"]) == "0.0"
    assert played.simulator.account_view().average_price == [0]


def test_short_target_is_denied_where_we_believe_in_no_position():
    """Rule 7: the venue holds 5; we do not know."""
    check_table(
        """
        100 100 100 100 9   -0.5
        100 100 100 100 9   .
        """,
        """
        60  DENIED  A  sell 5  NOT_SHORTABLE
        """,
        venue_qty=5,
        local_qty=0,
    )


def test_short_target_closes_what_we_believe_is_held():
    """Rule 7: the venue holds nothing and refuses; the target stays pursued, for its opening leg."""
    check_table(
        """
        100 100 100 100 9   -0.5
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   REJECTED   A  sell 5  INSUFFICIENT_POSITION
        120  SUBMITTED  A  sell 5
        120  CANCELED   A  sell 5  END_OF_RUN
        """,
        venue_qty=0,
        local_qty=5,
        cash=500.0,
    )
