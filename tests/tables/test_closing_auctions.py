"""Orders for the auction that closes a session: rule 29 of docs/execution.md."""

from __future__ import annotations

import pytest

from keel.domain.orders import PriceModel

from .candles import check_table

AUCTIONS = {"has_auctions": 1}
SESSION = """
    100 100 100 100 8   .
    110 120 105 115 8   .
    115 118 112 113 8   .
    """
"""Three rows of one session."""


@pytest.mark.parametrize("model", [PriceModel.OPEN, PriceModel.WORST, PriceModel.PATH])
def test_order_at_the_close_trades_at_the_close_without_spread(model: PriceModel):
    """Rule 29: the last bar of the session closes at 113; the fill is told of its last millisecond."""
    check_table(
        SESSION,
        """
        60       SUBMITTED  A  buy 2
        60       ACCEPTED   A  buy 2
        179.999  FILLED     A  buy 2 @ 113  ref 113  spread 0  taker
        """,
        "0  buy 2 A at_close",
        sessions="rrc",
        price_model=model,
        half_spread_bps=100.0,
        **AUCTIONS,
    )


def test_limit_at_the_close_that_is_not_met_expires_at_once():
    """Rule 29: 113 is below the limit of the sale, though 118 was traded in the bar."""
    check_table(
        SESSION,
        """
        60       SUBMITTED  A  sell 2
        60       ACCEPTED   A  sell 2
        179.999  EXPIRED    A  sell 2  AUCTION_OVER
        """,
        "0  sell 2 A limit 114 at_close",
        sessions="rrc",
        venue_qty=2.0,
        local_qty=2.0,
        **AUCTIONS,
    )


def test_the_close_takes_its_part_of_the_bar_less_what_the_bar_has_filled():
    """Rules 12, 29: half of 8 is 4, 1 of which the order at market has had."""
    check_table(
        SESSION,
        """
        60       SUBMITTED  A  buy 4
        60       ACCEPTED   A  buy 4
        120      SUBMITTED  A  buy 1
        120      ACCEPTED   A  buy 1
        120      FILLED     A  buy 1 @ 115
        179.999  FILLED     A  buy 3 @ 113
        179.999  EXPIRED    A  buy 1  AUCTION_OVER
        """,
        """
        0  buy 4 A at_close
        1  buy 1 A
        """,
        sessions="rrc",
        max_participation=0.5,
        **AUCTIONS,
    )


@pytest.mark.parametrize(
    ("entry_ms", "cutoff_ms", "what"),
    [
        (30_000, 90_000, "90  ACCEPTED  A  buy 2\n 179.999  FILLED  A  buy 2 @ 113"),
        (30_001, 90_000, "90.001  REJECTED  A  buy 2  AUCTION_OVER"),
        (90_000, 30_000, "150  ACCEPTED  A  buy 2\n 179.999  FILLED  A  buy 2 @ 113"),
        (90_001, 30_000, "150.001  REJECTED  A  buy 2  AUCTION_OVER"),
    ],
)
def test_order_for_the_close_comes_too_late_from_the_cutoff_on(entry_ms: int, cutoff_ms: int, what: str):
    """Rule 29: the session ends at 180 s; the row in which the cutoff lies need not be its last."""
    check_table(
        SESSION,
        f"60  SUBMITTED  A  buy 2\n {what}",
        "0  buy 2 A at_close",
        sessions="rrc",
        entry_ms=entry_ms,
        close_cutoff_ms=cutoff_ms,
        **AUCTIONS,
    )


def test_order_for_a_close_that_is_far_is_never_too_late():
    """Rule 29: at 120 s the close, at 9060 s, is 149 minutes off, which 127 stand for; the cutoff is at 1260 s."""
    check_table(
        SESSION,
        """
        60        SUBMITTED  A  buy 2
        60        ACCEPTED   A  buy 2
        9059.999  FILLED     A  buy 2 @ 113
        """,
        "0  buy 2 A at_close",
        opens=[0, 60, 9000],
        sessions="rrc",
        close_cutoff_ms=7_800_000,
        **AUCTIONS,
    )


def test_order_for_a_close_without_a_bar_expires_with_the_session():
    """Rule 29: A is not traded in the session's last minute, so no price is known for it."""
    check_table(
        """
        100 100 100 100 8   . | 50 50 50 50 9   .
        100 100 100 100 8   . | 50 50 50 50 9   .
        -                   . | 50 50 50 50 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        180  EXPIRED    A  buy 2  AUCTION_OVER
        """,
        "0  buy 2 A at_close",
        sessions="rrc",
        **AUCTIONS,
    )


def test_order_for_the_close_that_comes_after_it_waits_for_the_next():
    """Rule 29: what arrives after hours is for the session of the next day, whatever the cutoff."""
    check_table(
        """
        100 100 100 100 8   .
        100 100 100 100 8   .
        110 110 110 112 8   .
        """,
        """
        60       SUBMITTED  A  buy 2
        60       ACCEPTED   A  buy 2
        659.999  FILLED     A  buy 2 @ 112
        """,
        "0  buy 2 A at_close",
        opens=[0, 60, 600],
        days=[0, 0, 1],
        sessions="cec",
        close_cutoff_ms=50_000,
        **AUCTIONS,
    )
