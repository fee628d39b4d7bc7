"""Costs at their edges: the hour of bars that open off the minute."""

from __future__ import annotations

from .candles import check_table


def test_hour_of_a_bar_that_opens_off_the_minute_counts_its_seconds():
    """Rules 4, 11: the bar opens on Monday at 00:59:30. What is matched 30 s later is matched in hour 1: 100 bps of 5 ×
    100, and not 10.
    """
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        90   SUBMITTED  A  buy 5
        120  ACCEPTED   A  buy 5
        120  FILLED     A  buy 5 @ 101  spread 5
        """,
        opens=[30, 90],
        minute_of_week=[58, 59],
        entry_ms=30_000,
        half_spread_bps=10,
        spread_by_hour={1: 10.0},
    )
