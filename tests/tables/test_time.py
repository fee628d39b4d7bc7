"""When an order reaches the venue, and how long it lives there."""

from __future__ import annotations

from .candles import check_table


def test_order_decided_at_a_close_fills_at_the_next_open():
    """Rules 2, 3, 6, 9: decided at 60 s with 1000: 0.5 × 1000 / 100 = 5 units; they meet the open of the next bar.

    Equity: 1000; then 1000 − 5 × 110 = 450 in cash and 5 × 111 = 555 in units.
    """
    played = check_table(
        """
        100 100 100 100 9   0.5
        110 112 108 111 9   .
        """,
        """
        60  SUBMITTED  A  buy 5
        60  ACCEPTED   A  buy 5  known 60
        60  FILLED     A  buy 5 @ 110  ref 110  known 60
        """,
    )
    assert played.equity == [1000, 1005]
    assert played.cash == 450


def test_nothing_happens_on_the_row_that_decides_last():
    """Rules 3, 16: an order of the last close has no bar left to reach; it ends with the run at that close."""
    played = check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   0.5
        """,
        """
        120  SUBMITTED  A  buy 5
        120  CANCELED   A  buy 5  END_OF_RUN
        """,
    )
    assert played.equity == [1000, 1000]


def test_order_arrives_after_its_latency():
    """Rules 3, 9, 13: 250 ms after the close; the price model `open` still reads the open."""
    check_table(
        """
        100 100 100 100 9   0.5
        110 112 108 111 9   .
        """,
        """
        60     SUBMITTED  A  buy 5
        60.25  ACCEPTED   A  buy 5
        60.25  FILLED     A  buy 5 @ 110
        """,
        entry_ms=250,
    )


def test_latency_past_the_end_of_the_next_bar_fills_in_the_bar_after():
    """Rule 3: 60 + 90 = 150 s lies in the third row [120, 180), whose open is 120 per unit."""
    check_table(
        """
        100 100 100 100 9   0.5
        110 110 110 110 9   .
        120 120 120 120 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        150  ACCEPTED   A  buy 5
        150  FILLED     A  buy 5 @ 120
        """,
        entry_ms=90_000,
    )


def test_arrival_exactly_at_a_close_belongs_to_the_next_row():
    """Rule 3: 60 + 60 = 120 s is the close of the second row, so the third row takes the order, at its open."""
    check_table(
        """
        100 100 100 100 9   0.5
        110 110 110 110 9   .
        120 120 120 120 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        120  ACCEPTED   A  buy 5
        120  FILLED     A  buy 5 @ 120
        """,
        entry_ms=60_000,
    )


def test_arrival_a_millisecond_before_a_close_belongs_to_that_row():
    """Rule 3: 60 + 59.999 s is before the close of the second row."""
    check_table(
        """
        100 100 100 100 9   0.5
        110 110 110 110 9   .
        120 120 120 120 9   .
        """,
        """
        60       SUBMITTED  A  buy 5
        119.999  ACCEPTED   A  buy 5
        119.999  FILLED     A  buy 5 @ 110
        """,
        entry_ms=59_999,
    )


def test_arrival_while_the_market_is_closed_waits_for_the_next_open():
    """Rule 3: accepted at 61 s, in the gap before the bar that opens at 300 s; matched at that open."""
    check_table(
        """
        100 100 100 100 9   0.5
        130 130 130 130 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        61   ACCEPTED   A  buy 5
        300  FILLED     A  buy 5 @ 130
        """,
        entry_ms=1000,
        opens=[0, 300],
    )


def test_missing_bar_delays_the_fill_of_its_instrument_only():
    """Rules 2, 3: B has no bar in the second row: accepted there at 60 s, matched at its next open, 120 s.

    B keeps its mark of 50 meanwhile: equity of the second row is 1000.
    """
    played = check_table(
        """
        100 100 100 100 9  0.5  |  50 50 50 50 9  0.25
        100 100 100 100 9  .    |  -               .
        100 100 100 100 9  .    |  52 52 52 52 9  .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   SUBMITTED  B  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        60   ACCEPTED   B  buy 5
        120  FILLED     B  buy 5 @ 52
        """,
    )
    assert played.equity == [1000, 1000, 1000]


def test_target_for_a_missing_bar_is_ignored():
    """Rules 2, 6: the 0 of the second row comes without a bar and is no target; the same 0 counts once there is a
    bar.
    """
    check_table(
        """
        100 100 100 100 9  .  |  50 50 50 50 9  0.25
        100 100 100 100 9  .  |  50 50 50 50 9  .
        100 100 100 100 9  .  |  -               0
        100 100 100 100 9  .  |  50 50 50 50 9  0
        100 100 100 100 9  .  |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  B  buy 5
        60   ACCEPTED   B  buy 5
        60   FILLED     B  buy 5 @ 50
        240  SUBMITTED  B  sell 5
        240  ACCEPTED   B  sell 5
        240  FILLED     B  sell 5 @ 50
        """,
    )


def test_instrument_without_a_bar_keeps_its_mark():
    """Rules 2, 14: 5 B at 60 stay worth 300 while B has no bar: 750 + 300 = 1050."""
    played = check_table(
        """
        100 100 100 100 9  .  |  50 50 50 50 9  0.25
        100 100 100 100 9  .  |  50 60 50 60 9  .
        100 100 100 100 9  .  |  -               .
        """,
        """
        60   SUBMITTED  B  buy 5
        60   ACCEPTED   B  buy 5
        60   FILLED     B  buy 5 @ 50
        """,
    )
    assert played.equity == [1000, 1050, 1050]


def test_day_order_expires_at_the_close_of_its_day():
    """Rules 3, 12: no volume, so nothing fills; the second row is the day's last and ends what is WORKING, at 120 s."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 0   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        120  EXPIRED    A  buy 5  SESSION_END
        """,
        time_in_force=2,
        days=[0, 0, 1],
        max_participation=1.0,
    )


def test_day_order_expires_although_its_instrument_has_no_bar():
    """Rule 3: the row ends the day for every instrument, with a bar or without."""
    check_table(
        """
        100 100 100 100 9  .  |  50 50 50 50 9  0.25
        100 100 100 100 9  .  |  -               .
        100 100 100 100 9  .  |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  B  buy 5
        60   ACCEPTED   B  buy 5
        120  EXPIRED    B  buy 5  SESSION_END
        """,
        time_in_force=2,
        days=[0, 0, 1],
    )


def test_day_order_still_on_its_way_lives_in_the_next_day():
    """Rule 3: decided at 60 s, there at 150 s; the day that ended at 120 s never held it. What is left expires at 180
    s.
    """
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        100 100 100 100 4   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        150  ACCEPTED   A  buy 5
        150  FILLED     A  buy 2 @ 100
        180  EXPIRED    A  buy 3  SESSION_END
        """,
        time_in_force=2,
        days=[0, 0, 1, 2],
        entry_ms=90_000,
        max_participation=1.0,
        step="1",
    )


