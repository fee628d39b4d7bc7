"""Orders for the auction that opens a session, and what holds for both auctions: rule 29 of docs/execution.md."""

from __future__ import annotations

import pytest

from keel.domain.orders import PriceModel, TimeInForce

from .candles import check_table

AUCTIONS = {"has_auctions": 1}
NIGHT_AND_MORNING = """
    100 100 100 100 8   .
    110 120 105 115 8   .
    115 115 112 113 8   .
    """
"""One row before the open, two of the session."""
SESSION = """
    100 100 100 100 8   .
    110 120 105 115 8   .
    115 118 112 113 8   .
    """
"""Three rows of one session."""


@pytest.mark.parametrize("model", [PriceModel.OPEN, PriceModel.WORST, PriceModel.PATH])
def test_order_at_the_open_trades_at_the_open_without_spread(model: PriceModel):
    """Rule 29: the auction has one price, 110, which no model makes worse and of which no spread is paid."""
    check_table(
        NIGHT_AND_MORNING,
        """
        60  SUBMITTED  A  buy 2
        60  ACCEPTED   A  buy 2
        60  FILLED     A  buy 2 @ 110  ref 110  spread 0  taker
        """,
        "0  buy 2 A at_open",
        sessions="erc",
        price_model=model,
        half_spread_bps=100.0,
        **AUCTIONS,
    )


def test_limit_at_the_open_trades_where_the_open_is_within_it():
    """Rule 29: 110 is not above the limit, and it is the price of all."""
    check_table(
        NIGHT_AND_MORNING,
        """
        60  SUBMITTED  A  buy 2
        60  ACCEPTED   A  buy 2
        60  FILLED     A  buy 2 @ 110  taker
        """,
        "0  buy 2 A limit 110 at_open",
        sessions="erc",
        **AUCTIONS,
    )


def test_limit_at_the_open_that_is_not_met_expires_at_once():
    """Rule 29: 110 is above the limit, and that the price comes to 105 in the bar does not help."""
    check_table(
        NIGHT_AND_MORNING,
        """
        60  SUBMITTED  A  buy 2
        60  ACCEPTED   A  buy 2
        60  EXPIRED    A  buy 2  AUCTION_OVER
        """,
        "0  buy 2 A limit 109 at_open",
        sessions="erc",
        **AUCTIONS,
    )


def test_what_the_opening_does_not_fill_expires_with_it():
    """Rules 12, 29: half of 8 is 4."""
    check_table(
        NIGHT_AND_MORNING,
        """
        60  SUBMITTED  A  buy 5
        60  ACCEPTED   A  buy 5
        60  FILLED     A  buy 4 @ 110
        60  EXPIRED    A  buy 1  AUCTION_OVER
        """,
        "0  buy 5 A at_open",
        sessions="erc",
        max_participation=0.5,
        **AUCTIONS,
    )


@pytest.mark.parametrize(
    ("entry_ms", "what"),
    [
        (30_000, "90  ACCEPTED  A  buy 2\n 120  FILLED  A  buy 2 @ 110"),
        (30_001, "90.001  REJECTED  A  buy 2  AUCTION_OVER"),
    ],
)
def test_order_for_the_opening_comes_too_late_from_the_cutoff_on(entry_ms: int, what: str):
    """Rule 29: the market opens at 120 s and takes orders for that until 30 s before."""
    check_table(
        """
        100 100 100 100 8   .
        100 100 100 100 8   .
        110 110 110 110 8   .
        """,
        f"60  SUBMITTED  A  buy 2\n {what}",
        "0  buy 2 A at_open",
        sessions="eec",
        entry_ms=entry_ms,
        open_cutoff_ms=30_000,
        **AUCTIONS,
    )


@pytest.mark.parametrize(
    ("entry_ms", "what"),
    [
        (540_000, "600  ACCEPTED  A  buy 2\n 720  FILLED  A  buy 2 @ 110"),
        (540_001, "600.001  REJECTED  A  buy 2  AUCTION_OVER"),
    ],
)
def test_cutoff_is_known_by_the_opening_where_the_night_has_no_bars(entry_ms: int, what: str):
    """Rule 29: the next bar opens at 720 s; 120 s before it is 600 s."""
    check_table(
        """
        100 100 100 100 8   .
        110 110 110 110 8   .
        """,
        f"60  SUBMITTED  A  buy 2\n {what}",
        "0  buy 2 A at_open",
        opens=[0, 720],
        days=[0, 1],
        sessions="cc",
        entry_ms=entry_ms,
        open_cutoff_ms=120_000,
        **AUCTIONS,
    )


