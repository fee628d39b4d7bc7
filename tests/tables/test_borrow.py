"""What it costs to borrow over a day's end: units for a short position, and cash."""

from __future__ import annotations

import pytest

from .candles import check_table

FRIDAY, MONDAY = 4, 7
MARGIN = {"margin_account": True, "initial_margin": 0.1, "shortable": True}
SHORT = MARGIN | {"cash": 1500.0, "venue_qty": -5, "local_qty": -5, "borrow_rate": 0.365}


def test_short_position_pays_for_each_day_of_a_weekend():
    """Rule 25: 5 × 100 × 0.365 / 365 × 3 days = 1.5 at Friday's close of 100, whatever Monday opens at."""
    played = check_table(
        """
        100 100 100 100 9   .
        110 110 110 110 9   .
        """,
        """
        60  BORROW  A  -5 @ 100  cash -1.5  rate 1  known 60
        """,
        days=[FRIDAY, MONDAY],
        **SHORT,
    )
    assert played.cash == 1498.5
    assert played.local_equity == [1000, 948.5]


def test_short_position_pays_nothing_within_the_day():
    """Rule 25: the day does not change."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        "",
        days=[FRIDAY, FRIDAY],
        **SHORT,
    )


def test_long_position_borrows_nothing():
    """Rule 25: only a position below 0 is borrowed."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        "",
        days=[FRIDAY, MONDAY],
        **(SHORT | {"venue_qty": 5, "local_qty": 5}),
    )


def test_short_position_that_is_closed_at_the_new_days_open_has_paid_for_the_night():
    """Rules 14, 25: borrow comes before the events of the row: 5 × 100 × 0.365 / 365 = 0.5."""
    check_table(
        """
        100 100 100 100 9   0
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 5
        60  BORROW     A  -5 @ 100  cash -0.5
        60  ACCEPTED   A  buy 5
        60  FILLED     A  buy 5 @ 100
        """,
        days=[0, 1],
        every_bar=True,
        **SHORT,
    )


def test_short_position_that_is_opened_at_the_new_days_open_has_not():
    """Rules 14, 25: flat when the day begins."""
    check_table(
        """
        100 100 100 100 9   -0.5
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  sell 5
        60  ACCEPTED   A  sell 5
        60  FILLED     A  sell 5 @ 100
        """,
        days=[0, 1],
        borrow_rate=0.365,
        **MARGIN,
    )


def test_instrument_without_a_bar_is_borrowed_all_the_same():
    """Rule 25: for each instrument, with or without a bar; the mark stands: 5 × 100 × 0.365 / 365 = 0.5."""
    check_table(
        """
        100 100 100 100 9   . | 50 50 50 50 9   .
        -                   . | 50 50 50 50 9   .
        """,
        """
        60  BORROW  A  -5 @ 100  cash -0.5
        60  BORROW  B  -5 @ 50   cash -0.25
        """,
        days=[0, 1],
        **SHORT,
    )


def test_borrowed_cash_pays_interest_over_the_night():
    """Rule 25: 20 × 100 bought with 1000: 1000 borrowed, × 0.0365 / 365 × 1 day = 0.1, of no instrument."""
    played = check_table(
        """
        100 100 100 100 9   2
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 20
        60   ACCEPTED   A  buy 20
        60   FILLED     A  buy 20 @ 100
        120  INTEREST   -  0  cash -0.1  rate 1  known 120
        """,
        days=[0, 0, 1],
        interest_rate=0.0365,
        **MARGIN,
    )
    assert played.equity == [1000, 1000, 999.9]
    assert played.local_equity == [1000, 1000, 999.9]


def test_own_cash_earns_and_pays_no_interest():
    """Rule 25: the 1500 of a short sale are cash above 0."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        "",
        days=[0, 1],
        interest_rate=0.0365,
        **(SHORT | {"borrow_rate": 0.0}),
    )


def test_interest_is_taken_on_the_cash_after_the_cost_of_borrow():
    """Rule 25: 5 × 100 × 0.365 / 365 = 0.5 for the short; then 1000.5 × 0.365 / 365 = 1.0005 on the cash."""
    played = check_table(
        """
        100 100 100 100 9   . | 100 100 100 100 9   .
        100 100 100 100 9   . | 100 100 100 100 9   .
        """,
        """
        60  BORROW    A  -5 @ 100  cash -0.5
        60  INTEREST  -  0         cash -1.0005
        """,
        days=[0, 1],
        interest_rate=0.365,
        B={"venue_qty": 20, "local_qty": 20},
        **(SHORT | {"cash": -1000.0}),
    )
    assert played.cash == pytest.approx(-1001.5005, rel=1e-12)