def test_gtc_order_lives_over_the_end_of_the_day():
    """Rules 3, 12: the same table as a DAY order's, but the order waits for volume."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 0   .
        101 101 101 101 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        120  FILLED     A  buy 5 @ 101
        """,
        days=[0, 0, 1],
        max_participation=1.0,
    )


def test_order_open_at_the_end_is_cancelled_and_positions_stay():
    """Rule 16: 4 of 5 filled; the last unit ends at the last close; the position is marked, not sold."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 4   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 4 @ 100
        120  CANCELED   A  buy 1  END_OF_RUN
        """,
        max_participation=1.0,
    )
    assert played.net == [0, 400]


def test_latency_follows_the_hour_of_the_week():
    """Rules 4, 13: decided on Sunday 24:00 = Monday 00:00, hour 0, read off a bar of hour 167: 100 ms × 3."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60    SUBMITTED  A  buy 5
        60.3  ACCEPTED   A  buy 5
        60.3  FILLED     A  buy 5 @ 100
        """,
        minute_of_week=10_079,
        entry_ms=100,
        latency_by_hour={0: 3.0, 167: 50.0},
    )


def test_spike_multiplies_latency_and_milliseconds_are_rounded_up():
    """Rule 13: a sure spike: 0.25 ms × 10 = 2.5 ms, rounded up to 3."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60      SUBMITTED  A  buy 5
        60.003  ACCEPTED   A  buy 5
        60.003  FILLED     A  buy 5 @ 100
        """,
        entry_ms=0.25,
        spike_probability=1.0,
        spike_multiplier=10.0,
    )


def test_jitter_adds_its_median_when_it_has_no_spread():
    """Rule 13: with sigma 0, exp(0 × z) = 1: 100 + 20 ms whatever is drawn."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60     SUBMITTED  A  buy 5
        60.12  ACCEPTED   A  buy 5
        60.12  FILLED     A  buy 5 @ 100
        """,
        entry_ms=100,
        jitter_ms=20,
    )
