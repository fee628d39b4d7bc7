"""What a fill costs beside its price: fee, spread, impact."""

from __future__ import annotations

import math

import pytest

from .candles import check_table

MARGIN = {"margin_account": True, "initial_margin": 0.1, "shortable": True}


def test_fee_is_a_part_of_the_value_filled():
    """Rule 15: 5 × 110 × 10 bps = 0.55; rule 5: cash 1000 − 550 − 0.55."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        110 110 110 110 9   .
        """,
        """
        60  SUBMITTED  A  buy 5
        60  ACCEPTED   A  buy 5
        60  FILLED     A  buy 5 @ 110  fee 0.55
        """,
        fee_bps=10,
    )
    assert played.cash == 449.45


def test_minimum_fee_is_charged_once_an_order():
    """Rule 15: 3 × 100 × 10 bps = 0.3, with 2 × 100 × 10 bps 0.5: still below the minimum of 1, which is paid."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 3   .
        100 100 100 100 3   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 3 @ 100  fee 1
        120  FILLED     A  buy 2 @ 100  fee 0
        """,
        fee_bps=10,
        min_fee=1,
        max_participation=1.0,
    )
    assert played.cash == 499


def test_fees_of_an_order_pass_its_minimum_once_the_rate_asks_for_more():
    """Rule 15: 0.3 is raised to the minimum of 0.4; with the second fill the rate asks for 0.5: 0.1 more."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 3   .
        100 100 100 100 3   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 3 @ 100  fee 0.4
        120  FILLED     A  buy 2 @ 100  fee 0.1
        """,
        fee_bps=10,
        min_fee=0.4,
        max_participation=1.0,
    )


def test_cash_account_buys_no_more_than_its_cash():
    """Rule 12: 10 units are sized at 100; at the next open of 125 the 1000 buy 8, and the rest is cancelled."""
    played = check_table(
        """
        100 100 100 100 99  1.0
        125 125 125 125 99  .
        """,
        """
        60  SUBMITTED  A  buy 10
        60  ACCEPTED   A  buy 10
        60  FILLED     A  buy 8 @ 125
        60  CANCELED   A  buy 2  INSUFFICIENT_FUNDS
        """,
    )
    assert played.cash == 0


@pytest.mark.parametrize(("side", "weight", "price"), [("buy", 0.5, "100.1"), ("sell", -0.5, "99.9")])
def test_half_the_spread_is_paid_on_either_side(side, weight, price):
    """Rules 11, 12: 10 bps of 100 is 0.1 a unit, 0.5 for five; the reference stays 100."""
    check_table(
        f"""
        100 100 100 100 9   {weight}
        100 100 100 100 9   .
        """,
        f"""
        60  SUBMITTED  A  {side} 5
        60  ACCEPTED   A  {side} 5
        60  FILLED     A  {side} 5 @ {price}  ref 100  spread 0.5  impact 0  rounding 0
        """,
        half_spread_bps=10,
        **MARGIN,
    )


def test_rounding_costs_what_the_tick_adds_to_the_spread():
    """Rule 12: 100 + 0.1 is rounded up to 100.25 on a tick of 0.25: 1.25 in all, 0.5 of it spread, 0.75 rounding."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 5
        60  ACCEPTED   A  buy 5
        60  FILLED     A  buy 5 @ 100.25  ref 100  spread 0.5  rounding 0.75
        """,
        half_spread_bps=10,
        tick="0.25",
    )


def test_fill_may_lie_outside_its_bar_by_the_cost():
    """Rules 9, 11: the reference is the bar's high and the spread comes on top."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100  90  95 9   .
        """,
        """
        60  SUBMITTED  A  buy 5
        60  ACCEPTED   A  buy 5
        60  FILLED     A  buy 5 @ 101  ref 100
        """,
        half_spread_bps=100,
    )


def test_spread_follows_the_hour_of_the_match():
    """Rules 4, 11: decided in hour 0, matched at 01:00 Monday, hour 1, where the spread is twice as wide: 20 bps."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 5
        60  ACCEPTED   A  buy 5
        60  FILLED     A  buy 5 @ 100.2  spread 1
        """,
        half_spread_bps=10,
        minute_of_week=59,
        spread_by_hour={0: 50.0, 1: 2.0},
    )


