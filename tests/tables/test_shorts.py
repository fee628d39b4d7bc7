"""Targets below zero, borrowed money and the end of it."""

from __future__ import annotations

from keel.domain.orders import RunStatus

from .candles import check_table

MARGIN = {"margin_account": True, "initial_margin": 1.0, "shortable": True}


def test_short_of_an_instrument_that_is_not_shortable_is_denied():
    """Rule 7: flat and without orders: the denial carries the quantity wanted."""
    check_table(
        """
        100 100 100 100 9   -0.5
        100 100 100 100 9   -0.5
        """,
        """
        60   DENIED  A  sell 5  NOT_SHORTABLE
        """,
    )


def test_long_that_should_turn_short_is_closed_and_then_denied():
    """Rule 7: 5 are sold and no more; once flat, at 180 s, the other 5 are NOT_SHORTABLE."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   -0.5
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  SUBMITTED  A  sell 5
        120  ACCEPTED   A  sell 5
        120  FILLED     A  sell 5 @ 100
        180  DENIED     A  sell 5  NOT_SHORTABLE
        """,
    )


def test_flip_takes_two_legs_where_an_order_may_not_cross_zero():
    """Rules 7, 8: +5 to −5: the close first; the opening leg waits until its fill is known."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   -0.5
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  SUBMITTED  A  sell 5
        120  ACCEPTED   A  sell 5
        120  FILLED     A  sell 5 @ 100
        180  SUBMITTED  A  sell 5
        180  ACCEPTED   A  sell 5
        180  FILLED     A  sell 5 @ 100
        """,
        **MARGIN,
    )
    assert played.position == [-5]


def test_opening_leg_of_a_flip_waits_for_the_response_of_the_close():
    """Rules 5, 7: the close fills at 120 s but is known at 210 s: the opening leg goes out at 240 s, not at 180 s."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        100 100 100 100 9   -0.5
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100   known 150
        180  SUBMITTED  A  sell 5
        180  ACCEPTED   A  sell 5
        180  FILLED     A  sell 5 @ 100  known 270
        300  SUBMITTED  A  sell 5
        300  ACCEPTED   A  sell 5
        300  FILLED     A  sell 5 @ 100
        """,
        response_ms=90_000,
        **MARGIN,
    )


def test_flip_takes_one_order_where_it_may_cross_zero():
    """Rules 7, 8: 10 at once. Equity never moves at a constant price."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   -0.5
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  SUBMITTED  A  sell 10
        120  ACCEPTED   A  sell 10
        120  FILLED     A  sell 10 @ 100
        """,
        can_flip=True,
        **MARGIN,
    )
    assert played.position == [-5]
    assert played.equity == [1000, 1000, 1000]


def test_short_gains_when_the_price_falls():
    """Rules 5, 14: 5 sold at 100: cash 1500; marked at 90: 1500 − 450 = 1050."""
    played = check_table(
        """
        100 100 100 100 9   -0.5
        100 100  90  90 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        60   FILLED     A  sell 5 @ 100
        """,
        **MARGIN,
    )
    assert played.cash == 1500
    assert played.equity == [1000, 1050]


def test_margin_account_buys_more_than_its_cash():
    """Rule 7: an initial margin of a quarter: 4 × 1000 / 100 = 40; a target of 5 times equity is clipped there."""
    played = check_table(
        """
        100 100 100 100 9   5
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 40  BUYING_POWER
        60   ACCEPTED   A  buy 40
        60   FILLED     A  buy 40 @ 100
        """,
        margin_account=True,
        initial_margin=0.25,
    )
    assert played.cash == -3000


def test_margin_is_checked_again_at_the_venue():
    """Rule 7: half of 1900 fits in 1000 at 60 s; at 150 s the last close is 110: 0.5 × 19 × 110 = 1045 does not."""
    check_table(
        """
        100 100 100 100 9   1.9
        110 110 110 110 9   .
        110 110 110 110 9   .
        """,
        """
        60   SUBMITTED  A  buy 19
        150  REJECTED   A  buy 19  INSUFFICIENT_FUNDS
        """,
        margin_account=True,
        initial_margin=0.5,
        entry_ms=90_000,
    )


def test_account_without_equity_is_bankrupt_and_decides_no_more():
    """Rule 14: 20 bought at 100 with 1000 borrowed; at 50 they are worth the debt: equity 0. The row is still marked.

    The target of that row, 0, is not decided on, and no row follows.
    """
    played = check_table(
        """
        100 100 100 100 99   2
        100 100  50  50 99   0
        100 100 100 100 99   .
        """,
        """
        60   SUBMITTED  A  buy 20
        60   ACCEPTED   A  buy 20
        60   FILLED     A  buy 20 @ 100
        """,
        margin_account=True,
        initial_margin=0.5,
    )
    assert played.equity == [1000, 0]
    assert played.status is RunStatus.BANKRUPT
