"""What regulators take of sales: a part of the value, and an amount a unit up to a most."""

from __future__ import annotations

from .candles import check_table

REGULATED = {"sell_fee_rate": 0.002, "sell_fee_per_unit": 0.05, "sell_fee_per_unit_max": 0.2, "fee_bps": 10}


def test_sale_pays_the_regulators_beside_the_venue():
    """Rule 15: 3 × 100 = 300: 0.3 to the venue, 0.6 by value, 3 × 0.05 = 0.15 by unit: 1.05."""
    played = check_table(
        """
        100 100 100 100 9   0
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  sell 3
        60  ACCEPTED   A  sell 3
        60  FILLED     A  sell 3 @ 100  fee 1.05
        """,
        every_bar=True,
        venue_qty=3,
        local_qty=3,
        **REGULATED,
    )
    assert played.cash == 1298.95


def test_most_of_the_fee_by_unit_is_an_orders_over_all_its_fills():
    """Rules 12, 15: 10 in fills of 3, 3 and 4. By unit 0.15, then no more than 0.2 in all.

    Due after each: 0.3 + 0.6 + 0.15 = 1.05; 0.6 + 1.2 + 0.2 = 2; 1 + 2 + 0.2 = 3.2.
    """
    check_table(
        """
        100 100 100 100 9   0
        100 100 100 100 3   .
        100 100 100 100 3   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 10
        60   ACCEPTED   A  sell 10
        60   FILLED     A  sell 3 @ 100  fee 1.05
        120  FILLED     A  sell 3 @ 100  fee 0.95
        180  FILLED     A  sell 4 @ 100  fee 1.2
        """,
        every_bar=True,
        max_participation=1.0,
        venue_qty=10,
        local_qty=10,
        **REGULATED,
    )


def test_buy_pays_no_regulator():
    """Rule 15: 5 × 100 × 10 bps = 0.5."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 5
        60  ACCEPTED   A  buy 5
        60  FILLED     A  buy 5 @ 100  fee 0.5
        """,
        **REGULATED,
    )


def test_minimum_fee_does_not_count_what_the_regulators_take():
    """Rule 15: 0.3 is raised to the venue's minimum of 1; 0.6 and 0.15 come on top."""
    check_table(
        """
        100 100 100 100 9   0
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  sell 3
        60  ACCEPTED   A  sell 3
        60  FILLED     A  sell 3 @ 100  fee 1.75
        """,
        every_bar=True,
        min_fee=1,
        venue_qty=3,
        local_qty=3,
        **REGULATED,
    )


def test_short_sale_pays_and_the_purchase_that_closes_it_does_not():
    """Rule 15: 5 sold: 0.5 + 1 + 0.2 (5 × 0.05 is above the most) = 1.7; 5 bought back: 0.5."""
    check_table(
        """
        100 100 100 100 9   -0.5
        100 100 100 100 9   0
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        60   FILLED     A  sell 5 @ 100  fee 1.7
        120  SUBMITTED  A  buy 5
        120  ACCEPTED   A  buy 5
        120  FILLED     A  buy 5 @ 100   fee 0.5
        """,
        margin_account=True,
        shortable=True,
        **REGULATED,
    )
