"""Pairs of which one cancels the other, and orders that may only reduce a position."""

from __future__ import annotations

import pytest

from keel.domain.orders import PriceModel

from .candles import check_table

LONG = {"venue_qty": 4, "local_qty": 4, "tick": "1"}
STOP = "0  sell 4 A stop 95 reduce pair p"
TAKE = "0  sell 4 A limit 105 reduce pair p"


@pytest.mark.parametrize(("first", "second", "stop", "take"), [(STOP, TAKE, 0, 1), (TAKE, STOP, 1, 0)])
def test_stop_and_take_profit_in_one_bar_resolve_against_us(first, second, stop, take):
    """Rules 10, 24: 100 → 106 → 92 → 96 is 24 long and reaches 106, a tick through the limit, at 6, before 95 at 6 + 11
    = 17: 42.5 s. The limit is not reached as long as the stop will be, whichever was sent first. Once the stop has sold
    4, nothing is left of its partner.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 106  92  96 9   .
        """,
        f"""
        60     SUBMITTED  A  sell 4  order 0
        60     SUBMITTED  A  sell 4  order 1
        60     ACCEPTED   A  sell 4  order 0
        60     ACCEPTED   A  sell 4  order 1
        162.5  TRIGGERED  A  sell 4 @ 95  order {stop}
        162.5  FILLED     A  sell 4 @ 95  order {stop}
        162.5  CANCELED   A  sell 0  LINKED_FILL  order {take}
        """,
        f"{first}\n{second}",
        **LONG,
    )


@pytest.mark.parametrize(("first", "second", "stop", "take"), [(STOP, TAKE, 0, 1), (TAKE, STOP, 1, 0)])
def test_stop_and_take_profit_resolve_against_us_in_the_bar_of_their_arrival(first, second, stop, take):
    """Rules 10, 24: the same bar. Sent first, the limit is looked at before its partner is there, and again at 15 s,
    when 106 comes: by then the stop is known to be reached in the bar.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 106  92  96 9   .
        """,
        f"""
        60     SUBMITTED  A  sell 4  order 0
        60     SUBMITTED  A  sell 4  order 1
        60     ACCEPTED   A  sell 4  order 0
        60     ACCEPTED   A  sell 4  order 1
        102.5  TRIGGERED  A  sell 4 @ 95  order {stop}
        102.5  FILLED     A  sell 4 @ 95  order {stop}
        102.5  CANCELED   A  sell 0  LINKED_FILL  order {take}
        """,
        f"{first}\n{second}",
        **LONG,
    )


def test_trailing_stop_and_take_profit_in_one_bar_resolve_against_us():
    """Rules 10, 24: 100 → 112 → 86 → 96 is 48 long, 1.25 s a unit. 109 is there at 9, but the stop 5 below the high,
    107, is reached as well, at 12 + 5 = 17: 21.25 s. So the take-profit order waits.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 112  86  96 9   .
        """,
        """
        60     SUBMITTED  A  sell 4  order 0
        60     SUBMITTED  A  sell 4  order 1
        60     ACCEPTED   A  sell 4  order 0
        60     ACCEPTED   A  sell 4  order 1
        81.25  TRIGGERED  A  sell 4 @ 107  order 0
        81.25  FILLED     A  sell 4 @ 107  order 0
        81.25  CANCELED   A  sell 0  LINKED_FILL  order 1
        """,
        """
        0  sell 4 A trail 5 reduce pair p
        0  sell 4 A touch 109 reduce pair p
        """,
        **LONG,
    )


def test_finer_bars_decide_between_stop_and_take_profit():
    """Rules 10, 24: the first finer bar rises by 8 in 30 s: 106 at 6: 22.5 s. The fall comes after it."""
    check_table(
        """
        100 100 100 100 9   .
        100 108  92  96 9   .
        """,
        """
        60    SUBMITTED  A  sell 4  order 0
        60    SUBMITTED  A  sell 4  order 1
        60    ACCEPTED   A  sell 4  order 0
        60    ACCEPTED   A  sell 4  order 1
        82.5  FILLED     A  sell 4 @ 105  order 1  maker
        82.5  CANCELED   A  sell 0  LINKED_FILL  order 0
        """,
        f"{STOP}\n{TAKE}",
        price_model=PriceModel.REFERENCE,
        fine="""
        60   90  100 108 100 108
        90  120  108 108  92  96
        """,
        **LONG,
    )


