"""Instruments quoted in another currency than the account's: what is converted, and at the rate of which moment."""

from __future__ import annotations

import pytest

from .candles import check_table

LONG = {"venue_qty": 4, "local_qty": 4}
MARGIN = {"margin_account": True, "initial_margin": 0.1, "shortable": True}


def test_fill_is_converted_at_the_rate_of_the_row_before():
    """Rules 5, 6, 27: one unit is worth 100 × 1.25 = 125: half of 1000 is 4 units. They cost 4 × 110 × 1.25 = 550.

    The 1.5 of row 1 counts from its close: 450 + 4 × 110 × 1.5 = 1110.
    """
    played = check_table(
        """
        100 100 100 100 9   0.5
        110 110 110 110 9   .
        """,
        """
        60  SUBMITTED  A  buy 4
        60  ACCEPTED   A  buy 4
        60  FILLED     A  buy 4 @ 110  rate 1.25  cash -550
        """,
        rates="""
        1.25
        1.5
        """,
    )
    assert played.cash == 450
    assert played.equity == [1000, 1110]


def test_equity_moves_with_the_rate_while_the_price_stands_still():
    """Rules 14, 27: 1000 + 4 × 100 × rate."""
    played = check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        "",
        rates="""
        1
        1.5
        0.75
        """,
        **LONG,
    )
    assert played.equity == played.local_equity == [1400, 1600, 1300]
    assert played.net == [400, 600, 300]


def test_rate_moves_while_the_instrument_has_no_bar():
    """Rules 14, 27: the mark of 100 stands, the rate does not."""
    played = check_table(
        """
        100 100 100 100 9   .
        -                   .
        """,
        "",
        rates="""
        1
        1.5
        """,
        **LONG,
    )
    assert played.equity == [1400, 1600]


def test_sale_brings_the_rate_of_its_moment():
    """Rules 5, 27: bought for 4 × 100 × 1.25 = 500, sold for 4 × 100 × 1.5 = 600: the price never moved."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   0
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 4
        60   ACCEPTED   A  buy 4
        60   FILLED     A  buy 4 @ 100   rate 1.25  cash -500
        120  SUBMITTED  A  sell 4
        120  ACCEPTED   A  sell 4
        120  FILLED     A  sell 4 @ 100  rate 1.5   cash 600
        """,
        rates="""
        1.25
        1.5
        2
        """,
    )
    assert played.cash == 1100


def test_local_book_learns_a_fill_at_the_rate_of_the_fill():
    """Rules 5, 27: filled at 60 s at a rate of 1.25, known at 150 s when it is 2: 500 are gone, not 800."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 4
        60   ACCEPTED   A  buy 4
        60   FILLED     A  buy 4 @ 100  rate 1.25  known 150
        """,
        rates="""
        1.25
        2
        2
        """,
        response_ms=90_000,
    )
    assert played.simulator.account_view().cash == 500
    assert played.local_equity == [1000, 1000, 1300]


def test_fee_and_costs_are_account_currency():
    """Rules 12, 15, 27: 4 at 100 + 1%, on a tick of 2 102: 510 at 1.25, fee 0.51; spread 4 × 1.25, rounding too."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 4
        60  ACCEPTED   A  buy 4
        60  FILLED     A  buy 4 @ 102  fee 0.51  spread 5  rounding 5  cash -510.51
        """,
        rates="""
        1.25
        1.25
        """,
        fee_bps=10,
        half_spread_bps=100,
        tick="2",
    )


def test_minimum_fee_is_account_currency():
    """Rules 15, 27: 10 bps of 500 are 0.5, below the minimum of 1: 1 it is, not 1.25."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 4
        60  ACCEPTED   A  buy 4
        60  FILLED     A  buy 4 @ 100  fee 1
        """,
        rates="""
        1.25
        1.25
        """,
        fee_bps=10,
        min_fee=1,
    )


