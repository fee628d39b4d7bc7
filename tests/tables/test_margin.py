"""What a margin account may open."""

from __future__ import annotations

from .candles import check_table


def test_buying_power_is_equity_over_initial_margin_and_fee():
    """Rules 7, 17: 100 × (0.25 + 1%) = 26 a unit: 1000 pay for 38 of the 50 wanted."""
    played = check_table(
        """
        100 100 100 100 9   5
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 38  BUYING_POWER
        60  ACCEPTED   A  buy 38
        60  FILLED     A  buy 38 @ 100  fee 38
        """,
        step="1",
        fee_bps=100,
        margin_account=True,
        initial_margin=0.25,
    )
    assert played.cash == -2838


def test_second_instrument_gets_the_buying_power_that_the_first_leaves():
    """Rules 7, 17: 20 of A hold 20 × 100 × 0.25 = 500; the other 500 carry 20 of the 30 of B."""
    check_table(
        """
        100 100 100 100 9   2 | 100 100 100 100 9   3
        100 100 100 100 9   . | 100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 20
        60  SUBMITTED  B  buy 20  BUYING_POWER
        60  ACCEPTED   A  buy 20
        60  FILLED     A  buy 20 @ 100
        60  ACCEPTED   B  buy 20
        60  FILLED     B  buy 20 @ 100
        """,
        margin_account=True,
        initial_margin=0.25,
    )


def test_account_below_its_initial_margin_opens_nothing_and_may_close():
    """Rules 7, 17: equity 200 at 60, but 20 units need 0.25 × 1200 = 300: no more; 7 × 200 / 60 asks for 3 more.

    The weight of 5 is 16.67 units: 3 are sold.
    """
    check_table(
        """
        60 60 60 60 9   7
        60 60 60 60 9   5
        60 60 60 60 9   .
        """,
        """
        60   DENIED     A  buy 3   BUYING_POWER
        120  SUBMITTED  A  sell 3
        120  ACCEPTED   A  sell 3
        120  FILLED     A  sell 3 @ 60
        """,
        step="1",
        cash=-1000.0,
        venue_qty=20,
        local_qty=20,
        margin_account=True,
        initial_margin=0.25,
    )


def test_margin_is_account_currency():
    """Rules 7, 17, 27: a tenth of 100 × 1.25 is 12.5 a unit: 1000 carry 80 of the 96 wanted."""
    played = check_table(
        """
        100 100 100 100 9   12
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 80  BUYING_POWER
        60  ACCEPTED   A  buy 80
        60  FILLED     A  buy 80 @ 100
        """,
        rates="""
        1.25
        1.25
        """,
        margin_account=True,
        initial_margin=0.1,
    )
    assert played.cash == -9000


def test_short_sale_needs_the_same_margin():
    """Rules 7, 17: 1000 / (100 × 0.25) = 40 of the 50 wanted."""
    played = check_table(
        """
        100 100 100 100 9   -5
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  sell 40  BUYING_POWER
        60  ACCEPTED   A  sell 40
        60  FILLED     A  sell 40 @ 100
        """,
        margin_account=True,
        initial_margin=0.25,
        shortable=True,
    )
    assert played.cash == 5000


def test_what_a_flip_closes_lends_its_margin_to_what_it_opens():
    """Rules 7, 17: 20 held leave 1000 − 0.25 × 2000 = 500, and closing them another 500: 1000 / 25 = 40 short.

    So 60 of the 70 that lead from +20 to −50 are sold, and the venue comes to the same: 40 × 25 = 1000.
    """
    played = check_table(
        """
        100 100 100 100 9   -5
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  sell 60  BUYING_POWER
        60  ACCEPTED   A  sell 60
        60  FILLED     A  sell 60 @ 100
        """,
        cash=-1000.0,
        venue_qty=20,
        local_qty=20,
        margin_account=True,
        initial_margin=0.25,
        shortable=True,
        can_flip=True,
    )
    assert played.position == [-40]


def test_limit_order_reserves_its_limit_at_the_rate():
    """Rules 7, 17, 27: 5 at 80 × 1.25 hold 500 of the 1000 back: 5 of the 6 of the second are left. Both rest."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5  LIMIT  @ 80
        60   SUBMITTED  A  buy 5  LIMIT  @ 80  BUYING_POWER
        60   ACCEPTED   A  buy 5  LIMIT
        60   ACCEPTED   A  buy 5  LIMIT
        120  CANCELED   A  buy 5  LIMIT  END_OF_RUN
        120  CANCELED   A  buy 5  LIMIT  END_OF_RUN
        """,
        requests="""
        0  buy 5 A limit 80
        0  buy 6 A limit 80
        """,
        rates="""
        1.25
        1.25
        """,
    )
