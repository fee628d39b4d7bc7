"""Fees of buys that are kept from what is bought, as in spot trading of coins."""

from __future__ import annotations

import pytest

from .candles import check_table

IN_BASE = {"fee_in_base": True, "fee_bps": 100}


def test_buy_arrives_less_its_fee():
    """Rules 5, 15: 1% of 5 is kept: 4.95 arrive and 500 are paid; the fee is worth 0.05 × 110 = 5.5 when filled at 110.

    Equity 450 + 4.95 × 110 = 994.5. The units that arrived cost 110 each.
    """
    played = check_table(
        """
        100 100 100 100 9   0.5
        110 110 110 110 9   .
        """,
        """
        60  SUBMITTED  A  buy 5
        60  ACCEPTED   A  buy 5
        60  FILLED     A  buy 5 @ 110  fee 5.5  kept 0.05  cash -550
        """,
        **IN_BASE,
    )
    assert played.position == [4.95]
    assert played.equity == pytest.approx([1000, 994.5], rel=1e-12)
    assert played.simulator.account_view().average_price == [110]


def test_sale_of_what_arrived_pays_from_the_proceeds():
    """Rules 5, 15: 4.95 × 100 × 1% = 4.95 of the 495: 500 + 490.05."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   0
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100      fee 5     kept 0.05
        120  SUBMITTED  A  sell 4.95
        120  ACCEPTED   A  sell 4.95
        120  FILLED     A  sell 4.95 @ 100  fee 4.95  kept 0  cash 490.05
        """,
        **IN_BASE,
    )
    assert played.cash == pytest.approx(990.05, rel=1e-12)
    assert played.position == [0]


def test_dust_below_a_step_stays():
    """Rules 5, 6, 15: of 4.95 only 4.9 are steps of 0.1; 0.05 stay, and no order is sent for them, ever."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   0
        100 100 100 100 9   0
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100     fee 5    kept 0.05
        120  SUBMITTED  A  sell 4.9
        120  ACCEPTED   A  sell 4.9
        120  FILLED     A  sell 4.9 @ 100  fee 4.9
        """,
        step="0.1",
        every_bar=True,
        **IN_BASE,
    )
    assert played.position == pytest.approx([0.05], rel=1e-9)


def test_average_price_is_that_of_the_units_that_arrived():
    """Rules 5, 15: 4.95 at 100; equity at 120 is 500 + 594 = 1094: 75% is 6.8375 units: 1.8875 more, 1.868625 net.

    (4.95 × 100 + 1.868625 × 120) / 6.818625 = 719.235 / 6.818625. The fee is 0.018875 × 120 = 2.265.
    """
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 120 100 120 9   0.75
        120 120 120 120 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100       fee 5      kept 0.05
        120  SUBMITTED  A  buy 1.8875
        120  ACCEPTED   A  buy 1.8875
        120  FILLED     A  buy 1.8875 @ 120  fee 2.265  kept 0.018875
        """,
        **IN_BASE,
    )
    assert played.simulator.account_view().average_price == pytest.approx([719.235 / 6.818625], rel=1e-12)


@pytest.mark.parametrize(
    ("in_base", "events"),
    [
        (True, "60 SUBMITTED A buy 10\n60 ACCEPTED A buy 10\n60 FILLED A buy 10 @ 100 fee 10 kept 0.1 cash -1000"),
        (False, "60 SUBMITTED A buy 9 BUYING_POWER\n60 ACCEPTED A buy 9\n60 FILLED A buy 9 @ 100 fee 9 cash -909"),
    ],
)
def test_fee_that_is_kept_from_the_units_needs_no_cash(in_base, events):
    """Rules 7, 12, 15: 1000 buy 10 at 100 if the fee is kept in units; else 1000 / 101 = 9.9: 9 whole ones."""
    check_table(
        """
        100 100 100 100 9   1
        100 100 100 100 9   .
        """,
        events,
        fee_in_base=in_base,
        fee_bps=100,
        step="1",
    )


def test_minimum_fee_is_the_sellers_only():
    """Rule 15: the buy keeps 0.05 units, worth 5; the sale owes 4.95, and the minimum of 7."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   0
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100      fee 5  kept 0.05
        120  SUBMITTED  A  sell 4.95
        120  ACCEPTED   A  sell 4.95
        120  FILLED     A  sell 4.95 @ 100  fee 7  kept 0
        """,
        min_fee=7,
        **IN_BASE,
    )


def test_maker_keeps_fewer_units():
    """Rules 10, 15: reached at 95 after 5 of 15, at 80 s: 0.5% of 5 = 0.025 are kept, worth 2.375."""
    played = check_table(
        """
        100 100 100 100 9   .
        100 100  90  95 9   .
        """,
        """
        60  SUBMITTED  A  buy 5  LIMIT  @ 95
        60  ACCEPTED   A  buy 5  LIMIT
        80  FILLED     A  buy 5 @ 95  maker  fee 2.375  kept 0.025
        """,
        requests="0 buy 5 A limit 95",
        maker_bps=50,
        **IN_BASE,
    )
    assert played.position == [4.975]


def test_stop_sells_what_arrived_on_the_grid():
    """Rules 10, 12, 15, 24: 4.95 arrive; the stop of 90 covers the 4.9 of them that are steps; the dust stays.

    100 → 80 passes 90 after 10 of 20: at 150 s. Fee 4.9 × 90 × 1% = 4.41.
    """
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        100 100  80  80 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   SUBMITTED  A  sell 5    STOP  ref 90
        60   ACCEPTED   A  buy 5
        60   ACCEPTED   A  sell 5    STOP
        60   FILLED     A  buy 5 @ 100    fee 5  kept 0.05
        150  TRIGGERED  A  sell 4.9  STOP  @ 90
        150  FILLED     A  sell 4.9 @ 90  fee 4.41
        """,
        step="0.1",
        stop_kind=1,
        stop_distance=0.1,
        **IN_BASE,
    )
    assert played.position == pytest.approx([0.05], rel=1e-9)
