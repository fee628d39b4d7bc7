"""Times that fall on a decision."""

from __future__ import annotations

from .candles import check_table


def test_what_happens_at_a_decision_comes_after_it():
    """Rules 3, 14: the order's time is over at 120 s, and so belongs to the next row, where the cancel asked for
    at that decision goes first.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        120  CANCELED   A  buy 5  CLIENT_REQUEST
        """,
        """
        0  buy 5 A limit 90 as x gtd 120
        1  cancel x
        """,
        tick="1",
    )
