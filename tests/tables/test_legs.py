"""Stop-losses and take-profits sent with an order: held until it fills, grown with it, ended with it."""

from __future__ import annotations

from .candles import check_table

BRACKET = "0  buy 5 A stop-loss 95 take-profit 110 as x"


def test_stop_loss_of_a_bracket_ends_the_position_and_the_take_profit():
    """Rules 10, 24: active at 60 s; 100 → 102 → 94 → 96 reaches 95 at 9 of 12: 45 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0  MARKET
        60   SUBMITTED  A  sell 5  order 1  STOP   @ 0    ref 95
        60   SUBMITTED  A  sell 5  order 2  LIMIT  @ 110  ref 0
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   ACCEPTED   A  sell 5  order 2
        60   FILLED     A  buy 5 @ 100  order 0
        105  TRIGGERED  A  sell 5 @ 95  order 1
        105  FILLED     A  sell 5 @ 95  order 1
        105  CANCELED   A  sell 0  LINKED_FILL  order 2
        """,
        BRACKET,
        tick="1",
    )


def test_take_profit_of_a_bracket_ends_the_position_and_the_stop_loss():
    """Rules 10, 24: 100 → 98 → 112 → 108 is 20 long; 111 is at 2 + 13 = 15: 45 s. It rests: the maker fee."""
    check_table(
        """
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
        60   FILLED     A  buy 5 @ 100   order 0  fee 0.5
        105  FILLED     A  sell 5 @ 110  order 2  fee 0.11  maker
        105  CANCELED   A  sell 0  LINKED_FILL  order 1
        """,
        BRACKET,
        tick="1",
        fee_bps=10,
        maker_bps=2,
    )


def test_bracket_with_both_prices_in_the_bar_of_its_entry_resolves_against_us():
    """Rules 10, 24: 100 → 112 → 80 → 96 is 60 long and reaches 111 first. 95 is at 12 + 17 = 29: 29 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 112  80  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   SUBMITTED  A  sell 5  order 2
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   ACCEPTED   A  sell 5  order 2
        60   FILLED     A  buy 5 @ 100  order 0
        89   TRIGGERED  A  sell 5 @ 95  order 1
        89   FILLED     A  sell 5 @ 95  order 1
        89   CANCELED   A  sell 0  LINKED_FILL  order 2
        """,
        BRACKET,
        tick="1",
    )


def test_legs_become_active_with_a_partial_fill_and_grow():
    """Rules 12, 24: half of 4 fills at 60 s, the third unit at 120 s. The stop is then for 3: 98 → 94 reaches 95 at 3
    of 4: 45 s.
    """
    check_table(
        """
        100 100 100 100   4   .
        100 100 100 100   4   .
        100 100 100 100   4   .
        98   98  94  94 400   .
        """,
        """
        60   SUBMITTED  A  buy 3   order 0
        60   SUBMITTED  A  sell 3  order 1
        60   SUBMITTED  A  sell 3  order 2
        60   ACCEPTED   A  buy 3   order 0
        60   ACCEPTED   A  sell 3  order 1
        60   ACCEPTED   A  sell 3  order 2
        60   FILLED     A  buy 2 @ 100  order 0
        120  FILLED     A  buy 1 @ 100  order 0
        225  TRIGGERED  A  sell 3 @ 95  order 1
        225  FILLED     A  sell 3 @ 95  order 1
        225  CANCELED   A  sell 0  LINKED_FILL  order 2
        """,
        "0  buy 3 A stop-loss 95 take-profit 110",
        tick="1",
        step="1",
        max_participation=0.5,
    )


def test_leg_of_a_partly_filled_order_sells_only_what_was_bought():
    """Rules 12, 24: half of 4 fills at 60 s; the rest of the order is cancelled by 120 s. The stop is for 2."""
    check_table(
        """
        100 100 100 100   4   .
        100 100 100 100   4   .
        98   98  94  94 400   .
        """,
        """
        60   SUBMITTED  A  buy 3   order 0
        60   SUBMITTED  A  sell 3  order 1
        60   ACCEPTED   A  buy 3   order 0
        60   ACCEPTED   A  sell 3  order 1
        60   FILLED     A  buy 2 @ 100  order 0
        60   CANCELED   A  buy 1  IMMEDIATE_OR_CANCEL  order 0
        165  TRIGGERED  A  sell 2 @ 95  order 1
        165  FILLED     A  sell 2 @ 95  order 1
        """,
        "0  buy 3 A ioc stop-loss 95",
        tick="1",
        step="1",
        max_participation=0.5,
    )


