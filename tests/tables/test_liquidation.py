"""What the venue does when margin fails."""

from __future__ import annotations

import pytest

from keel.domain.orders import RunStatus

from .candles import check_table

MARGIN = {"margin_account": True, "initial_margin": 0.1, "maintenance_margin": 0.05, "shortable": True}
FEE = {"fee_bps": 10, "liquidation_fee_rate": 0.01}
LONG_50 = MARGIN | {"cash": -3800.0, "venue_qty": 50, "local_qty": 50}
"""50 units at 100 with 1200 of own money: at 80 the 200 that are left are 5% of their value."""


def test_long_position_is_closed_where_its_margin_fails_inside_the_bar():
    """Rules 15, 26: E0 = 1200, M0 = 250; at the low of 70 E1 = −300, M1 = 175: λ = 950 / (950 + 475) = 2/3.

    So at 100 − 2/3 × 30 = 80, where 200 = 5% of 4000. The fee is 50 × 80 × (10 + 100 bps) = 44. It is known at once.
    """
    played = check_table(
        """
        100 100 100 100 9   .
        100 100  70  75 9   .
        """,
        """
        120  FILLED  A  sell 50 @ 80  fee 44  LIQUIDATION  ref 80  order -1  taker  known 120
        """,
        response_ms=90_000,
        **LONG_50,
        **FEE,
    )
    assert played.cash == pytest.approx(156, rel=1e-12)
    assert played.equity == played.local_equity == pytest.approx([1200, 156], rel=1e-12)


def test_short_position_is_closed_where_its_margin_fails_inside_the_bar():
    """Rule 26: E0 = 1300, M0 = 250; at the high of 130 E1 = −200, M1 = 325: λ = 1050 / (1050 + 525) = 2/3: at 120.

    The fee is 50 × 120 × 110 bps = 66.
    """
    played = check_table(
        """
        100 100 100 100 9   .
        100 130 100 125 9   .
        """,
        """
        120  FILLED  A  buy 50 @ 120  fee 66  LIQUIDATION
        """,
        **(LONG_50 | {"cash": 6300.0, "venue_qty": -50, "local_qty": -50}),
        **FEE,
    )
    assert played.cash == pytest.approx(234, rel=1e-12)


def test_position_that_has_just_its_margin_is_left_alone():
    """Rule 26: at the low of 80 E1 = 200 = 5% of 4000 = M1."""
    check_table(
        """
        100 100 100 100 9   .
        100 100  80  90 9   .
        """,
        "",
        **LONG_50,
    )


def test_position_a_tick_below_its_margin_is_closed():
    """Rule 26: at the low of 79.99 it fails: E = M at 80, as 47.5 × 80 = 3800."""
    check_table(
        """
        100 100 100   100 9   .
        100 100 79.99 90  9   .
        """,
        """
        120  FILLED  A  sell 50 @ 80  LIQUIDATION
        """,
        **LONG_50,
    )


def test_margin_that_fails_at_the_open_is_closed_at_the_open():
    """Rule 26: at the open of 78 E0 = 100 ≤ M0 = 195: λ = 0, though the bar rises to 90 later. Fee 1%: 39."""
    played = check_table(
        """
        100 100 100 100 9   .
         78  90  78  90 9   .
        """,
        """
        120  FILLED  A  sell 50 @ 78  fee 39  LIQUIDATION
        """,
        liquidation_fee_rate=0.01,
        **LONG_50,
    )
    assert played.equity == [1200, 61]
    assert played.status is RunStatus.DONE


def test_gap_beyond_the_own_money_bankrupts_the_account():
    """Rules 14, 26: 50 × 70 = 3500 do not pay the debt of 3800: equity −300, and the target of the row is not heard."""
    played = check_table(
        """
        100 100 100 100 9   .
         70  90  70  90 9   1
         90  90  90  90 9   .
        """,
        """
        120  FILLED  A  sell 50 @ 70  LIQUIDATION
        """,
        **LONG_50,
    )
    assert played.equity == [1200, -300]
    assert played.status is RunStatus.BANKRUPT


