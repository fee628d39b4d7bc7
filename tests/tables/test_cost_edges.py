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


def test_volume_of_the_fee_tier_is_account_currency():
    """Rules 15, 27: 5 × 100 × 2 = 1000 traded on the first day reach the second tier."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100  fee 1
        120  SUBMITTED  A  sell 5
        120  ACCEPTED   A  sell 5
        120  FILLED     A  sell 5 @ 100  fee 0.1
        """,
        """
        0  buy 5 A
        1  sell 5 A
        """,
        days=[0, 0, 1],
        rates="2\n2\n2",
        tiers="0 10 5\n1000 1 1",
        fee_bps=10,
        cash=2000.0,
    )
