"""Funding of perpetuals: what a position pays or receives, when, and at which price."""

from __future__ import annotations

import pytest

from .candles import check_table

LONG = {"venue_qty": 5, "local_qty": 5}
MARGIN = {"margin_account": True, "shortable": True}


@pytest.mark.parametrize(("qty", "rate", "cash"), [(5, "0.001", -0.55), (-5, "0.001", 0.55), (5, "-0.001", 0.55)])
def test_longs_pay_shorts_at_a_positive_rate_and_receive_at_a_negative_one(qty, rate, cash):
    """Rule 25: 5 × 110 × 0.001 = 0.55 from long to short; due at D(0) it belongs to row 1 and its open of 110."""
    played = check_table(
        """
        100 100 100 100 9   .
        110 110 110 110 9   .
        """,
        f"""
        60  FUNDING  A  {qty} @ 110  cash {cash}  rate 1  known 60
        """,
        actions=f"60  A  funding {rate}",
        venue_qty=qty,
        local_qty=qty,
        **MARGIN,
    )
    assert played.cash == pytest.approx(1000 + cash, rel=1e-12)
    assert played.local_equity == pytest.approx([1000 + qty * 100, 1000 + cash + qty * 110], rel=1e-12)


def test_flat_account_has_no_funding():
    """Rule 25: nothing is held, nothing happens: not even an event."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        "",
        actions="90  A  funding 0.001",
    )


@pytest.mark.parametrize(("second", "price"), [(75, 90), (90, 100), (105, 110)])
def test_funding_inside_a_bar_is_paid_on_the_price_of_the_path(second, price):
    """Rules 9, 25: 100 → 90 → 110 → 100 walks 10 + 20 + 10 in 60 s: 90 after 15 s, 100 after 30, 110 after 45."""
    check_table(
        """
        100 100 100 100 9   .
        100 110  90 100 9   .
        """,
        f"""
        {second}  FUNDING  A  5 @ {price}  cash {-5 * price / 1000}
        """,
        actions=f"{second}  A  funding 0.001",
        **LONG,
    )


def test_order_that_arrives_at_the_instant_of_the_funding_comes_too_late_for_it():
    """Rules 14, 25: at 60 s funding comes before the order of the same instrument: a buyer pays nothing."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 5
        60  ACCEPTED   A  buy 5
        60  FILLED     A  buy 5 @ 100
        """,
        actions="60  A  funding 0.001",
    )


def test_sale_at_the_instant_of_the_funding_does_not_escape_it():
    """Rules 14, 25: 5 are still held when 0.001 of 5 × 110 is taken, and sold right after."""
    played = check_table(
        """
        100 100 100 100 9   0
        110 110 110 110 9   .
        """,
        """
        60  SUBMITTED  A  sell 5
        60  FUNDING    A  5 @ 110  cash -0.55
        60  ACCEPTED   A  sell 5
        60  FILLED     A  sell 5 @ 110
        """,
        actions="60  A  funding 0.001",
        every_bar=True,
        **LONG,
    )
    assert played.cash == pytest.approx(1549.45, rel=1e-12)


def test_funding_a_millisecond_after_a_fill_is_paid():
    """Rules 3, 25: filled at 60 s, funded at 60.001 s: 5 × 100 × 0.001 = 0.5."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60      SUBMITTED  A  buy 5
        60      ACCEPTED   A  buy 5
        60      FILLED     A  buy 5 @ 100
        60.001  FUNDING    A  5 @ 100  cash -0.5
        """,
        actions="60.001  A  funding 0.001",
    )


def test_funding_waits_for_the_order_of_an_instrument_with_a_lower_index():
    """Rules 14, 25: at 60 s the order of A comes before the funding of B: time first, then the instrument's index."""
    check_table(
        """
        100 100 100 100 9   0.5 | 100 100 100 100 9   .
        100 100 100 100 9   .   | 100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 7.5
        60  ACCEPTED   A  buy 7.5
        60  FILLED     A  buy 7.5 @ 100
        60  FUNDING    B  5 @ 100  cash -0.5
        """,
        actions="60  B  funding 0.001",
        B=LONG,
    )


def test_funding_without_a_bar_is_paid_on_the_mark():
    """Rule 25: row 1 has no bar: the last close of 100 stands."""
    check_table(
        """
        100 100 100 100 9   .
        -                   .
        110 110 110 110 9   .
        """,
        """
        90  FUNDING  A  5 @ 100  cash -0.5
        """,
        actions="90  A  funding 0.001",
        **LONG,
    )


def test_funding_before_the_bar_opens_is_paid_on_the_mark():
    """Rule 25: the bar of row 1 opens at 120 s; at 90 s the last close of 100 stands, not the path from 110."""
    check_table(
        """
        100 100 100 100 9   .
        110 110 110 110 9   .
        """,
        """
        90  FUNDING  A  5 @ 100  cash -0.5
        """,
        actions="90  A  funding 0.001",
        opens=[0, 120],
        **LONG,
    )


def test_funding_before_the_first_close_is_ignored():
    """Rule 25: 59.999 s is before D(0), 60 s is not."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60  FUNDING  A  5 @ 100  cash -1
        """,
        actions="""
        59.999  A  funding 0.001
        60      A  funding 0.002
        """,
        **LONG,
    )


def test_fundings_of_one_row_are_all_paid_in_time_order():
    """Rules 14, 25: two in one bar of A, with one of B in between."""
    played = check_table(
        """
        100 100 100 100 9   . | 200 200 200 200 9   .
        100 100 100 100 9   . | 200 200 200 200 9   .
        """,
        """
        70  FUNDING  A  5 @ 100  cash -0.5
        80  FUNDING  B  5 @ 200  cash -3
        90  FUNDING  A  5 @ 100  cash -1
        """,
        actions="""
        70  A  funding 0.001
        80  B  funding 0.003
        90  A  funding 0.002
        """,
        **LONG,
    )
    assert played.cash == pytest.approx(995.5, rel=1e-12)


def test_next_target_is_sized_after_the_funding():
    """Rules 5, 6, 25: 10 × 100 × 0.1 = 100 are paid in row 1: equity 1900, half of it 9.5 units: 0.5 is sold."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        119.999  FUNDING    A  10 @ 100  cash -100
        120      SUBMITTED  A  sell 0.5
        120      ACCEPTED   A  sell 0.5
        120      FILLED     A  sell 0.5 @ 100
        """,
        actions="119.999  A  funding 0.1",
        venue_qty=10,
        local_qty=10,
    )
