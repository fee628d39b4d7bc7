"""Limit orders: when they trade at once, when they rest, and what a resting one is filled at."""

from __future__ import annotations

import pytest

from keel.domain.orders import PriceModel

from .candles import check_table


def test_limit_touched_but_not_through_rests():
    """Rule 10: with a tick of 1 a buy at 95 fills when the price goes to 94. The low of 95 twice is not enough."""
    check_table(
        """
        100 100 100 100 9   .
        100 101  95  97 9   .
        97   98  95  98 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 95  LIMIT
        60   ACCEPTED   A  buy 2
        180  CANCELED   A  buy 2  END_OF_RUN
        """,
        "0  buy 2 A limit 95",
        tick="1",
    )


def test_limit_one_tick_through_fills_at_its_price():
    """Rules 9, 10: 100 → 102 → 94 → 96 is 2 + 8 + 2 = 12 long, 5 s a unit. 94 is 2 + 8 = 10 from the open: 50 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 95
        60   ACCEPTED   A  buy 2
        110  FILLED     A  buy 2 @ 95  ref 95  maker
        """,
        "0  buy 2 A limit 95",
        tick="1",
    )


def test_sell_limit_one_tick_through_fills_at_its_price():
    """Rules 9, 10: the low (2 away) comes before the high (6 away): 100 → 98 → 106 → 104, 12 long. 106 is at 2 + 8."""
    check_table(
        """
        100 100 100 100 9   .
        100 106  98 104 9   .
        """,
        """
        60   SUBMITTED  A  sell 2 @ 105
        60   ACCEPTED   A  sell 2
        110  FILLED     A  sell 2 @ 105  ref 105  maker
        """,
        "0  sell 2 A limit 105",
        tick="1",
        venue_qty=2,
        local_qty=2,
    )


def test_touch_fills_a_limit_that_the_price_only_reaches():
    """Rule 10: `limit_fill: touch`. 100 → 101 → 95 → 96 is 8 long, 7.5 s a unit; 95 is at 1 + 6 = 7: 52.5 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 101  95  96 9   .
        """,
        """
        60     SUBMITTED  A  buy 2 @ 95
        60     ACCEPTED   A  buy 2
        112.5  FILLED     A  buy 2 @ 95  maker
        """,
        "0  buy 2 A limit 95",
        tick="1",
        limit_touch=True,
    )


def test_limit_of_an_instrument_without_a_tick_fills_when_touched():
    """Rule 10: there is no tick to go through. The same bar as with `touch`."""
    check_table(
        """
        100 100 100 100 9   .
        100 101  95  96 9   .
        """,
        """
        60     SUBMITTED  A  buy 2 @ 95
        60     ACCEPTED   A  buy 2
        112.5  FILLED     A  buy 2 @ 95  maker
        """,
        "0  buy 2 A limit 95",
    )


def test_marketable_limit_takes_pays_the_spread_and_the_taker_fee():
    """Rules 10, 11, 15: half = 1 % of 100 = 1, price 101 ≤ 105. Fee 2 × 101 × 10 bp = 0.202, not the maker's 2 bp."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 105
        60   ACCEPTED   A  buy 2
        60   FILLED     A  buy 2 @ 101  fee 0.202  ref 100  spread 2  rounding 0  taker
        """,
        "0  buy 2 A limit 105",
        tick="1",
        half_spread_bps=100,
        fee_bps=10,
        maker_bps=2,
    )


def test_resting_limit_pays_no_spread_and_the_maker_fee():
    """Rules 10, 15: 2 × 95 × 2 bp = 0.038, at 50 s as in the table without costs."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 95
        60   ACCEPTED   A  buy 2
        110  FILLED     A  buy 2 @ 95  fee 0.038  ref 95  spread 0  rounding 0  maker
        """,
        "0  buy 2 A limit 95",
        tick="1",
        half_spread_bps=100,
        fee_bps=10,
        maker_bps=2,
    )


def test_spread_keeps_a_limit_at_the_price_from_trading():
    """Rules 10, 11: the open of 95 is the limit, but half = 0.95 puts the price at 95.95, on the tick 96: it rests."""
    check_table(
        """
        100 100 100 100 9   .
        95   96  95  95 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 95
        60   ACCEPTED   A  buy 2
        120  CANCELED   A  buy 2  END_OF_RUN
        """,
        "0  buy 2 A limit 95",
        tick="1",
        half_spread_bps=100,
    )


def test_marketable_limit_never_pays_beyond_its_price():
    """Rules 10, 11, 12: the return of 10 % makes √var = 1000 bp; one unit of a volume of 100 moves the price by 1000 ×
    √(1/100) = 100 bp: 100 + 1 = 101. The limit of 100.5 holds: rounding = (100.5 − 100) − 0 − 1 = −0.5.
    """
    check_table(
        """
        100 100 100 100 100   .
        100 110 100 110 100   .
        100 100 100 100 100   .
        """,
        """
        120  SUBMITTED  A  buy 1 @ 100.5
        120  ACCEPTED   A  buy 1
        120  FILLED     A  buy 1 @ 100.5  ref 100  impact 1  rounding -0.5  taker
        """,
        "1  buy 1 A limit 100.5",
        tick="0.5",
        max_participation=1.0,
        impact_coefficient=1.0,
    )