def test_take_profit_that_can_trade_at_the_open_does_so_although_the_stop_is_in_the_bar():
    """Rule 10: the open of 106 is there before anything else; only what waits for the rest of the bar is resolved
    against us.
    """
    check_table(
        """
        100 100 100 100 9   .
        106 107  90  92 9   .
        """,
        """
        60   SUBMITTED  A  sell 4  order 0
        60   SUBMITTED  A  sell 4  order 1
        60   ACCEPTED   A  sell 4  order 0
        60   ACCEPTED   A  sell 4  order 1
        60   FILLED     A  sell 4 @ 106  order 1  taker
        60   CANCELED   A  sell 0  LINKED_FILL  order 0
        """,
        f"{STOP}\n{TAKE}",
        **LONG,
    )


def test_partial_fill_of_one_partner_lowers_the_other():
    """Rules 12, 24: 100 → 98 → 106 → 104: the limit is reached at 10 of 12, 50 s; half of 24 × 1/6 is 2. The stop is
    then for 2: 98 → 94 reaches 95 at 3 of 4, 45 s. After it nothing is left of the limit order, either.
    """
    check_table(
        """
        100 100 100 100 24   .
        100 106  98 104 24   .
        98   98  94  94 24   .
        """,
        """
        60   SUBMITTED  A  sell 4  order 0
        60   SUBMITTED  A  sell 4  order 1
        60   ACCEPTED   A  sell 4  order 0
        60   ACCEPTED   A  sell 4  order 1
        110  FILLED     A  sell 2 @ 105  order 1
        165  TRIGGERED  A  sell 2 @ 95   order 0
        165  FILLED     A  sell 2 @ 95   order 0
        165  CANCELED   A  sell 0  LINKED_FILL  order 1
        """,
        f"{STOP}\n{TAKE}",
        step="1",
        max_participation=0.5,
        **LONG,
    )


def test_entry_by_one_of_two_partners_cancels_the_other():
    """Rules 10, 24: a buy at 95 or a break-out above 105. 100 → 98 → 106 → 104 reaches 105 at 2 + 7 = 9 of 12: 45 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 106  98 104 9   .
        """,
        """
        60   SUBMITTED  A  buy 2  order 0
        60   SUBMITTED  A  buy 2  order 1
        60   ACCEPTED   A  buy 2  order 0
        60   ACCEPTED   A  buy 2  order 1
        105  TRIGGERED  A  buy 2 @ 105  order 1
        105  FILLED     A  buy 2 @ 105  order 1
        105  CANCELED   A  buy 0  LINKED_FILL  order 0
        """,
        """
        0  buy 2 A limit 95 pair p
        0  buy 2 A stop 105 pair p
        """,
        tick="1",
    )


def test_partner_locks_no_cash_at_the_venue():
    """Rules 7, 24: when sent 2 × 100 + 4 × 90 + 4 × 110 = 1000 are reserved. At 150 s 2 cost 212 and leave 788. The
    stop needs 440: with the 360 of its partner locked only 428 would be left.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 106 100 106 9   .
        106 107 105 106 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   SUBMITTED  A  buy 4
        60   SUBMITTED  A  buy 4
        150  ACCEPTED   A  buy 2
        150  FILLED     A  buy 2 @ 106
        150  ACCEPTED   A  buy 4
        150  ACCEPTED   A  buy 4
        180  CANCELED   A  buy 4  END_OF_RUN
        180  CANCELED   A  buy 4  END_OF_RUN
        """,
        """
        0  buy 2 A
        0  buy 4 A limit 90 pair p
        0  buy 4 A stop 110 pair p
        """,
        tick="1",
        entry_ms=90_000,
    )


