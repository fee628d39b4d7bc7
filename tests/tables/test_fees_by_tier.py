"""Fees by the side of the market, and by the volume of the last 30 days."""

from __future__ import annotations

import pytest

from .candles import check_table

TIERS = """
0    10  8
500   5  4
"""
FIRST_TIER = {"fee_bps": 10, "maker_bps": 8}
FLAT_BARS = """
100 100 100 100 9   0.5
100 100 100 100 9   0
100 100 100 100 9   .
"""


def round_trip(sale_fee: float) -> str:
    return f"""
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100   fee 0.5
        120  SUBMITTED  A  sell 5
        120  ACCEPTED   A  sell 5
        120  FILLED     A  sell 5 @ 100  fee {sale_fee}
        """


def test_limit_order_that_rested_pays_the_makers_fee():
    """Rules 10, 15: 100 → 90 passes 95 after 5 of the walk of 15: at 80 s. 5 × 95 × 2 bps = 0.095, and no spread."""
    check_table(
        """
        100 100 100 100 9   .
        100 100  90  95 9   .
        """,
        """
        60  SUBMITTED  A  buy 5  LIMIT  @ 95
        60  ACCEPTED   A  buy 5  LIMIT
        80  FILLED     A  buy 5 @ 95  maker  fee 0.095  spread 0
        """,
        requests="0 buy 5 A limit 95",
        fee_bps=10,
        maker_bps=2,
        half_spread_bps=5,
    )


def test_limit_order_that_trades_at_once_pays_the_takers_fee():
    """Rules 10, 15: 100 is below the limit of 105: 5 × 100 × 10 bps = 0.5."""
    check_table(
        """
        100 100 100 100 9   .
        100 100  90  95 9   .
        """,
        """
        60  SUBMITTED  A  buy 5  LIMIT  @ 105
        60  ACCEPTED   A  buy 5  LIMIT
        60  FILLED     A  buy 5 @ 100  taker  fee 0.5
        """,
        requests="0 buy 5 A limit 105",
        fee_bps=10,
        maker_bps=2,
    )


def test_order_that_takes_first_and_rests_then_pays_both_fees():
    """Rules 10, 12, 15: 2 of a bar's 2 at once, 2 × 100 × 10 bps; 3 rest and are reached after 1 of 4 at 135 s.

    They pay 3 × 100 × 2 bps. The minimum of 0.25 is the order's: 0.25 at first, then what the 0.26 are above it.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 2   .
        101 101  99 101 9   .
        """,
        """
        60   SUBMITTED  A  buy 5  LIMIT  @ 100
        60   ACCEPTED   A  buy 5  LIMIT
        60   FILLED     A  buy 2 @ 100  taker  fee 0.25
        135  FILLED     A  buy 3 @ 100  maker  fee 0.01
        """,
        requests="0 buy 5 A limit 100",
        fee_bps=10,
        maker_bps=2,
        min_fee=0.25,
        max_participation=1.0,
    )


@pytest.mark.parametrize(("day", "fee"), [(0, 0.5), (1, 0.25), (30, 0.25), (31, 0.5), (400, 0.5)])
def test_volume_of_the_30_days_before_decides_the_tier(day, fee):
    """Rule 15: 500 bought on day 0 count on the days 1 to 30, from the day's first row: 5 × 100 × 5 bps = 0.25."""
    check_table(FLAT_BARS, round_trip(fee), days=[0, 0, day], tiers=TIERS, **FIRST_TIER)


@pytest.mark.parametrize(("volume", "fee"), [(500, 0.25), (501, 0.5)])
def test_tier_begins_at_its_volume(volume, fee):
    """Rule 15: 500 traded reach the tier of 500, not that of 501."""
    tiers = f"0 10 8\n{volume} 5 4"
    check_table(FLAT_BARS, round_trip(fee), days=[0, 0, 1], tiers=tiers, **FIRST_TIER)


def test_highest_tier_reached_counts():
    """Rule 15: 500 reach two of the three: 5 × 100 × 3 bps = 0.15."""
    tiers = "0 10 8\n100 5 4\n400 3 2\n600 1 1"
    check_table(FLAT_BARS, round_trip(0.15), days=[0, 0, 1], tiers=tiers, **FIRST_TIER)


