"""The life of an order at the venue: partial fills, cancels, refusals."""

from __future__ import annotations

from .candles import check_table


def test_order_takes_its_part_of_each_bar_until_it_is_filled():
    """Rules 3, 12: a tenth of 20 is 2 a bar; what is left is matched at the next open."""
    check_table(
        """
        100 100 100 100 20   0.5
        101 101 101 101 20   .
        102 102 102 102 20   .
        103 103 103 103 20   .
        104 104 104 104 20   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 2 @ 101
        120  FILLED     A  buy 2 @ 102
        180  FILLED     A  buy 1 @ 103
        """,
        max_participation=0.1,
    )


def test_order_that_comes_late_in_a_bar_gets_the_part_that_is_left():
    """Rule 12: a quarter before the end: 20 × 0.5 × 1/4 = 2.5, floored to the step of 1; then 20 × 0.5 = 10 from the
    open.
    """
    check_table(
        """
        100 100 100 100 20   0.5
        100 100 100 100 20   .
        100 100 100 100 20   .
        """,
        """
        60   SUBMITTED  A  buy 5
        105  ACCEPTED   A  buy 5
        105  FILLED     A  buy 2 @ 100
        120  FILLED     A  buy 3 @ 100
        """,
        max_participation=0.5,
        entry_ms=45_000,
        step="1",
    )


def test_orders_share_a_bar_in_the_order_of_their_events():
    """Rules 6, 12, 14: 4 a bar. The first order rests 5 − 4 = 1; the target then asks for 4 more.

    In the third bar the rest of the first (id 0) is matched before the second arrives (id 1): 1, then the 3 that are
    left of the bar. The last unit takes the fourth.
    """
    check_table(
        """
        100 100 100 100 4   0.5
        100 100 100 100 4   0.9
        100 100 100 100 4   .
        100 100 100 100 4   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 4 @ 100
        120  SUBMITTED  A  buy 4
        120  FILLED     A  buy 1 @ 100
        120  ACCEPTED   A  buy 4
        120  FILLED     A  buy 3 @ 100
        180  FILLED     A  buy 1 @ 100
        """,
        max_participation=1.0,
        step="1",
    )


def test_bar_without_volume_fills_nothing():
    """Rule 12: neither a volume of 0 nor one that is not a number."""
    check_table(
        """
        100 100 100 100 9     0.5
        100 100 100 100 0     .
        100 100 100 100 nan   .
        101 101 101 101 9     .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        180  FILLED     A  buy 5 @ 101
        """,
        max_participation=1.0,
    )


def test_volume_does_not_matter_without_a_limit_on_participation():
    """Rule 12: with it off the whole order fills."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 0   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        """,
    )


def test_what_an_ioc_order_cannot_fill_at_once_is_cancelled():
    """Rule 12: 2 of 5, the other 3 end at the same moment."""
    check_table(
        """
        100 100 100 100 20   0.5
        100 100 100 100 20   .
        100 100 100 100 20   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 2 @ 100
        60   CANCELED   A  buy 3  IMMEDIATE_OR_CANCEL
        """,
        max_participation=0.1,
        time_in_force=1,
    )


def test_ioc_order_without_volume_is_cancelled_whole():
    """Rule 12."""
    check_table(
        """
        100 100 100 100 20   0.5
        100 100 100 100 0    .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   CANCELED   A  buy 5  IMMEDIATE_OR_CANCEL
        """,
        max_participation=0.1,
        time_in_force=1,
    )


def test_ioc_order_waits_for_the_first_bar_it_can_meet():
    """Rules 3, 12: `at once` is its first match: B's missing bar only delays it."""
    check_table(
        """
        100 100 100 100 9  .  |  50 50 50 50 9  0.25
        100 100 100 100 9  .  |  -               .
        100 100 100 100 9  .  |  50 50 50 50 2  .
        """,
        """
        60   SUBMITTED  B  buy 5
        60   ACCEPTED   B  buy 5
        120  FILLED     B  buy 2 @ 50
        120  CANCELED   B  buy 3  IMMEDIATE_OR_CANCEL
        """,
        max_participation=1.0,
        time_in_force=1,
    )