def test_resting_limit_that_the_open_gaps_through_trades_at_the_open():
    """Rule 10: the look at the opening finds 90, better than 95: it takes 90 and pays the taker fee, 2 × 90 × 10 bp."""
    check_table(
        """
        100 100 100 100 9   .
        100 100  98  98 9   .
        90   91  89  90 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 95
        60   ACCEPTED   A  buy 2
        120  FILLED     A  buy 2 @ 90  fee 0.18  taker
        """,
        "0  buy 2 A limit 95",
        tick="1",
        fee_bps=10,
        maker_bps=2,
    )


def test_extreme_before_the_arrival_does_not_fill():
    """Rules 3, 10: 100 → 92 → 108 → 100 is 32 long; half-way through the bar the low is over and the price is 100.

    The next bar, 100 → 102 → 94 → 96, goes through 95 at 50 s.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 108  92 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 95
        90   ACCEPTED   A  buy 2
        170  FILLED     A  buy 2 @ 95  maker
        """,
        "0  buy 2 A limit 95",
        tick="1",
        entry_ms=30_000,
    )


def test_limit_the_walk_has_already_passed_fills_on_arrival_at_its_price():
    """Rules 9, 10: under `open` the look asks at the open, 100, which is above 95: it rests. But 33 s into 100 → 102 →
    90 → 96 (20 long, 3 s a unit) the walk stands at 102 − (11 − 2) = 93, through 94: filled then, at 95.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 102  90  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 95
        93   ACCEPTED   A  buy 2
        93   FILLED     A  buy 2 @ 95  maker
        """,
        "0  buy 2 A limit 95",
        tick="1",
        entry_ms=33_000,
    )


def test_limit_arriving_at_a_better_price_takes_it_under_path():
    """Rules 9, 10: the same bar and arrival under `path`: R is 93, within 95: it takes 93."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  90  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 95
        93   ACCEPTED   A  buy 2
        93   FILLED     A  buy 2 @ 93  taker
        """,
        "0  buy 2 A limit 95",
        tick="1",
        entry_ms=33_000,
        price_model=PriceModel.PATH,
    )


def test_resting_limit_takes_its_part_of_each_bar():
    """Rules 10, 12: 2 of 3 at most: at 50 s of 60 half of 24 × 1/6 = 2 fill. The next bar, 96 → 98 → 92 → 92, 8 long,
    comes through 95 at 2 + 4 = 6, 45 s: half of 24 × 1/4 = 3 is more than the 1 that is left.
    """
    check_table(
        """
        100 100 100 100 24   .
        100 102  94  96 24   .
        96   98  92  92 24   .
        """,
        """
        60   SUBMITTED  A  buy 3 @ 95
        60   ACCEPTED   A  buy 3
        110  FILLED     A  buy 2 @ 95  maker
        165  FILLED     A  buy 1 @ 95  maker
        """,
        "0  buy 3 A limit 95",
        tick="1",
        step="1",
        max_participation=0.5,
    )


@pytest.mark.parametrize(
    ("request_line", "submitted"),
    [
        ("buy 2 A limit 95.7", "buy 2 @ 95 ref 0 LIMIT"),
        ("sell 2 A limit 104.2", "sell 2 @ 105 ref 0 LIMIT"),
        ("buy 2 A stop 105.2", "buy 2 @ 0 ref 106 STOP"),
        ("sell 2 A stop 94.8", "sell 2 @ 0 ref 94 STOP"),
        ("buy 2 A stop 105.2 limit 107.8", "buy 2 @ 107 ref 106 STOP_LIMIT"),
        ("sell 2 A touch 110.5", "sell 2 @ 0 ref 110 TAKE_PROFIT"),
        ("buy 2 A limit 0.4", "buy 2 @ 1 ref 0 LIMIT"),
    ],
)
def test_prices_are_put_on_the_tick(request_line, submitted):
    """Rule 8: a limit in our favour (a buy down, a sell up), a trigger against the market (a buy up, a sell down); what
    would come to 0 is one tick. The row that decides is the last: what was sent ends there.
    """
    side, qty = submitted.split()[:2]
    check_table(
        "100 100 100 100 9   .",
        f"""
        60   SUBMITTED  A  {submitted}
        60   CANCELED   A  {side} {qty}  END_OF_RUN
        """,
        f"0  {request_line}",
        tick="1",
        venue_qty=2,
        local_qty=2,
    )


def test_finer_bars_decide_when_a_limit_is_reached():
    """Rule 10: the bar would rise first; its finer bars fall first: 100 → 92 in 30 s, 8 long, 94 at 6: 22.5 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  92  96 9   .
        """,
        """
        60    SUBMITTED  A  buy 2 @ 95
        60    ACCEPTED   A  buy 2
        82.5  FILLED     A  buy 2 @ 95  maker
        """,
        "0  buy 2 A limit 95",
        tick="1",
        price_model=PriceModel.REFERENCE,
        fine="""
        60   90  100 100 92 92
        90  120   92 102 92 96
        """,
    )


def test_limit_rests_while_its_instrument_has_no_bar():
    """Rules 2, 3, 10: A has no bar in the second row: the order is accepted and looked at when the third opens."""
    check_table(
        """
        100 100 100 100 9   . | 50 50 50 50 9   .
        -                   . | 50 50 50 50 9   .
        100 102  94  96 9   . | 50 50 50 50 9   .
        """,
        """
        60   SUBMITTED  A  buy 2 @ 95
        60   ACCEPTED   A  buy 2
        170  FILLED     A  buy 2 @ 95  maker
        """,
        "0  buy 2 A limit 95",
        tick="1",
    )
