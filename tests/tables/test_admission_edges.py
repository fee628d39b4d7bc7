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