def test_two_positions_are_closed_together_at_their_prices_of_that_moment():
    """Rule 26: E0 = 1200, M0 = 250; at the lows of 60 and 90 E1 = −50, M1 = 187.5: λ = 950 / 1187.5 = 0.8.

    A at 100 − 0.8 × 40 = 68, B at 100 − 0.8 × 10 = 92: 25 × 160 − 3800 = 200 = 5% of 4000. Fees 1%: 17 and 23.
    """
    played = check_table(
        """
        100 100 100 100 9   . | 100 100 100 100 9   .
        100 100  60  60 9   . | 100 100  90  95 9   .
        """,
        """
        120  FILLED  A  sell 25 @ 68  fee 17  LIQUIDATION
        120  FILLED  B  sell 25 @ 92  fee 23  LIQUIDATION
        """,
        liquidation_fee_rate=0.01,
        **(LONG_50 | {"venue_qty": 25, "local_qty": 25}),
    )
    assert played.cash == pytest.approx(160, rel=1e-12)


def test_worst_prices_of_all_instruments_are_taken_to_come_at_once():
    """Rule 26: long 50 A, short 50 B: E0 = 700, M0 = 500. A's low of 96 with B's high of 104: E1 = 300, M1 = 500.

    λ = 200 / (200 + 200) = 1/2: A at 98, B at 102, although both close where they opened. Cash 700 + 4900 − 5100.
    """
    played = check_table(
        """
        100 100 100 100 9   . | 100 100 100 100 9   .
        100 100  96 100 9   . | 100 104 100 100 9   .
        """,
        """
        120  FILLED  A  sell 50 @ 98  LIQUIDATION
        120  FILLED  B  buy 50 @ 102  LIQUIDATION
        """,
        A={"venue_qty": 50, "local_qty": 50},
        B={"venue_qty": -50, "local_qty": -50},
        cash=700.0,
        **MARGIN,
    )
    assert played.cash == pytest.approx(500, rel=1e-12)


def test_position_without_a_bar_is_closed_at_its_mark():
    """Rule 26: A has no bar: 100. B falls to 40: E1 = −300, M1 = 175: λ = 2/3: B at 60."""
    check_table(
        """
        100 100 100 100 9   . | 100 100 100 100 9   .
        -                   . | 100 100  40  50 9   .
        """,
        """
        120  FILLED  A  sell 25 @ 100  LIQUIDATION
        120  FILLED  B  sell 25 @ 60   LIQUIDATION
        """,
        **(LONG_50 | {"venue_qty": 25, "local_qty": 25}),
    )


def test_liquidation_pays_half_the_spread_and_the_tick():
    """Rules 11, 12, 26: 80 − 1% = 79.2, on a tick of 0.5 79: 50 × 0.8 spread, 50 × 0.2 rounding, 50 × 79 × 1% fee."""
    check_table(
        """
        100 100 100 100 9   .
        100 100  70  75 9   .
        """,
        """
        120  FILLED  A  sell 50 @ 79  fee 39.5  LIQUIDATION  ref 80  spread 40  impact 0  rounding 10
        """,
        half_spread_bps=100,
        tick="0.5",
        liquidation_fee_rate=0.01,
        **LONG_50,
    )


def test_working_orders_are_cancelled_before_the_positions_are_closed():
    """Rules 23, 26: the two bids that rest are cancelled in id order, then 50 are sold."""
    check_table(
        """
        100 100 100 100 9   .
        100 100  70  75 9   .
        """,
        """
        60   SUBMITTED  A  buy 1  LIMIT  @ 50
        60   SUBMITTED  A  buy 2  LIMIT  @ 40
        60   ACCEPTED   A  buy 1  LIMIT
        60   ACCEPTED   A  buy 2  LIMIT
        120  CANCELED   A  buy 1  LIMIT  LIQUIDATION
        120  CANCELED   A  buy 2  LIMIT  LIQUIDATION
        120  FILLED     A  sell 50 @ 80  LIQUIDATION
        """,
        requests="""
        0  buy 1 A limit 50
        0  buy 2 A limit 40
        """,
        **LONG_50,
    )


def test_order_on_its_way_survives_the_liquidation():
    """Rules 3, 26: only what works at the venue is cancelled; the order of 60 s arrives at 150 s and buys 1 at 75."""
    played = check_table(
        """
        100 100 100 100 9   .
        100 100  70  75 9   .
         75  75  75  75 9   .
        """,
        """
        60   SUBMITTED  A  buy 1
        120  FILLED     A  sell 50 @ 80  LIQUIDATION
        150  ACCEPTED   A  buy 1
        150  FILLED     A  buy 1 @ 75
        """,
        requests="0  buy 1 A",
        entry_ms=90_000,
        **LONG_50,
    )
    assert played.position == [1]


