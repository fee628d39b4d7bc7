"""How long an order lives: one try, whole or not at all, the session, a given time, and what beats its end."""

from __future__ import annotations

from keel.domain.orders import TimeInForce

from .candles import check_table

FRIDAY = 4 * 1440
"""The minute of the week at which a Friday begins."""


def test_ioc_limit_that_cannot_trade_at_once_is_cancelled():
    """Rule 10: 100 is above 95; that the price comes to 94 within the bar does not help."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        60   CANCELED   A  buy 2  IMMEDIATE_OR_CANCEL
        """,
        "0  buy 2 A limit 95 ioc",
        tick="1",
    )


def test_ioc_limit_takes_what_there_is_and_ends():
    """Rules 10, 12: half of 4 is 2."""
    check_table(
        """
        100 100 100 100 4   .
        100 100 100 100 4   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 2 @ 100  taker
        60   CANCELED   A  buy 3  IMMEDIATE_OR_CANCEL
        """,
        "0  buy 5 A limit 105 ioc",
        max_participation=0.5,
    )


def test_fok_order_that_can_be_filled_whole_is():
    """Rules 3, 12: half of 10 is 5."""
    check_table(
        """
        100 100 100 100 10   .
        100 100 100 100 10   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        """,
        "0  buy 5 A fok",
        max_participation=0.5,
    )


def test_fok_order_that_can_only_be_filled_in_part_is_not_filled():
    """Rules 3, 12: half of 8 is 4, one short of 5."""
    check_table(
        """
        100 100 100 100 8   .
        100 100 100 100 8   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   CANCELED   A  buy 5  FILL_OR_KILL
        """,
        "0  buy 5 A fok",
        max_participation=0.5,
    )


def test_fok_limit_that_cannot_trade_at_once_is_cancelled():
    """Rule 10: it does not rest."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        60   CANCELED   A  buy 2  FILL_OR_KILL
        """,
        "0  buy 2 A limit 95 fok",
        tick="1",
    )


def test_fok_order_kept_for_a_later_bar_is_tried_there():
    """Rules 2, 3: A has no bar when the order arrives; its first match is at the next opening."""
    check_table(
        """
        100 100 100 100 9   . | 50 50 50 50 9   .
        -                   . | 50 50 50 50 9   .
        101 101 101 101 9   . | 50 50 50 50 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        120  FILLED     A  buy 2 @ 101
        """,
        "0  buy 2 A fok",
    )


def test_fok_target_that_cannot_be_filled_whole_ends_the_matter():
    """Rules 3, 17: 9 are wanted, half of 8 is 4: nothing is bought, and under `on_change` nothing is tried again."""
    check_table(
        """
        100 100 100 100 8   0.9
        100 100 100 100 8   0.9
        100 100 100 100 8   .
        """,
        """
        60   SUBMITTED  A  buy 9
        60   ACCEPTED   A  buy 9
        60   CANCELED   A  buy 9  FILL_OR_KILL
        """,
        max_participation=0.5,
        time_in_force=TimeInForce.FOK,
    )


def test_day_limit_expires_at_the_end_of_the_session():
    """Rule 3: the second row ends the day."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        120  EXPIRED    A  buy 2  SESSION_END
        """,
        "0  buy 2 A limit 95 day",
        tick="1",
        days=[0, 0, 1],
    )


def test_last_price_of_the_session_still_fills_a_day_order():
    """Rules 10, 14: 100 → 94 in a straight line: 94 is the close. It counts as the bar's last millisecond."""
    check_table(
        """
        100 100 100 100 9   .
        100 100  94  94 9   .
        100 100 100 100 9   .
        """,
        """
        60       SUBMITTED  A  buy 2
        60       ACCEPTED   A  buy 2
        119.999  FILLED     A  buy 2 @ 95
        """,
        "0  buy 2 A limit 95 day",
        tick="1",
        days=[0, 0, 1],
    )


def test_day_order_on_a_half_day_expires_at_the_early_close():
    """Rules 1, 3: New York, Friday 28 November 2025, closes at 13:00, 18:00 UTC. The order decided at 17:00 ends there
    and not at 21:00. One decided at the early close arrives at a closed market: it lives through Monday's session.

    Times count from Friday 00:00 UTC; Monday's 14:30 is 86:30.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        17:00  SUBMITTED  A  buy 2  order 0
        17:00  ACCEPTED   A  buy 2  order 0
        18:00  EXPIRED    A  buy 2  SESSION_END  order 0
        18:00  SUBMITTED  A  buy 2  order 1
        18:00  ACCEPTED   A  buy 2  order 1
        88:30  EXPIRED    A  buy 2  SESSION_END  order 1
        """,
        """
        0  buy 2 A limit 95 day
        1  buy 2 A limit 95 day
        """,
        tick="1",
        row_s=3600,
        opens=["16:00", "17:00", "86:30", "87:30"],
        days=[0, 0, 3, 3],
        last_row_ends_day=True,
    )