def test_spread_hour_is_the_hour_inside_the_bar():
    """Rule 4: the bar opens at 00:59 in hour 0; 59.999 s later is still hour 0, at 119.999 s."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60       SUBMITTED  A  buy 5
        119.999  ACCEPTED   A  buy 5
        119.999  FILLED     A  buy 5 @ 100.3  spread 1.5
        """,
        half_spread_bps=10,
        minute_of_week=58,
        spread_by_hour={0: 3.0, 1: 2.0},
        entry_ms=59_999,
    )


@pytest.mark.parametrize(
    ("third", "factor"),
    [
        ("101", 0.5),  # returns 1%, 0: short 0, long 1e-4: 0 is clipped to 0.5
        ("103.02", 2),  # returns 1%, 2%: √(4e-4 / 1e-4)
        ("111.1", 3),  # returns 1%, 10%: √100 is clipped to 3
    ],
)
def test_spread_widens_with_volatility_within_limits(third, factor):
    """Rule 11: the short average keeps only the last return (α = 1), the long one only the first (α = 0)."""
    check_table(
        f"""
        100     100     100     100     9   .
        101     101     101     101     9   .
        {third} {third} {third} {third} 9   0.5
        100     100     100     100     9   .
        """,
        f"""
        180  SUBMITTED  A  buy {500 / float(third)}
        180  ACCEPTED   A  buy {500 / float(third)}
        180  FILLED     A  buy {500 / float(third)} @ {100 + 0.1 * factor}
        """,
        half_spread_bps=10,
        vol_short_alpha=1.0,
        vol_long_alpha=0.0,
    )


def test_spread_reads_the_volatility_known_at_the_close_before():
    """Rule 11: the third bar falls by half, but its fills at the open still see the 1% known at the second close."""
    check_table(
        """
        100 100 100 100 9   .
        101 101 101 101 9   0.5
        100 100  50  50 9   .
        """,
        f"""
        120  SUBMITTED  A  buy {500 / 101}
        120  ACCEPTED   A  buy {500 / 101}
        120  FILLED     A  buy {500 / 101} @ 100.1
        """,
        half_spread_bps=10,
        vol_short_alpha=1.0,
        vol_long_alpha=0.0,
    )


def test_latency_grows_with_volatility():
    """Rules 11, 13: returns 1%, 2%: factor 2: 100 ms becomes 200 ms."""
    check_table(
        """
        100    100    100    100    9   .
        101    101    101    101    9   .
        103.02 103.02 103.02 103.02 9   0.5
        100    100    100    100    9   .
        """,
        f"""
        180    SUBMITTED  A  buy {500 / 103.02}
        180.2  ACCEPTED   A  buy {500 / 103.02}
        180.2  FILLED     A  buy {500 / 103.02} @ 100
        """,
        entry_ms=100,
        vol_short_alpha=1.0,
        vol_long_alpha=0.0,
    )


# Impact tables: one return of 1% and averages that never forget (α = 0): σ is 100 bps a bar.
FOREVER = {
    "impact_coefficient": 1.0,
    "vol_short_alpha": 0.0,
    "vol_long_alpha": 0.0,
    "max_participation": 1.0,
    "step": "1",
}


def test_impact_of_one_fill_follows_the_square_root_law():
    """Rule 11: 4 of 100: law(4) / 4 = √(4 / 100) = 0.2: 100 bps × 0.2 = 20 bps: 0.2 on 100."""
    check_table(
        """
        100 100 100 100 100   .
        101 101 101 101 100   0.404
        100 100 100 100 100   .
        """,
        """
        120  SUBMITTED  A  buy 4
        120  ACCEPTED   A  buy 4
        120  FILLED     A  buy 4 @ 100.2  impact 0.8  spread 0
        """,
        **FOREVER,
    )


