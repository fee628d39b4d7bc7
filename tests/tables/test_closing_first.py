"""Closing orders on their way, and what waits for the money they bring (rules 7, 17)."""

from __future__ import annotations

from .candles import check_table

MARGIN = {"margin_account": True, "shortable": True}


def test_closing_order_of_less_than_a_unit_brings_money_too():
    """Rule 17: the sale of 0.9 for 900 is on its way, so B is cut to 1 and its other 4 follow."""
    check_table(
        """
        1000 1000 1000 1000 9   0  | 100 100 100 100 9   0.5
        1000 1000 1000 1000 9   .  | 100 100 100 100 9   .
        1000 1000 1000 1000 9   .  | 100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 0.9
        60   SUBMITTED  B  buy 1  BUYING_POWER
        60   ACCEPTED   A  sell 0.9
        60   FILLED     A  sell 0.9 @ 1000
        60   ACCEPTED   B  buy 1
        60   FILLED     B  buy 1 @ 100
        120  SUBMITTED  B  buy 4
        120  ACCEPTED   B  buy 4
        120  FILLED     B  buy 4 @ 100
        """,
        A={"venue_qty": 0.9, "local_qty": 0.9},
        cash=100.0,
        every_bar=1,
    )


def test_order_cut_to_what_it_closes_brings_money_itself():
    """Rule 17: at 200 the account is worth 500. Half of it is 1.25 long: 5 to close, 1.25 to open. 500 are reserved for
    B, so nothing may open; the target stays pursued, and is denied once the close has brought nothing.
    """
    check_table(
        """
        100 100 100 100 9   .    | 100 100 100 100 9   .
        200 200 200 200 9   0.5  | 100 100 100 100 9   .
        200 200 200 200 9   .    | 100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  B  buy 10 @ 50
        60   ACCEPTED   B  buy 10
        120  SUBMITTED  A  buy 5     BUYING_POWER
        120  ACCEPTED   A  buy 5
        120  FILLED     A  buy 5 @ 200
        180  DENIED     A  buy 1.25  BUYING_POWER
        180  CANCELED   B  buy 10    END_OF_RUN
        """,
        "0  buy 10 B limit 50",
        A={"venue_qty": -5, "local_qty": -5},
        cash=1500.0,
        can_flip=1,
        tick="1",
        **MARGIN,
    )


def test_denied_order_brings_no_money():
    """Rule 17: A is below its minimum and denied. B is cut to the 10 that 1000 buy, and that is the end of it."""
    check_table(
        """
        100 100 100 100 9   0.1  | 100 100 100 100 9   2
        100 100 100 100 9   .    | 100 100 100 100 9   .
        """,
        """
        60  DENIED     A  buy 1   MIN_QTY
        60  SUBMITTED  B  buy 10  BUYING_POWER
        60  ACCEPTED   B  buy 10
        60  FILLED     B  buy 10 @ 100
        """,
        A={"min_qty": 5.0},
    )


def test_gross_counts_a_closing_order_as_not_yet_filled():
    """Rule 17: 5 of A are held and on sale: 500 of the 1000 allowed. 4 of B are 400."""
    check_table(
        """
        100 100 100 100 9   .  | 100 100 100 100 9   .
        100 100 100 100 9   .  | 100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   SUBMITTED  B  buy 4
        60   ACCEPTED   A  sell 5
        60   ACCEPTED   B  buy 4
        60   FILLED     B  buy 4 @ 100
        120  CANCELED   A  sell 5  END_OF_RUN
        """,
        """
        0  sell 5 A limit 200
        0  buy 4 B
        """,
        A={"venue_qty": 5, "local_qty": 5},
        tick="1",
        cash=500.0,
        max_gross_weight=1.0,
    )


def test_order_cut_to_what_it_closes_brings_money_to_those_after_it():
    """Rule 17: as before, and C waits for what the close of A brings; 60 s later that is nothing."""
    check_table(
        """
        100 100 100 100 9   .    | 100 100 100 100 9   .  | 100 100 100 100 9   .
        200 200 200 200 9   0.5  | 100 100 100 100 9   .  | 100 100 100 100 9   0.5
        200 200 200 200 9   .    | 100 100 100 100 9   .  | 100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  B  buy 10 @ 50
        60   ACCEPTED   B  buy 10
        120  SUBMITTED  A  buy 5     BUYING_POWER
        120  ACCEPTED   A  buy 5
        120  FILLED     A  buy 5 @ 200
        180  DENIED     A  buy 1.25  BUYING_POWER
        180  DENIED     C  buy 2.5   BUYING_POWER
        180  CANCELED   B  buy 10    END_OF_RUN
        """,
        "0  buy 10 B limit 50",
        A={"venue_qty": -5, "local_qty": -5},
        cash=1500.0,
        can_flip=1,
        tick="1",
        **MARGIN,
    )