def test_day_orders_follow_the_clock_over_a_daylight_saving_change():
    """Rules 1, 3: New York puts its clocks forward on Sunday 9 March 2025: Friday's session ends at 21:00 UTC, Monday's
    at 20:00 UTC, both at 16:00 in New York. Times count from Friday 00:00 UTC; Monday's 20:00 is 92:00.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        20:00  SUBMITTED  A  buy 2  order 0
        20:00  ACCEPTED   A  buy 2  order 0
        21:00  EXPIRED    A  buy 2  SESSION_END  order 0
        91:00  SUBMITTED  A  buy 2  order 1
        91:00  ACCEPTED   A  buy 2  order 1
        92:00  EXPIRED    A  buy 2  SESSION_END  order 1
        """,
        """
        0  buy 2 A limit 95 day
        2  buy 2 A limit 95 day
        """,
        tick="1",
        row_s=3600,
        opens=["19:00", "20:00", "90:00", "91:00", "109:30"],
        days=[0, 0, 3, 3, 4],
    )


def test_hour_of_the_week_follows_the_clock_over_a_daylight_saving_change():
    """Rules 4, 11: the spread is 1 % in the first trading hour of New York, 9 h to 10 h local: on Friday from 14:30
    UTC, on Monday, after the change, from 13:30 UTC (85:30): both fills pay 101.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        14:30  SUBMITTED  A  buy 1
        14:30  ACCEPTED   A  buy 1
        14:30  FILLED     A  buy 1 @ 101
        15:30  SUBMITTED  A  buy 1
        15:30  ACCEPTED   A  buy 1
        85:30  FILLED     A  buy 1 @ 101
        """,
        """
        0  buy 1 A
        1  buy 1 A
        """,
        row_s=3600,
        opens=["13:30", "14:30", "85:30", "86:30"],
        days=[0, 0, 3, 3],
        minute_of_week=[FRIDAY + 8 * 60 + 30, FRIDAY + 9 * 60 + 30, 9 * 60 + 30, 10 * 60 + 30],
        half_spread_bps=100,
        spread_by_hour=dict.fromkeys(range(168), 0.0) | {9: 1.0, 4 * 24 + 9: 1.0},
    )


def test_gtd_order_expires_within_the_bar():
    """Rule 3: at 90 s; the price of 94 at 110 s comes too late."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        90   EXPIRED    A  buy 2  GOOD_TILL_DATE
        """,
        "0  buy 2 A limit 95 gtd 90",
        tick="1",
    )


def test_fill_at_the_moment_of_expiry_wins():
    """Rule 14: at one time an order is filled before it expires: 94 is reached at 50 s, the order lives until then."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        110  FILLED     A  buy 2 @ 95
        """,
        "0  buy 2 A limit 95 gtd 110",
        tick="1",
    )


def test_gtd_order_expires_while_the_market_is_closed():
    """Rule 3: no bar from 120 s to 300 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        90   90  90  90 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        200  EXPIRED    A  buy 2  GOOD_TILL_DATE
        """,
        "0  buy 2 A limit 95 gtd 200",
        tick="1",
        opens=[0, 60, 300],
    )


def test_gtd_order_that_arrives_after_its_time_gets_one_look():
    """Rules 3, 14: it lives until 70 s and arrives at 75 s: it is looked at, cannot trade, and expires."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        75   ACCEPTED   A  buy 2
        75   EXPIRED    A  buy 2  GOOD_TILL_DATE
        """,
        "0  buy 2 A limit 95 gtd 70",
        tick="1",
        entry_ms=15_000,
    )


def test_gtd_stop_expires_with_what_it_has_not_sold():
    """Rules 3, 10, 12: triggered at 105 s; half of 8 × 1/4 is 1. The other 4 live until 119 s."""
    check_table(
        """
        100 100 100 100 8   .
        100 102  94  96 8   .
        96   96  96  96 8   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        105  TRIGGERED  A  sell 5 @ 95
        105  FILLED     A  sell 1 @ 95
        119  EXPIRED    A  sell 4  GOOD_TILL_DATE
        """,
        "0  sell 5 A stop 95 gtd 119",
        tick="1",
        step="1",
        max_participation=0.5,
        venue_qty=5,
        local_qty=5,
    )
