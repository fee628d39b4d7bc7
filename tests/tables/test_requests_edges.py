"""Requests at their edges: less than a unit, what we believe is held, and which order is meant."""

from __future__ import annotations

import pytest

from .candles import check_table


@pytest.mark.parametrize(("held", "asked"), [("0.5", "0.75"), ("5", "8")])
def test_request_does_not_cross_zero_by_what_we_believe_is_held(held: str, asked: str):
    """Rules 7, 23: cut to what closes, to our knowledge; the venue holds none and opens it."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        f"""
        60  SUBMITTED  A  sell {held}  NO_FLIP
        60  ACCEPTED   A  sell {held}
        60  FILLED     A  sell {held} @ 100
        """,
        f"0  sell {asked} A",
        venue_qty=0,
        local_qty=float(held),
        margin_account=True,
        shortable=True,
    )


def test_each_leg_is_cancelled_by_its_own_name():
    """Rules 23, 24: first the take-profit, then the stop-loss; the target's order of B, without a name, goes on."""
    check_table(
        """
        100 100 100 100 9  .  | 100 100 100 100 9  0.2
        100 100 100 100 9  .  | 100 100 100 100 0  .
        100 100 100 100 9  .  | 100 100 100 100 0  .
        100 100 100 100 9  .  | 100 100 100 100 0  .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1  STOP
        60   SUBMITTED  A  sell 5  order 2  LIMIT
        60   SUBMITTED  B  buy 2   order 3
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   ACCEPTED   A  sell 5  order 2
        60   FILLED     A  buy 5 @ 100
        60   ACCEPTED   B  buy 2   order 3
        120  CANCELED   A  sell 5  order 2  CLIENT_REQUEST
        180  CANCELED   A  sell 5  order 1  CLIENT_REQUEST
        240  CANCELED   B  buy 2   order 3  END_OF_RUN
        """,
        """
        0  buy 5 A stop-loss 90 take-profit 110 as x
        1  cancel x.take-profit
        2  cancel x.stop-loss
        2  cancel x
        """,
        tick="1",
        max_participation=1.0,
    )


def test_cancel_of_a_leg_that_comes_with_its_parent_takes_effect_in_the_same_row():
    """Rules 4, 6, 13, 24: the order takes 80 s and arrives at 140 s. In the hour after, a cancel takes none, but cannot
    come before the order.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        140  ACCEPTED   A  buy 5   order 0
        140  ACCEPTED   A  sell 5  order 1
        140  CANCELED   A  sell 5  order 1  CLIENT_REQUEST
        180  CANCELED   A  buy 5   order 0  END_OF_RUN
        """,
        """
        0  buy 5 A limit 90 stop-loss 80 as x
        1  cancel x.stop-loss
        """,
        tick="1",
        entry_ms=40_000,
        minute_of_week=[58, 59, 60],
        latency_by_hour={0: 2.0, 1: 0.0},
    )