def test_position_opened_late_in_the_bar_is_not_closed_by_an_earlier_low():
    """Rules 9, 26: 100 → 70 → 100 is 1 a second; 80 are bought at 105 s for 85, when the low of 90 s has passed.

    With it E would be −5800 + 80 × 70 = −200; what is left of the bar is 85 and more: E1 = 1000, M1 = 340.
    """
    played = check_table(
        """
        100 100 100 100 9   8
        100 100  70 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 80
        105  ACCEPTED   A  buy 80
        105  FILLED     A  buy 80 @ 85
        """,
        price_model=2,
        entry_ms=45_000,
        **MARGIN,
    )
    assert played.equity == [1000, 2200]


def test_position_opened_early_in_the_bar_is_closed_by_the_low_that_follows():
    """Rules 9, 26: 80 are bought at 70 s for 90: E0 = 1000, M0 = 360; at 70 E1 = −600, M1 = 280: λ = 640 / 1520.

    90 − 20 × 8 / 19 = 1550 / 19, where −6200 + 80 P = 5% of 80 P.
    """
    check_table(
        """
        100 100 100 100 9   8
        100 100  70 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 80
        70   ACCEPTED   A  buy 80
        70   FILLED     A  buy 80 @ 90
        120  FILLED     A  sell 80 @ 1550/19  LIQUIDATION
        """,
        price_model=2,
        entry_ms=10_000,
        **MARGIN,
    )


def test_account_with_cash_only_is_never_liquidated():
    """Rule 26: in a margin account only; a holding of 50 that loses nearly all is still one's own."""
    check_table(
        """
        100 100 100 100 9   .
        100 100   1   1 9   .
        """,
        "",
        maintenance_margin=0.5,
        venue_qty=50,
        local_qty=50,
    )


def test_funding_can_be_the_last_straw():
    """Rules 25, 26: 50 × 100 × 0.2 = 1000 are paid: E0 = 200 ≤ M0 = 250: closed at the bar's one price."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   FUNDING  A  50 @ 100  cash -1000
        120  FILLED   A  sell 50 @ 100  LIQUIDATION
        """,
        actions="60  A  funding 0.2",
        **LONG_50,
    )


def test_next_target_trades_with_what_is_left():
    """Rules 6, 26: 200 are left after the sale at 80; half of it at 50 is 2 units, decided at the same close."""
    check_table(
        """
        100 100 100 100 9   .
        100 100  50  50 9   0.5
         50  50  50  50 9   .
        """,
        """
        120  FILLED     A  sell 50 @ 80  LIQUIDATION
        120  SUBMITTED  A  buy 2
        120  ACCEPTED   A  buy 2
        120  FILLED     A  buy 2 @ 50
        """,
        step="1",
        **LONG_50,
    )


def test_stop_that_is_reached_first_saves_the_position():
    """Rules 10, 24, 26: 100 → 70 passes 95 after 5 of 35, at 128.571 s: all 80 are sold before margin fails."""
    played = check_table(
        """
        100 100 100 100 9   8
        100 100 100 100 9   .
        100 100  70  75 9   .
        """,
        """
        60       SUBMITTED  A  buy 80
        60       SUBMITTED  A  sell 80  STOP  ref 95
        60       ACCEPTED   A  buy 80
        60       ACCEPTED   A  sell 80  STOP
        60       FILLED     A  buy 80 @ 100
        128.571  TRIGGERED  A  sell 80  STOP  @ 95
        128.571  FILLED     A  sell 80 @ 95
        """,
        stop_kind=1,
        stop_distance=0.05,
        **MARGIN,
    )
    assert played.cash == 600


def test_stop_that_is_not_reached_ends_with_the_position():
    """Rules 24, 26: 80 at 100 with 7000 borrowed: 76 P = 7000: at 1750 / 19 = 92.1, long before the stop of 50."""
    check_table(
        """
        100 100 100 100 9   8
        100 100 100 100 9   .
        100 100  70  75 9   .
        """,
        """
        60   SUBMITTED  A  buy 80
        60   SUBMITTED  A  sell 80  STOP  ref 50
        60   ACCEPTED   A  buy 80
        60   ACCEPTED   A  sell 80  STOP
        60   FILLED     A  buy 80 @ 100
        180  CANCELED   A  sell 80  STOP  LIQUIDATION
        180  FILLED     A  sell 80 @ 1750/19  LIQUIDATION
        """,
        stop_kind=1,
        stop_distance=0.5,
        **MARGIN,
    )
