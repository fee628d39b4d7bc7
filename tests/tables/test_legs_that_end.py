"""Legs whose parent or position is over before they trade."""

from __future__ import annotations

from .candles import check_table

BRACKET = "0  buy 5 A stop-loss 95 take-profit 110 as x"


def test_legs_end_with_an_order_that_is_cancelled_before_a_fill():
    """Rules 6, 24: the parent ends first, then its legs."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   SUBMITTED  A  sell 5  order 2
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   ACCEPTED   A  sell 5  order 2
        120  CANCELED   A  buy 5   CLIENT_REQUEST  order 0
        120  CANCELED   A  sell 5  PARENT_ENDED  order 1
        120  CANCELED   A  sell 5  PARENT_ENDED  order 2
        """,
        """
        0  buy 5 A limit 90 stop-loss 85 take-profit 110 as x
        1  cancel x
        """,
        tick="1",
    )


def test_legs_end_with_an_order_that_expires_before_a_fill():
    """Rules 3, 24: GTD until 90 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        90   EXPIRED    A  buy 5   GOOD_TILL_DATE  order 0
        90   CANCELED   A  sell 5  PARENT_ENDED  order 1
        """,
        "0  buy 5 A limit 90 gtd 90 stop-loss 85",
        tick="1",
    )


def test_legs_end_with_an_order_whose_session_is_over():
    """Rules 3, 24: a DAY order at the close of its day."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        120  EXPIRED    A  buy 5   SESSION_END  order 0
        120  CANCELED   A  sell 5  PARENT_ENDED  order 1
        """,
        "0  buy 5 A limit 90 day stop-loss 85",
        tick="1",
        days=[0, 0, 1],
    )


def test_legs_end_with_an_order_that_is_not_filled_at_once():
    """Rules 10, 24: an IOC order that cannot trade."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   CANCELED   A  buy 5   IMMEDIATE_OR_CANCEL  order 0
        60   CANCELED   A  sell 5  PARENT_ENDED  order 1
        """,
        "0  buy 5 A limit 90 ioc stop-loss 85",
        tick="1",
    )


def test_legs_of_a_rejected_order_are_rejected():
    """Rules 7, 24: the order arrives when its 9 units are worth 1350, more than the cash of 1000."""
    check_table(
        """
        100 100 100 100 9   .
        100 150 100 150 9   .
        150 150 150 150 9   .
        """,
        """
        60   SUBMITTED  A  buy 9   order 0
        60   SUBMITTED  A  sell 9  order 1
        150  REJECTED   A  buy 9   INSUFFICIENT_FUNDS  order 0
        150  REJECTED   A  sell 9  PARENT_ENDED  order 1
        """,
        "0  buy 9 A stop-loss 95",
        tick="1",
        entry_ms=90_000,
    )


def test_cancelled_leg_leaves_the_other():
    """Rules 23, 24: without its stop-loss the position waits for the take-profit: 100 → 112 reaches 111 at 45 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 112  98 108 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   SUBMITTED  A  sell 5  order 2
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   ACCEPTED   A  sell 5  order 2
        60   FILLED     A  buy 5 @ 100   order 0
        120  CANCELED   A  sell 5  CLIENT_REQUEST  order 1
        165  FILLED     A  sell 5 @ 110  order 2
        """,
        f"""
        {BRACKET}
        1  cancel x.stop-loss
        """,
        tick="1",
    )


def test_legs_end_when_the_position_is_closed_by_another_order():
    """Rule 24: nothing left to reduce; the order that was matched is no partner of theirs."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   SUBMITTED  A  sell 5  order 2
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   ACCEPTED   A  sell 5  order 2
        60   FILLED     A  buy 5 @ 100   order 0
        120  SUBMITTED  A  sell 5  order 3
        120  ACCEPTED   A  sell 5  order 3
        120  FILLED     A  sell 5 @ 100  order 3
        120  CANCELED   A  sell 5  REDUCE_ONLY  order 1
        120  CANCELED   A  sell 5  REDUCE_ONLY  order 2
        """,
        f"""
        {BRACKET}
        1  sell 5 A
        """,
        tick="1",
    )
