"""What happens to holders at its edges: interest on nothing, and orders that a split finds."""

from __future__ import annotations

from .candles import check_table

MARGIN = {"margin_account": True, "shortable": True}


def test_no_interest_is_paid_on_cash_of_nothing():
    """Rule 25: the account is fully invested, and owes nothing."""
    check_table(
        """
        100 100 100 100 9   1
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 10
        60  ACCEPTED   A  buy 10
        60  FILLED     A  buy 10 @ 100
        """,
        days=[0, 0, 1],
        interest_rate=0.1,
        **MARGIN,
    )


def test_interest_is_the_venues_whatever_we_know():
    """Rules 5, 25: 2000 are spent of 1000 and we have not heard of it: 1000 × 0.365 / 365 = 1."""
    check_table(
        """
        100 100 100 100 99  .
        100 100 100 100 99  .
        100 100 100 100 99  .
        """,
        """
        60   SUBMITTED  A  buy 20
        60   ACCEPTED   A  buy 20
        60   FILLED     A  buy 20 @ 100
        120  INTEREST   -  0  cash -1
        """,
        "0  buy 20 A",
        days=[0, 0, 1],
        interest_rate=0.365,
        response_ms=1e9,
        initial_margin=0.5,
        margin_account=True,
    )


def test_split_that_leaves_nothing_to_reduce_ends_what_would_reduce_it():
    """Rules 24, 25: of 3 units a split into a tenth leaves none on a step of 1, of the order for 20 it leaves 2."""
    check_table(
        """
        100  100  100  100  9   .
        100  100  100  100  9   .
        1000 1000 1000 1000 9   .
        """,
        """
        60   SUBMITTED  A  sell 20
        60   ACCEPTED   A  sell 20
        120  SPLIT      A  0 @ 1000  cash 300
        120  AMENDED    A  sell 2 @ 2000
        120  CANCELED   A  sell 2  REDUCE_ONLY
        """,
        "0  sell 20 A limit 200 reduce",
        actions="120  A  split 0.1",
        step="1",
        tick="1",
        venue_qty=3,
        local_qty=3,
    )


def test_split_changes_the_trigger_of_an_amend_on_its_way():
    """Rule 25: the stop goes from 90 to 45, and what it is amended to, one second after the split, from 80 to 40."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        50  50  50  50  9   .
        """,
        """
        60   SUBMITTED  A  sell 5  ref 90
        61   ACCEPTED   A  sell 5
        120  SPLIT      A  10 @ 50
        120  AMENDED    A  sell 10 @ 0  ref 45
        121  AMENDED    A  sell 10 @ 0  ref 40
        180  CANCELED   A  sell 10  END_OF_RUN
        """,
        """
        0  sell 5 A stop 90 as s
        1  amend s trigger 80
        """,
        actions="120  A  split 2",
        entry_ms=1000,
        tick="1",
        venue_qty=5,
        local_qty=5,
    )


def test_split_that_leaves_nothing_of_an_order_ends_its_legs_with_it():
    """Rules 24, 25: half a unit is left of the 5, none on a step of 1: MIN_QTY, and the leg that waits for it ends."""
    check_table(
        """
        100  100  100  100  9   .
        100  100  100  100  9   .
        1000 1000 1000 1000 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        120  SPLIT      A  0 @ 1000
        120  CANCELED   A  buy 0   MIN_QTY       order 0
        120  CANCELED   A  sell 5  PARENT_ENDED  order 1
        """,
        "0  buy 5 A limit 90 stop-loss 80",
        actions="120  A  split 0.1",
        step="1",
        tick="1",
    )