def test_cancel_that_races_a_fill_loses_at_the_same_instant():
    """Rules 6b, 12, 14: at 120 s the target turns to 0 while 3 rest: their cancel reaches the venue at 120 s, the open.

    The match at the same instant comes first: 2 more fill, 1 is cancelled. At 180 s all is known: 4 are sold, 2 a bar.
    """
    check_table(
        """
        100 100 100 100 2   0.5
        100 100 100 100 2   0
        100 100 100 100 2   .
        100 100 100 100 2   .
        100 100 100 100 2   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 2 @ 100
        120  FILLED     A  buy 2 @ 100
        120  CANCELED   A  buy 1  TARGET_CHANGED
        180  SUBMITTED  A  sell 4
        180  ACCEPTED   A  sell 4
        180  FILLED     A  sell 2 @ 100
        240  FILLED     A  sell 2 @ 100
        """,
        max_participation=1.0,
    )


def test_cancel_of_an_order_that_fills_meanwhile_does_nothing():
    """Rules 3, 6: the order arrives at 150 s and fills; its cancel, sent at 120 s, would arrive at 210 s.

    At 180 s the fill is known and the new target, 0, sells.
    """
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   0
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        150  ACCEPTED   A  buy 5
        150  FILLED     A  buy 5 @ 100
        180  SUBMITTED  A  sell 5
        270  ACCEPTED   A  sell 5
        270  FILLED     A  sell 5 @ 100
        """,
        entry_ms=90_000,
    )


def test_cancel_never_overtakes_its_order():
    """Rules 6, 13: the order takes 90 s from hour 0, its cancel none from hour 1: both arrive at 150 s, and the fill
    wins.
    """
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   0
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        150  ACCEPTED   A  buy 5
        150  FILLED     A  buy 5 @ 100
        180  SUBMITTED  A  sell 5
        180  ACCEPTED   A  sell 5
        180  FILLED     A  sell 5 @ 100
        """,
        minute_of_week=58,
        entry_ms=1000,
        latency_by_hour={0: 90.0, 1: 0.0},
    )


def test_cancel_takes_effect_while_the_market_is_closed():
    """Rule 6: B has no bar in the third row, but the cancel reaches the venue there, at 121 s."""
    check_table(
        """
        100 100 100 100 9  .  |  50 50 50 50 9  0.25
        100 100 100 100 9  .  |  50 50 50 50 0  0
        100 100 100 100 9  .  |  -              .
        100 100 100 100 9  .  |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  B  buy 5
        61   ACCEPTED   B  buy 5
        121  CANCELED   B  buy 5  TARGET_CHANGED
        """,
        max_participation=1.0,
        entry_ms=1000,
    )


def test_larger_target_adds_to_an_order_that_rests():
    """Rules 6, 7: 5 live, 8 wanted: 3 more are sent and nothing is cancelled. Both rest without volume, then fill in
    id order.
    """
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 0   0.8
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        120  SUBMITTED  A  buy 3
        120  FILLED     A  buy 5 @ 100
        120  ACCEPTED   A  buy 3
        120  FILLED     A  buy 3 @ 100
        """,
        max_participation=1.0,
    )


def test_smaller_target_cancels_an_order_that_exceeds_it_and_sends_the_rest_anew():
    """Rules 6a, 6b: 5 rest, 3 are wanted: all 5 are cancelled; when that is known, at 180 s, 3 are sent."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 0   0.3
        100 100 100 100 0   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        120  CANCELED   A  buy 5  TARGET_CHANGED
        180  SUBMITTED  A  buy 3
        180  ACCEPTED   A  buy 3
        180  FILLED     A  buy 3 @ 100
        """,
        max_participation=1.0,
    )


def test_nothing_is_sent_while_a_cancel_is_on_its_way():
    """Rules 6a, 6b: the cancel of 120 s arrives at 210 s; at 180 s the instrument waits; at 240 s 3 are sent."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 0   0.3
        100 100 100 100 0   .
        100 100 100 100 0   .
        100 100 100 100 0   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        150  ACCEPTED   A  buy 5
        210  CANCELED   A  buy 5  TARGET_CHANGED
        240  SUBMITTED  A  buy 3
        330  ACCEPTED   A  buy 3
        330  FILLED     A  buy 3 @ 100
        """,
        max_participation=1.0,
        entry_ms=90_000,
    )
