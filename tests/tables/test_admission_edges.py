"""The venue's check at its edges: how much rounding it forgives."""

from __future__ import annotations

import pytest

from .candles import check_table


@pytest.mark.parametrize(("mark", "refused"), [("100.00000001", False), ("100.000001", True)])
def test_funds_may_be_short_by_rounding_only(mark: str, refused: bool):
    """Rule 7: 1000 are there; at the mark of the arrival 1000.0000001 are needed, or 1000.00001: more than a thousand
    millionth too much.
    """
    end = "REJECTED  A  buy 10  INSUFFICIENT_FUNDS" if refused else "ACCEPTED  A  buy 10"
    filled = "" if refused else "120  FILLED  A  buy 10 @ 99"
    check_table(
        f"""
        100 100    100 100    9   .
        100 {mark} 100 {mark} 9   .
        99  99     99  99     99  .
        """,
        f"""
        60   SUBMITTED  A  buy 10
        120  {end}
        {filled}
        """,
        "0  buy 10 A",
        entry_ms=60_000,
    )


@pytest.mark.parametrize(
    ("qty", "refused"),
    [("10.000000005", False), ("10.000000011", False), ("10.000000011005", True), ("10.00000005", True)],
)
def test_position_may_be_short_by_rounding_only(qty: str, refused: bool):
    """Rule 7: 10 are there: 1e-9 × (1 + 10) more may be sold, to the last bit."""
    end = f"REJECTED  A  sell {qty}  INSUFFICIENT_POSITION" if refused else f"ACCEPTED  A  sell {qty}"
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        f"""
        60  SUBMITTED  A  sell {qty}
        60  {end}
        {"" if refused else f"120  CANCELED  A  sell {qty}  END_OF_RUN"}
        """,
        f"0  sell {qty} A limit 200",
        venue_qty=10,
        local_qty=10.1,
    )


def test_sale_leaves_what_other_sales_are_about_to_take():
    """Rule 7: the venue has 10 where we believe in 12. The first 6 are on sale, so 4 are left for the second."""
    check_table(
        """
        100 100 100 100 9   .  | 100 100 100 100 9   .
        100 100 100 100 9   .  | 100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  B  sell 7
        60   SUBMITTED  A  sell 6
        60   SUBMITTED  A  sell 6
        60   ACCEPTED   A  sell 6  order 1
        60   REJECTED   A  sell 6  INSUFFICIENT_POSITION  order 2
        60   ACCEPTED   B  sell 7  order 0
        120  CANCELED   B  sell 7  END_OF_RUN
        120  CANCELED   A  sell 6  END_OF_RUN
        """,
        """
        0  sell 7 B limit 200
        0  sell 6 A limit 200
        0  sell 6 A limit 200
        """,
        venue_qty=10,
        local_qty=12,
    )


def test_sale_leaves_what_is_left_of_a_sale_and_not_what_it_has_sold():
    """Rule 7: 2 of 6 are sold, 8 are there and 4 still on sale: the other 4 may be sold."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 2   .
        100 100 100 100 0   .
        """,
        """
        60   SUBMITTED  A  sell 6
        60   ACCEPTED   A  sell 6
        60   FILLED     A  sell 2 @ 100
        120  SUBMITTED  A  sell 4
        120  ACCEPTED   A  sell 4
        180  CANCELED   A  sell 4  END_OF_RUN  order 0
        180  CANCELED   A  sell 4  END_OF_RUN  order 1
        """,
        """
        0  sell 6 A
        1  sell 4 A
        """,
        venue_qty=10,
        local_qty=10,
        max_participation=1.0,
    )


def test_what_an_order_closes_is_what_the_venue_holds():
    """Rule 7: we believe in 5 long, so the sale is sent to close; the venue holds none: 5 open for 600 of 500."""
    check_table(
        """
        100 100 100 100 9   .
        100 120 100 120 9   .
        120 120 120 120 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        120  REJECTED   A  sell 5  INSUFFICIENT_FUNDS
        """,
        "0  sell 5 A",
        venue_qty=0,
        local_qty=5,
        cash=500.0,
        entry_ms=60_000,
        margin_account=True,
        shortable=True,
    )


def test_less_than_a_unit_that_opens_needs_its_margin():
    """Rule 7: half a unit for 500 at the mark of the decision, 1000 at that of the arrival."""
    check_table(
        """
        1000 1000 1000 1000 9   .
        1000 2000 1000 2000 9   .
        2000 2000 2000 2000 9   .
        """,
        """
        60   SUBMITTED  A  buy 0.5
        120  REJECTED   A  buy 0.5  INSUFFICIENT_FUNDS
        """,
        "0  buy 0.5 A",
        cash=500.0,
        entry_ms=60_000,
        margin_account=True,
    )
