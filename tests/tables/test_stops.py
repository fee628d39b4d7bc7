"""Stops, stop-limits and take-profit orders: what triggers them, and at which price they then trade."""

from __future__ import annotations

from keel.domain.orders import PriceModel

from .candles import check_table

LONG = {"venue_qty": 5, "local_qty": 5, "tick": "1"}


def test_stop_is_triggered_inside_the_bar():
    """Rules 9, 10: 100 → 102 → 94 → 96 is 12 long, 5 s a unit; 95 is at 2 + 7 = 9: 45 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  sell 5 @ 0  ref 95  STOP
        60   ACCEPTED   A  sell 5
        105  TRIGGERED  A  sell 5 @ 95
        105  FILLED     A  sell 5 @ 95  ref 95  taker
        """,
        "0  sell 5 A stop 95",
        **LONG,
    )


def test_buy_stop_is_triggered_by_a_rise():
    """Rules 9, 10: 100 → 98 → 106 → 104 is 12 long; 104 is at 2 + 6 = 8: 40 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 106  98 104 9   .
        """,
        """
        60   SUBMITTED  A  buy 5 @ 0  ref 104
        60   ACCEPTED   A  buy 5
        100  TRIGGERED  A  buy 5 @ 104
        100  FILLED     A  buy 5 @ 104
        """,
        "0  buy 5 A stop 104",
        tick="1",
    )


def test_triggered_stop_pays_the_spread_and_the_taker_fee():
    """Rules 10, 11, 12, 15: 95 − 0.95 = 94.05, on the tick 94. The fee is 5 × 94 × 10 bp = 0.47, the spread 5 × 0.95 =
    4.75; rounding = −5 × (94 − 95) − 4.75 = 0.25.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        105  TRIGGERED  A  sell 5 @ 95
        105  FILLED     A  sell 5 @ 94  fee 0.47  ref 95  spread 4.75  rounding 0.25  taker
        """,
        "0  sell 5 A stop 95",
        half_spread_bps=100,
        fee_bps=10,
        maker_bps=2,
        **LONG,
    )


def test_gap_through_a_stop_fills_at_the_open():
    """Rule 10: the look at the opening finds 90, beyond 95."""
    check_table(
        """
        100 100 100 100 9   .
        100 100  96  96 9   .
        90   91  89  90 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        120  TRIGGERED  A  sell 5 @ 90
        120  FILLED     A  sell 5 @ 90
        """,
        "0  sell 5 A stop 95",
        **LONG,
    )


def test_stop_beyond_its_trigger_is_triggered_on_arrival():
    """Rule 10: a sell stop at 105 in a market at 100."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        60   TRIGGERED  A  sell 5 @ 100
        60   FILLED     A  sell 5 @ 100
        """,
        "0  sell 5 A stop 105",
        **LONG,
    )


def test_extreme_before_the_arrival_does_not_trigger():
    """Rules 3, 10: 100 → 92 → 108 → 100: half-way the low is over. In the next bar the stop is reached at 45 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 108  92 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        90   ACCEPTED   A  sell 5
        165  TRIGGERED  A  sell 5 @ 95
        165  FILLED     A  sell 5 @ 95
        """,
        "0  sell 5 A stop 95",
        entry_ms=30_000,
        **LONG,
    )


def test_stop_under_worst_fills_at_the_worst_of_the_bar():
    """Rules 9, 10: at the opening the sell's price is the lowest still to come, 94: beyond 95, at once."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        60   TRIGGERED  A  sell 5 @ 94
        60   FILLED     A  sell 5 @ 94  ref 94
        """,
        "0  sell 5 A stop 95",
        price_model=PriceModel.WORST,
        **LONG,
    )


def test_finer_bars_decide_when_a_stop_is_reached():
    """Rule 10: 100 → 92 in the first finer bar of 30 s, 8 long; 95 is at 5: 18.75 s. The bar would rise first."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  92  96 9   .
        """,
        """
        60     SUBMITTED  A  sell 5
        60     ACCEPTED   A  sell 5
        78.75  TRIGGERED  A  sell 5 @ 95
        78.75  FILLED     A  sell 5 @ 95  ref 95
        """,
        "0  sell 5 A stop 95",
        price_model=PriceModel.REFERENCE,
        fine="""
        60   90  100 100 92 92
        90  120   92 102 92 96
        """,
        **LONG,
    )