def test_cash_of_two_orders_that_are_no_partners_is_locked_twice():
    """Rule 7: the same orders without the pair: 440 > 788 - 360 = 428."""
    check_table(
        """
        100 100 100 100 9   .
        100 106 100 106 9   .
        106 107 105 106 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   SUBMITTED  A  buy 4
        60   SUBMITTED  A  buy 4
        150  ACCEPTED   A  buy 2
        150  FILLED     A  buy 2 @ 106
        150  ACCEPTED   A  buy 4
        150  REJECTED   A  buy 4  INSUFFICIENT_FUNDS
        180  CANCELED   A  buy 4  END_OF_RUN
        """,
        """
        0  buy 2 A
        0  buy 4 A limit 90
        0  buy 4 A stop 110
        """,
        tick="1",
        entry_ms=90_000,
    )


def test_cancel_of_one_partner_leaves_the_other():
    """Rules 6, 24: only matches lower a partner. The limit is cancelled, the stop reached in the third bar, at 45 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  sell 4  order 0
        60   SUBMITTED  A  sell 4  order 1
        60   ACCEPTED   A  sell 4  order 0
        60   ACCEPTED   A  sell 4  order 1
        120  CANCELED   A  sell 4  CLIENT_REQUEST  order 1
        165  TRIGGERED  A  sell 4 @ 95  order 0
        165  FILLED     A  sell 4 @ 95  order 0
        """,
        f"""
        {STOP}
        {TAKE} as take
        1  cancel take
        """,
        **LONG,
    )


def test_reduce_only_order_sells_no_more_than_is_held():
    """Rules 12, 24: 4 of 6; then nothing is left to reduce."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 6
        60   ACCEPTED   A  sell 6
        60   FILLED     A  sell 4 @ 100
        60   CANCELED   A  sell 2  REDUCE_ONLY
        """,
        "0  sell 6 A reduce",
        **LONG,
    )


def test_reduce_only_order_without_a_position_is_rejected():
    """Rule 7: reducible = 0 at its arrival."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 6
        60   REJECTED   A  sell 6  REDUCE_ONLY
        """,
        "0  sell 6 A reduce",
    )


def test_reduce_only_buy_against_a_long_position_is_rejected():
    """Rules 7, 12: a buy reduces a short, and there is none."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   REJECTED   A  buy 2  REDUCE_ONLY
        """,
        "0  buy 2 A reduce",
        **LONG,
    )


def test_resting_reduce_only_order_is_cancelled_once_the_position_is_closed():
    """Rules 7, 24: it locks nothing, so the market order may sell the same 4; that closes the position at 120 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 4  order 0
        60   ACCEPTED   A  sell 4  order 0
        120  SUBMITTED  A  sell 4  order 1
        120  ACCEPTED   A  sell 4  order 1
        120  FILLED     A  sell 4 @ 100  order 1
        120  CANCELED   A  sell 4  REDUCE_ONLY  order 0
        """,
        """
        0  sell 4 A limit 110 reduce
        1  sell 4 A
        """,
        **LONG,
    )


def test_resting_reduce_only_order_sells_what_is_left_of_the_position():
    """Rules 12, 24: 3 of 4 are sold before. 100 → 98 → 106 → 104 goes through 105 at 50 s: 1 is left, and sold."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 106  98 104 9   .
        """,
        """
        60   SUBMITTED  A  sell 4  order 0
        60   ACCEPTED   A  sell 4  order 0
        120  SUBMITTED  A  sell 3  order 1
        120  ACCEPTED   A  sell 3  order 1
        120  FILLED     A  sell 3 @ 100  order 1
        170  FILLED     A  sell 1 @ 105  order 0
        170  CANCELED   A  sell 3  REDUCE_ONLY  order 0
        """,
        """
        0  sell 4 A limit 105 reduce
        1  sell 3 A
        """,
        **LONG,
    )