def test_impact_with_another_exponent():
    """Rule 11: exponent 1: law(4) / 4 = 4 / 100 = 0.04: 100 bps × 0.04 = 4 bps."""
    check_table(
        """
        100 100 100 100 100   .
        101 101 101 101 100   0.404
        100 100 100 100 100   .
        """,
        """
        120  SUBMITTED  A  buy 4
        120  ACCEPTED   A  buy 4
        120  FILLED     A  buy 4 @ 100.04  impact 0.16
        """,
        **(FOREVER | {"impact_exponent": 1.0}),
    )


def test_slicing_an_order_inside_a_bar_costs_what_the_whole_costs():
    """Rule 11: two orders of 4 in one bar of 100 pay together what one of 8 pays: law(8) = 8 √(8/100).

    The first rests for want of volume and meets the third bar together with the second. law(4) = 0.8.
    bps of the second: 100 × (law(8) − law(4)) / 4.
    """
    whole, first = 8 * math.sqrt(0.08), 0.8
    second = (whole - first) / 4
    played = check_table(
        """
        100 100 100 100 100   .
        101 101 101 101 100   0.404
        101 101 101 101 0     0.808
        100 100 100 100 100   .
        """,
        f"""
        120  SUBMITTED  A  buy 4
        120  ACCEPTED   A  buy 4
        180  SUBMITTED  A  buy 4
        180  FILLED     A  buy 4 @ 100.2  impact 0.8
        180  ACCEPTED   A  buy 4
        180  FILLED     A  buy 4 @ {100 + second}  impact {4 * second}
        """,
        **FOREVER,
    )
    assert played.cash == pytest.approx(1000 - 800 - whole, rel=1e-12)


def test_impact_remembers_what_was_filled_in_the_bar_before():
    """Rule 11: a half-life of one bar: Q = 4 halves to 2, W = 100 / 2 + 100 = 150; 4 more: (law(6) − law(2)) / 4.

    law(6) = 6 × √(6/150) = 1.2, law(2) = 2 × √(2/150).
    """
    second = (1.2 - 2 * math.sqrt(2 / 150)) / 4
    check_table(
        """
        100 100 100 100 100   .
        101 101 101 101 100   0.808
        100 100 100 100 100   .
        100 100 100 100 100   .
        """,
        f"""
        120  SUBMITTED  A  buy 8
        120  ACCEPTED   A  buy 8
        120  FILLED     A  buy 4 @ 100.2  impact 0.8
        180  FILLED     A  buy 4 @ {100 + second}  impact {4 * second}
        """,
        **(FOREVER | {"max_participation": 0.04, "impact_decay": math.log(2)}),
    )


def test_impact_of_the_other_side_starts_afresh():
    """Rule 11: the sale finds no metaorder of its side: 4 of 100 again, 20 bps."""
    check_table(
        """
        100 100 100 100 100   .
        101 101 101 101 100   0.404
        100 100 100 100 100   0
        100 100 100 100 100   .
        """,
        """
        120  SUBMITTED  A  buy 4
        120  ACCEPTED   A  buy 4
        120  FILLED     A  buy 4 @ 100.2
        180  SUBMITTED  A  sell 4
        180  ACCEPTED   A  sell 4
        180  FILLED     A  sell 4 @ 99.8  impact 0.8
        """,
        **FOREVER,
    )


def test_no_impact_before_there_is_volatility():
    """Rule 11: at the second bar no return is known: σ = 0."""
    check_table(
        """
        100 100 100 100 100   0.4
        100 100 100 100 100   .
        """,
        """
        60  SUBMITTED  A  buy 4
        60  ACCEPTED   A  buy 4
        60  FILLED     A  buy 4 @ 100  impact 0
        """,
        **FOREVER,
    )


def test_bar_without_volume_leaves_no_trace_in_the_impact():
    """Rules 11, 12: nothing fills in the third bar, so 4 of the 100 of the fourth are the metaorder's first: 20 bps."""
    check_table(
        """
        100 100 100 100 100   .
        101 101 101 101 100   0.404
        101 101 101 101 nan   .
        100 100 100 100 100   .
        """,
        """
        120  SUBMITTED  A  buy 4
        120  ACCEPTED   A  buy 4
        180  FILLED     A  buy 4 @ 100.2  impact 0.8
        """,
        **FOREVER,
    )