def test_leg_is_active_from_the_moment_of_a_resting_fill():
    """Rules 10, 24: 100 → 102 → 90 → 92 is 16 long, 3.75 s a unit. The buy at 95 fills at 94: 10, 37.5 s. From there on
    the stop at 93 is reached at 11: 41.25 s; what came before it was active does not count.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 102  90  92 9   .
        """,
        """
        60      SUBMITTED  A  buy 5   order 0
        60      SUBMITTED  A  sell 5  order 1
        60      ACCEPTED   A  buy 5   order 0
        60      ACCEPTED   A  sell 5  order 1
        97.5    FILLED     A  buy 5 @ 95   order 0  maker
        101.25  TRIGGERED  A  sell 5 @ 93  order 1
        101.25  FILLED     A  sell 5 @ 93  order 1
        """,
        "0  buy 5 A limit 95 stop-loss 93",
        tick="1",
    )


def test_take_profit_is_not_filled_by_a_high_before_its_entry():
    """Rules 10, 24: 100 → 106 → 92 → 96 is 24 long. The buy at 95 fills at 94: 6 + 12 = 18, 45 s; the high is over."""
    check_table(
        """
        100 100 100 100 9   .
        100 106  92  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        105  FILLED     A  buy 5 @ 95  order 0  maker
        120  CANCELED   A  sell 5  END_OF_RUN  order 1
        """,
        "0  buy 5 A limit 95 take-profit 104",
        tick="1",
    )


def test_stop_loss_moved_up_is_looked_at_again_in_the_same_bar():
    """Rules 10, 23, 24: the opening finds that 95 is reached at 165 s; the amend at the same time moves the trigger to
    97: 2 + 5 = 7 of 12: 35 s.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   SUBMITTED  A  sell 5  order 2
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   ACCEPTED   A  sell 5  order 2
        60   FILLED     A  buy 5 @ 100   order 0
        120  AMENDED    A  sell 5 @ 0  ref 97  order 1
        155  TRIGGERED  A  sell 5 @ 97  order 1
        155  FILLED     A  sell 5 @ 97  order 1
        155  CANCELED   A  sell 0  LINKED_FILL  order 2
        """,
        f"""
        {BRACKET}
        1  amend x.stop-loss trigger 97
        """,
        tick="1",
    )


def test_trailing_stop_loss_follows_from_its_entry_on():
    """Rules 10, 24: from 100 at 60 s; 100 → 106 → 92 → 96: 106 − 5 = 101 is reached at 11 of 24: 27.5 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 106  92  96 9   .
        """,
        """
        60    SUBMITTED  A  buy 5   order 0
        60    SUBMITTED  A  sell 5  order 1  TRAILING_STOP
        60    ACCEPTED   A  buy 5   order 0
        60    ACCEPTED   A  sell 5  order 1
        60    FILLED     A  buy 5 @ 100   order 0
        87.5  TRIGGERED  A  sell 5 @ 101  order 1
        87.5  FILLED     A  sell 5 @ 101  order 1
        """,
        "0  buy 5 A stop-loss-trail 5",
        tick="1",
    )


def test_order_that_only_closes_gets_no_legs():
    """Rule 24: nothing is opened by it (opening_qty = 0)."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        60   FILLED     A  sell 5 @ 100
        """,
        "0  sell 5 A stop-loss 105 take-profit 90",
        venue_qty=5,
        local_qty=5,
    )


def test_legs_of_a_flip_are_for_the_part_that_opens():
    """Rules 7, 24: 3 of the 8 sold close the long, 5 open a short, and the stop-loss is for these: 100 → 98 → 106 → 104
    reaches 105 at 9 of 12: 45 s.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 106  98 104 9   .
        """,
        """
        60   SUBMITTED  A  sell 8  order 0
        60   SUBMITTED  A  buy 5   order 1
        60   ACCEPTED   A  sell 8  order 0
        60   ACCEPTED   A  buy 5   order 1
        60   FILLED     A  sell 8 @ 100  order 0
        105  TRIGGERED  A  buy 5 @ 105   order 1
        105  FILLED     A  buy 5 @ 105   order 1
        """,
        "0  sell 8 A stop-loss 105",
        tick="1",
        venue_qty=3,
        local_qty=3,
        margin_account=True,
        shortable=True,
        can_flip=True,
    )
