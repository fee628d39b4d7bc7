"""Cash dividends: who gets them, who pays them, and when."""

from __future__ import annotations

import pytest

from .candles import check_table

LONG = {"venue_qty": 5, "local_qty": 5}


@pytest.mark.parametrize(("qty", "cash"), [(5, 2.5), (-5, -2.5)])
def test_long_receives_the_dividend_and_short_pays_it(qty, cash):
    """Rule 25: 5 × 0.5 = 2.5 at the open of the ex-date."""
    played = check_table(
        """
        100  100  100  100  9   .
        99.5 99.5 99.5 99.5 9   .
        """,
        f"""
        60  DIVIDEND  A  {qty} @ 0.5  cash {cash}  rate 1  known 60
        """,
        actions="60  A  dividend 0.5",
        venue_qty=qty,
        local_qty=qty,
        margin_account=True,
        shortable=True,
    )
    assert played.cash == 1000 + cash
    assert played.equity == played.local_equity == [1000 + qty * 100, 1000 + qty * 100]


def test_flat_account_gets_no_dividend():
    """Rule 25: nothing is held, nothing happens."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        "",
        actions="60  A  dividend 0.5",
    )


def test_units_bought_at_the_open_of_the_ex_date_get_no_dividend():
    """Rules 14, 25: the dividend comes before the events of the row: the buyer of 60 s held nothing."""
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
        actions="60  A  dividend 0.5",
    )


def test_units_sold_at_the_open_of_the_ex_date_have_their_dividend():
    """Rules 14, 25: the seller of 60 s held 5 when the day began."""
    check_table(
        """
        100 100 100 100 9   0
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  sell 5
        60  DIVIDEND   A  5 @ 0.5  cash 2.5
        60  ACCEPTED   A  sell 5
        60  FILLED     A  sell 5 @ 100
        """,
        actions="60  A  dividend 0.5",
        every_bar=True,
        **LONG,
    )


def test_dividend_within_a_bar_waits_for_the_next_open():
    """Rule 25: 90 s is after the open of row 1, so it is applied at that of row 2."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        120  DIVIDEND  A  5 @ 0.5  cash 2.5
        """,
        actions="90  A  dividend 0.5",
        **LONG,
    )


def test_dividend_waits_for_the_instruments_next_bar():
    """Rule 25: due at 60 s, but A has no bar before the one that opens at 120 s."""
    check_table(
        """
        100 100 100 100 9   . | 100 100 100 100 9   .
        -                   . | 100 100 100 100 9   .
        100 100 100 100 9   . | 100 100 100 100 9   .
        """,
        """
        60   DIVIDEND  B  5 @ 0.5  cash 2.5
        120  DIVIDEND  A  5 @ 0.5  cash 2.5
        """,
        actions="""
        60  A  dividend 0.5
        60  B  dividend 0.5
        """,
        **LONG,
    )


def test_dividend_before_the_first_close_is_ignored():
    """Rule 25: who holds at the start has had it."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        "",
        actions="59.999  A  dividend 0.5",
        **LONG,
    )


def test_dividends_of_two_dates_are_applied_in_turn():
    """Rule 25: 5 × 0.5 before the sale of all, and nothing of what is due after it."""
    check_table(
        """
        100 100 100 100 9   0
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  sell 5
        60  DIVIDEND   A  5 @ 0.5  cash 2.5
        60  ACCEPTED   A  sell 5
        60  FILLED     A  sell 5 @ 100
        """,
        actions="""
        60   A  dividend 0.5
        120  A  dividend 0.7
        """,
        every_bar=True,
        **LONG,
    )
