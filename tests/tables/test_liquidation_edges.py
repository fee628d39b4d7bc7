"""The liquidation test at its edges: one unit, and what is not held."""

from __future__ import annotations

import pytest

from keel.domain.orders import PriceModel, RunStatus

from .candles import check_table

MARGIN = {"margin_account": True, "initial_margin": 0.1, "maintenance_margin": 0.05}


@pytest.mark.parametrize("scale", [1, 100])
def test_position_of_one_unit_is_liquidated_too(scale: int):
    """Rule 26: 1 bought for 1000 with 100. E0 = 100, M0 = 50 at 1000; at 900 E1 = 0, M1 = 45. λ = 50 / (50 + 45): at
    1000 − 100 × 10 / 19 the account is worth the 5% it must hold. A hundredth of it all goes the same way.
    """
    check_table(
        f"""
        {1000 / scale} {1000 / scale} {1000 / scale} {1000 / scale} 9   .
        {1000 / scale} {1000 / scale}  {900 / scale}  {900 / scale} 9   .
        """,
        f"""
        60   SUBMITTED  A  buy 1
        60   ACCEPTED   A  buy 1
        60   FILLED     A  buy 1 @ {1000 / scale}
        120  FILLED     A  sell 1 @ {18000 // scale}/19  LIQUIDATION
        """,
        "0  buy 1 A",
        cash=100.0 / scale,
        **MARGIN,
    )


def test_what_is_filled_inside_the_bar_is_tested_from_there():
    """Rules 11, 26: at 30 s the price is 925; 10% of spread and the purchase is below its margin at once: 7.5 of 46.25.
    So it is closed at 925, less the spread.
    """
    check_table(
        """
        1000 1000 1000 1000 9   .
        1000 1000  850  850 9   .
        """,
        """
        60   SUBMITTED  A  buy 1
        90   ACCEPTED   A  buy 1
        90   FILLED     A  buy 1 @ 1017.5
        120  FILLED     A  sell 1 @ 832.5  LIQUIDATION  ref 925
        """,
        "0  buy 1 A",
        price_model=PriceModel.PATH,
        entry_ms=30_000,
        half_spread_bps=1000,
        cash=100.0,
        **MARGIN,
    )


def test_liquidation_counts_for_the_fee_tier_in_account_currency():
    """Rules 15, 26, 27: 2000 bought and 2 × 18000 / 19 sold by the venue are above 3000 together."""
    check_table(
        """
        1000 1000 1000 1000 9   .
        1000 1000  900  900 9   .
        900  900   900  900 9   .
        """,
        """
        60   SUBMITTED  A  buy 1
        60   ACCEPTED   A  buy 1
        60   FILLED     A  buy 1 @ 1000
        120  FILLED     A  sell 1 @ 18000/19  LIQUIDATION
        120  SUBMITTED  A  buy 0.1
        120  ACCEPTED   A  buy 0.1
        120  FILLED     A  buy 0.1 @ 900  fee 1.8
        """,
        """
        0  buy 1 A
        1  buy 0.1 A
        """,
        days=[0, 0, 1],
        rates="2\n2\n2",
        tiers="0 0 0\n3000 100 100",
        cash=200.0,
        **MARGIN,
    )


def test_liquidation_is_no_fill_of_an_order_on_its_way():
    """Rules 14, 26: the order for B is on its way when A is closed. It is live to us afterwards: its cancel is sent."""
    check_table(
        """
        1000 1000 1000 1000 9  .  | 100 100 100 100 9  .
        1000 1000  900  900 9  .  | 100 100 100 100 9  .
        900  900   900  900 9  .  | 100 100 100 100 9  .
        900  900   900  900 9  .  | 100 100 100 100 9  .
        900  900   900  900 9  .  | 100 100 100 100 9  .
        """,
        """
        60   SUBMITTED  B  buy 0.1 @ 50
        120  FILLED     A  sell 1 @ 17600/19  LIQUIDATION
        150  ACCEPTED   B  buy 0.1
        270  CANCELED   B  buy 0.1  CLIENT_REQUEST
        """,
        """
        0  buy 0.1 B limit 50 as b
        2  cancel b
        """,
        A={"venue_qty": 1, "local_qty": 1},
        B={"tick": "1"},
        entry_ms=90_000,
        cash=-880.0,
        **MARGIN,
    )


def test_account_that_has_lost_all_and_holds_nothing_is_not_liquidated():
    """Rules 14, 16, 26: 10 bought at 100 with 101 are stopped out at 85: −49, and no position. The order for B ends
    with the run.
    """
    played = check_table(
        """
        100 100 100 100 9  .  | 100 100 100 100 9  .
        100 100  80  80 9  .  | 100 100 100 100 9  .
        """,
        """
        60   SUBMITTED  A  buy 10   order 0
        60   SUBMITTED  A  sell 10  order 1
        60   SUBMITTED  B  buy 0.1  order 2
        60   ACCEPTED   A  buy 10   order 0
        60   ACCEPTED   A  sell 10  order 1
        60   FILLED     A  buy 10 @ 100
        60   ACCEPTED   B  buy 0.1  order 2
        105  TRIGGERED  A  sell 10 @ 85
        105  FILLED     A  sell 10 @ 85
        120  CANCELED   B  buy 0.1  END_OF_RUN
        """,
        """
        0  buy 10 A stop-loss 85
        0  buy 0.1 B limit 50
        """,
        tick="1",
        cash=101.0,
        **MARGIN,
    )
    assert played.status == RunStatus.BANKRUPT