def test_order_for_the_opening_is_not_taken_while_the_session_lasts():
    """Rule 29: the session has opened."""
    check_table(
        SESSION,
        """
        60  SUBMITTED  A  buy 2
        60  REJECTED   A  buy 2  AUCTION_OVER
        """,
        "0  buy 2 A at_open",
        sessions="rrc",
        **AUCTIONS,
    )


def test_order_for_the_opening_finds_none_after_a_break_in_the_day():
    """Rule 29: the day has had its opening before the break in which the order comes, and has no other."""
    check_table(
        """
        100 100 100 100 8   .
        100 100 100 100 8   .
        110 110 110 110 8   .
        110 110 110 110 8   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        240  EXPIRED    A  buy 2  AUCTION_OVER
        """,
        "0  buy 2 A at_open",
        sessions="rerc",
        **AUCTIONS,
    )


def test_opening_of_an_instrument_is_its_first_bar_of_the_session():
    """Rule 29: A is not traded in the session's first minute, B is."""
    check_table(
        """
        100 100 100 100 8   . | 50 50 50 50 9   .
        -                   . | 50 50 50 50 9   .
        110 110 110 110 8   . | 50 50 50 50 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        120  FILLED     A  buy 2 @ 110
        """,
        "0  buy 2 A at_open",
        sessions="erc",
        **AUCTIONS,
    )


def test_order_for_an_opening_that_never_comes_expires_with_the_session():
    """Rule 29: A has no bar in the whole session."""
    check_table(
        """
        100 100 100 100 8   . | 50 50 50 50 9   .
        -                   . | 50 50 50 50 9   .
        -                   . | 50 50 50 50 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        180  EXPIRED    A  buy 2  AUCTION_OVER
        """,
        "0  buy 2 A at_open",
        sessions="erc",
        **AUCTIONS,
    )


def test_market_without_auctions_takes_no_order_for_one():
    """Rules 17, 29: neither of a strategy nor of a target, whose pursuit ends."""
    check_table(
        """
        100 100 100 100 8   .   | 50 50 50 50 9   0.5
        100 100 100 100 8   .   | 50 50 50 50 9   0.5
        """,
        """
        60  DENIED  A  buy 2    NO_AUCTION
        60  DENIED  A  buy 3    NO_AUCTION
        60  DENIED  B  buy 10   NO_AUCTION
        """,
        """
        0  buy 2 A at_open
        0  buy 3 A limit 90 at_close
        """,
        time_in_force=TimeInForce.AT_CLOSE,
    )


@pytest.mark.parametrize(
    ("life", "when", "price"), [(TimeInForce.AT_OPEN, 600, 110), (TimeInForce.AT_CLOSE, 659.999, 112)]
)
def test_targets_orders_may_be_for_an_auction(life: TimeInForce, when: float, price: int):
    """Rule 29: of bars of a day each is a session, with both its auctions."""
    check_table(
        """
        100 100 100 100 8   0.5
        110 115 105 112 8   .
        """,
        f"""
        60      SUBMITTED  A  buy 5
        60      ACCEPTED   A  buy 5
        {when}  FILLED     A  buy 5 @ {price}
        """,
        opens=[0, 600],
        days=[0, 1],
        sessions="cc",
        time_in_force=life,
        **AUCTIONS,
    )


def test_order_for_an_auction_is_amended_and_cancelled_like_any_other():
    """Rules 6, 23, 29: the new limit counts at the close; the one that is cancelled before is out."""
    check_table(
        SESSION,
        """
        60       SUBMITTED  A  buy 2 @ 100
        60       SUBMITTED  A  buy 3
        60       ACCEPTED   A  buy 2
        60       ACCEPTED   A  buy 3
        120      AMENDED    A  buy 2 @ 114
        120      CANCELED   A  buy 3  CLIENT_REQUEST
        179.999  FILLED     A  buy 2 @ 113
        """,
        """
        0  buy 2 A limit 100 at_close as x
        0  buy 3 A at_close as y
        1  amend x limit 114
        1  cancel y
        """,
        sessions="rrc",
        cash=10_000.0,
        **AUCTIONS,
    )


def test_legs_of_an_order_at_the_open_become_active_with_it():
    """Rules 24, 29: the stop-loss sees the rest of the bar in which its parent was filled."""
    check_table(
        NIGHT_AND_MORNING,
        """
        60  SUBMITTED  A  buy 2
        60  SUBMITTED  A  sell 2  STOP
        60  ACCEPTED   A  buy 2
        60  ACCEPTED   A  sell 2  STOP
        60  FILLED     A  buy 2 @ 110
        69.6  TRIGGERED  A  sell 2 @ 106  STOP
        69.6  FILLED     A  sell 2 @ 106
        """,
        "0  buy 2 A at_open stop-loss 106",
        sessions="erc",
        **AUCTIONS,
    )