def test_what_is_left_of_a_triggered_stop_goes_on_at_market():
    """Rules 3, 10, 12: half of 8 × 1/4 is 1 at 45 s. At the next open, 99, half of 8 takes the other 4, although 99 is
    above the trigger.
    """
    check_table(
        """
        100 100 100 100 8   .
        100 102  94  96 8   .
        99  100  98  99 8   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        105  TRIGGERED  A  sell 5 @ 95
        105  FILLED     A  sell 1 @ 95
        120  FILLED     A  sell 4 @ 99
        """,
        "0  sell 5 A stop 95",
        max_participation=0.5,
        step="1",
        **LONG,
    )


def test_stop_limit_that_is_within_its_limit_trades_when_triggered():
    """Rule 10: 100 → 98 → 108 → 104 is 16 long; 105 is at 2 + 7 = 9: 33.75 s. 105 is within 106: it takes."""
    check_table(
        """
        100 100 100 100 9   .
        100 108  98 104 9   .
        """,
        """
        60     SUBMITTED  A  buy 2 @ 106  ref 105  STOP_LIMIT
        60     ACCEPTED   A  buy 2
        93.75  TRIGGERED  A  buy 2 @ 105
        93.75  FILLED     A  buy 2 @ 105  taker
        """,
        "0  buy 2 A stop 105 limit 106",
        tick="1",
    )


def test_stop_limit_rests_from_its_trigger_on_in_the_same_bar():
    """Rule 10: 100 → 98 → 107 → 102 is 16 long. Triggered at 2 + 7 = 9, beyond its limit of 104. On the way back 103 is
    reached at 2 + 9 + 4 = 15: 56.25 s. What the price did below 104 before the trigger does not count.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 107  98 102 9   .
        """,
        """
        60      SUBMITTED  A  buy 2 @ 104  ref 105
        60      ACCEPTED   A  buy 2
        93.75   TRIGGERED  A  buy 2 @ 105
        116.25  FILLED     A  buy 2 @ 104  maker
        """,
        "0  buy 2 A stop 105 limit 104",
        tick="1",
    )


def test_stop_limit_that_is_jumped_over_rests():
    """Rule 10: the open of 110 triggers it beyond its limit of 106, and the price does not come back to 105."""
    check_table(
        """
        100 100 100 100 9   .
        110 112 109 111 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        60   TRIGGERED  A  buy 2 @ 110
        120  CANCELED   A  buy 2  END_OF_RUN
        """,
        "0  buy 2 A stop 105 limit 106",
        tick="1",
    )


def test_jumped_stop_limit_is_filled_by_a_later_bar():
    """Rule 10: triggered beyond its limit it is a limit order like any other: the next open of 106 is not above it."""
    check_table(
        """
        100 100 100 100 9   .
        110 112 109 111 9   .
        106 107 105 106 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        60   TRIGGERED  A  buy 2 @ 110
        120  FILLED     A  buy 2 @ 106  taker
        """,
        "0  buy 2 A stop 105 limit 106",
        tick="1",
    )


def test_take_profit_order_is_triggered_in_favour_and_trades_at_market():
    """Rules 10, 11: 100 → 98 → 106 → 104 is 12 long; 105 is at 2 + 7 = 9: 45 s. Then at market: 105 − 1.05 = 103.95, on
    the tick 103.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 106  98 104 9   .
        """,
        """
        60   SUBMITTED  A  sell 5 @ 0  ref 105  TAKE_PROFIT
        60   ACCEPTED   A  sell 5
        105  TRIGGERED  A  sell 5 @ 105
        105  FILLED     A  sell 5 @ 103  ref 105  taker
        """,
        "0  sell 5 A touch 105",
        half_spread_bps=100,
        **LONG,
    )


def test_gap_through_a_take_profit_order_fills_at_the_better_open():
    """Rule 10: the open of 110 has passed 105."""
    check_table(
        """
        100 100 100 100 9   .
        110 112 109 111 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        60   TRIGGERED  A  sell 5 @ 110
        60   FILLED     A  sell 5 @ 110
        """,
        "0  sell 5 A touch 105",
        **LONG,
    )


def test_stop_that_is_only_touched_is_triggered():
    """Rule 10: a trigger needs no tick beyond: 100 → 101 → 95 → 96 is 8 long; 95 is at 1 + 6 = 7: 52.5 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 101  95  96 9   .
        """,
        """
        60     SUBMITTED  A  sell 5
        60     ACCEPTED   A  sell 5
        112.5  TRIGGERED  A  sell 5 @ 95
        112.5  FILLED     A  sell 5 @ 95
        """,
        "0  sell 5 A stop 95",
        **LONG,
    )