@pytest.mark.parametrize(
    ("least", "events"),
    [
        (400, "60 SUBMITTED A buy 4\n60 ACCEPTED A buy 4\n60 FILLED A buy 4 @ 100"),
        (401, "60 DENIED A buy 4 MIN_NOTIONAL"),
    ],
)
def test_least_order_value_is_quote_currency(least, events):
    """Rules 17, 27: 4 × 100 are 400 for the venue, though they cost the account 500."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        events,
        rates="""
        1.25
        1.25
        """,
        min_notional=least,
    )


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ({"max_order_notional": 250.0}, "MAX_ORDER"),
        ({"max_order_weight": 0.25}, "MAX_ORDER"),
        ({"max_position_notional": 250.0}, "MAX_POSITION"),
        ({"max_position_weight": 0.25}, "MAX_POSITION"),
        ({"max_gross_weight": 0.25}, "MAX_GROSS"),
    ],
)
def test_limits_are_account_currency(limit, reason):
    """Rules 17, 27: 250, or a quarter of 1000, buy 2 at 100 × 1.25."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        f"""
        60  SUBMITTED  A  buy 2  {reason}
        60  ACCEPTED   A  buy 2
        60  FILLED     A  buy 2 @ 100
        """,
        rates="""
        1.25
        1.25
        """,
        **limit,
    )


def test_each_instrument_has_its_own_rate():
    """Rules 6, 27: half of 1000 is 4 at 100 × 1.25, or 5 at 100."""
    played = check_table(
        """
        100 100 100 100 9   0.5 | 100 100 100 100 9   0.5
        100 100 100 100 9   .   | 100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 4
        60  SUBMITTED  B  buy 5
        60  ACCEPTED   A  buy 4
        60  FILLED     A  buy 4 @ 100  rate 1.25
        60  ACCEPTED   B  buy 5
        60  FILLED     B  buy 5 @ 100  rate 1
        """,
        rates="""
        1.25 | 1
        1.25 | 1
        """,
    )
    assert played.cash == 0


def test_rate_that_rose_on_the_way_leaves_too_little_money():
    """Rules 7, 27: 8 at 125 take all of the 1000 at 60 s; at 150 s the rate is 1.3 and they need 1040."""
    check_table(
        """
        100 100 100 100 9   1
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 8
        150  REJECTED   A  buy 8  INSUFFICIENT_FUNDS
        """,
        rates="""
        1.25
        1.3
        1.25
        """,
        entry_ms=90_000,
    )


def test_reserve_carries_a_rate_that_rose_on_the_way():
    """Rules 7, 17, 27: with 4% held back 1000 / (125 × 1.04) = 7.69: 7 units; at 1.3 they need 910 of the 1000."""
    played = check_table(
        """
        100 100 100 100 9   1
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 7  BUYING_POWER
        150  ACCEPTED   A  buy 7
        150  FILLED     A  buy 7 @ 100  rate 1.3
        """,
        rates="""
        1.25
        1.3
        1.3
        """,
        step="1",
        reserve_rate=0.04,
        entry_ms=90_000,
    )
    assert played.cash == pytest.approx(90, rel=1e-12)


def test_order_is_cut_to_what_the_account_currency_buys():
    """Rules 12, 27: at the open of 125 a unit costs 125 × 1.25 = 156.25: 1000 buy 6 of the 8, 62.5 are left."""
    played = check_table(
        """
        100 100 100 100 9   1
        125 125 125 125 9   .
        """,
        """
        60  SUBMITTED  A  buy 8
        60  ACCEPTED   A  buy 8
        60  FILLED     A  buy 6 @ 125
        60  CANCELED   A  buy 2  INSUFFICIENT_FUNDS
        """,
        rates="""
        1.25
        1.25
        """,
        step="1",
    )
    assert played.cash == 62.5


def test_funding_dividends_and_cash_in_lieu_are_converted():
    """Rules 25, 27: at a rate of 1.25: 3 × 0.5 dividend, 3 × 100 × 0.001 funding, then half a unit of 1.5 at 200."""
    played = check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        200 200 200 200 9   .
        """,
        """
        60   DIVIDEND  A  3 @ 0.5  cash 1.875   rate 1.25
        70   FUNDING   A  3 @ 100  cash -0.375  rate 1.25
        120  SPLIT     A  1 @ 200  cash 125     rate 1.25
        """,
        actions="""
        60   A  dividend 0.5
        70   A  funding 0.001
        120  A  split 0.5
        """,
        rates="""
        1.25
        1.25
        3
        """,
        step="1",
        venue_qty=3,
        local_qty=3,
    )
    assert played.cash == 1126.5


def test_borrow_is_reckoned_on_the_value_of_the_last_close():
    """Rules 25, 27: 4 × 100 × 1.25 × 0.365 / 365 = 0.5; the rate of 2 comes with the close of row 1."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60  BORROW  A  -4 @ 100  cash -0.5  rate 1.25
        """,
        rates="""
        1.25
        2
        """,
        days=[0, 1],
        borrow_rate=0.365,
        venue_qty=-4,
        local_qty=-4,
        **MARGIN,
    )


def test_liquidation_looks_at_account_currency():
    """Rules 26, 27: 50 at 50 × 2: E0 = 1200, M0 = 250; at 35 E1 = −300, M1 = 175: λ = 2/3: at 40. Fee 4000 × 1%."""
    played = check_table(
        """
        50 50 50 50 9   .
        50 50 35 40 9   .
        """,
        """
        120  FILLED  A  sell 50 @ 40  fee 40  LIQUIDATION  rate 2
        """,
        rates="""
        2
        9
        """,
        cash=-3800.0,
        venue_qty=50,
        local_qty=50,
        maintenance_margin=0.05,
        liquidation_fee_rate=0.01,
        **MARGIN,
    )
    assert played.cash == pytest.approx(160, rel=1e-12)