def test_volumes_of_all_instruments_and_both_sides_count():
    """Rule 15: 200 of A and 200 of B bought, 200 of A sold on day 0 come to 600: B is sold at 5 bps: 0.1."""
    check_table(
        """
        100 100 100 100 9   0.2 | 100 100 100 100 9   0.2
        100 100 100 100 9   0   | 100 100 100 100 9   .
        100 100 100 100 9   .   | 100 100 100 100 9   0
        100 100 100 100 9   .   | 100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   SUBMITTED  B  buy 2
        60   ACCEPTED   A  buy 2
        60   FILLED     A  buy 2 @ 100   fee 0.2
        60   ACCEPTED   B  buy 2
        60   FILLED     B  buy 2 @ 100   fee 0.2
        120  SUBMITTED  A  sell 2
        120  ACCEPTED   A  sell 2
        120  FILLED     A  sell 2 @ 100  fee 0.2
        180  SUBMITTED  B  sell 2
        180  ACCEPTED   B  sell 2
        180  FILLED     B  sell 2 @ 100  fee 0.1
        """,
        days=[0, 0, 0, 1],
        tiers=TIERS,
        **FIRST_TIER,
    )


def test_volumes_of_several_days_add_up_and_leave_one_by_one():
    """Rule 15: 300 on day 0 and 300 on day 20: 600 on day 30, but only the 300 of day 20 on day 31.

    Sales of 1 unit: 100 × 5 bps = 0.05 on day 30, 100 more; then 300 + 100 < 500: 100 × 10 bps = 0.1 on day 31.
    """
    check_table(
        """
        100 100 100 100 9   0.35
        100 100 100 100 9   0.65
        100 100 100 100 9   0.45
        100 100 100 100 9   0.35
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 3
        60   ACCEPTED   A  buy 3
        60   FILLED     A  buy 3 @ 100   fee 0.3
        120  SUBMITTED  A  buy 3
        120  ACCEPTED   A  buy 3
        120  FILLED     A  buy 3 @ 100   fee 0.3
        180  SUBMITTED  A  sell 1
        180  ACCEPTED   A  sell 1
        180  FILLED     A  sell 1 @ 100  fee 0.05
        240  SUBMITTED  A  sell 1
        240  ACCEPTED   A  sell 1
        240  FILLED     A  sell 1 @ 100  fee 0.1
        """,
        days=[0, 0, 20, 30, 31],
        tiers=TIERS,
        step="1",
        **FIRST_TIER,
    )


def test_makers_fee_follows_the_tier_too():
    """Rules 10, 15: on day 1 the limit order of 105 is reached at 105: 5 × 105 × 4 bps = 0.21.

    100 → 110 passes 105 after 5 of 10: at 150 s.
    """
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        100 110 100 110 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100  fee 0.5
        120  SUBMITTED  A  sell 5  LIMIT  @ 105
        120  ACCEPTED   A  sell 5  LIMIT
        150  FILLED     A  sell 5 @ 105  maker  fee 0.21
        """,
        requests="1 sell 5 A limit 105",
        days=[0, 0, 1],
        tiers=TIERS,
        **FIRST_TIER,
    )


def test_volume_of_a_liquidation_counts():
    """Rules 15, 26: 50 × 80 = 4000 are closed on day 0; on day 1 one unit at 80 pays 5 bps: 0.04.

    The liquidation's own fee is 4: 196 are left, half of them 1.225 units: 1 on a step of 1.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100  70  80 9   0.5
         80  80  80  80 9   .
        """,
        """
        120  FILLED     A  sell 50 @ 80  fee 4  LIQUIDATION
        120  SUBMITTED  A  buy 1
        120  ACCEPTED   A  buy 1
        120  FILLED     A  buy 1 @ 80  fee 0.04
        """,
        days=[0, 0, 1],
        tiers=TIERS,
        step="1",
        margin_account=True,
        initial_margin=0.1,
        maintenance_margin=0.05,
        cash=-3800.0,
        venue_qty=50,
        local_qty=50,
        **FIRST_TIER,
    )


def test_volume_is_account_currency():
    """Rules 15, 27: 4 × 100 × 1.25 = 500 reach the tier of 500: 500 × 5 bps = 0.25."""
    check_table(
        FLAT_BARS,
        """
        60   SUBMITTED  A  buy 4
        60   ACCEPTED   A  buy 4
        60   FILLED     A  buy 4 @ 100   fee 0.5
        120  SUBMITTED  A  sell 4
        120  ACCEPTED   A  sell 4
        120  FILLED     A  sell 4 @ 100  fee 0.25
        """,
        rates="1.25\n1.25\n1.25",
        days=[0, 0, 1],
        tiers=TIERS,
        **FIRST_TIER,
    )
