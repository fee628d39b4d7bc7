"""Trailing stops: how the trigger follows the best price, inside a bar and from bar to bar."""

from __future__ import annotations

from keel.domain.orders import PriceModel

from .candles import check_table

LONG = {"venue_qty": 5, "local_qty": 5}
SHORT = {"venue_qty": -5, "local_qty": -5, "margin_account": True, "shortable": True}


def test_trailing_stop_rises_and_is_reached_in_one_bar():
    """Rules 9, 10: 100 → 106 → 92 → 96 is 24 long, 2.5 s a unit. The best price is 106, the trigger 101: it is reached
    at 6 + 5 = 11: 27.5 s.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 106  92  96 9   .
        """,
        """
        60    SUBMITTED  A  sell 5 @ 0  ref 0  TRAILING_STOP
        60    ACCEPTED   A  sell 5
        87.5  TRIGGERED  A  sell 5 @ 101
        87.5  FILLED     A  sell 5 @ 101
        """,
        "0  sell 5 A trail 5",
        **LONG,
    )


def test_trailing_stop_that_falls_first_is_reached_before_the_rise():
    """Rules 9, 10: 100 → 94 → 108 → 104 is 24 long: from the first price, 100, the trigger is 95: at 5: 12.5 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 108  94 104 9   .
        """,
        """
        60    SUBMITTED  A  sell 5
        60    ACCEPTED   A  sell 5
        72.5  TRIGGERED  A  sell 5 @ 95
        72.5  FILLED     A  sell 5 @ 95
        """,
        "0  sell 5 A trail 5",
        **LONG,
    )


def test_trailing_stop_of_a_short_follows_the_lowest_price():
    """Rules 9, 10: 100 → 94 → 108 → 104: the best price is 94, the trigger 99, reached at 6 + 5 = 11: 27.5 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 108  94 104 9   .
        """,
        """
        60    SUBMITTED  A  buy 5
        60    ACCEPTED   A  buy 5
        87.5  TRIGGERED  A  buy 5 @ 99
        87.5  FILLED     A  buy 5 @ 99
        """,
        "0  buy 5 A trail 5",
        **SHORT,
    )


def test_trailing_stop_remembers_the_best_price_of_the_bars_before():
    """Rule 10: the best price is 110, within the second bar. The third, 106 → 107 → 104 → 106, 6 long, reaches 105 at 1
    + 2 = 3: half-way.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 110 100 106 9   .
        106 107 104 106 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        150  TRIGGERED  A  sell 5 @ 105
        150  FILLED     A  sell 5 @ 105
        """,
        "0  sell 5 A trail 5",
        **LONG,
    )


def test_trailing_stop_by_a_fraction_widens_with_the_price():
    """Rule 10: 5 % below 120 is 114. 120 → 120 → 110 → 112 is 12 long; 114 is at 6: half-way."""
    check_table(
        """
        100 100 100 100 9   .
        100 120 100 120 9   .
        120 120 110 112 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        150  TRIGGERED  A  sell 5 @ 114
        150  FILLED     A  sell 5 @ 114
        """,
        "0  sell 5 A trail 5%",
        **LONG,
    )


def test_trailing_stop_of_a_short_by_a_fraction():
    """Rule 10: 5 % above 80 is 84. 80 → 80 → 90 → 88 is 12 long; 84 is at 4: a third of the bar, 20 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 100  80  80 9   .
        80   90  80  88 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        140  TRIGGERED  A  buy 5 @ 84
        140  FILLED     A  buy 5 @ 84
        """,
        "0  buy 5 A trail 5%",
        **SHORT,
    )


def test_gap_through_a_trailing_stop_fills_at_the_open():
    """Rule 10: the best price was 110; the open of 100 is beyond 105."""
    check_table(
        """
        100 100 100 100 9   .
        100 110 100 110 9   .
        100 101  96  98 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        120  TRIGGERED  A  sell 5 @ 100
        120  FILLED     A  sell 5 @ 100
        """,
        "0  sell 5 A trail 5",
        **LONG,
    )


def test_gap_in_favour_moves_the_best_price_to_the_open():
    """Rule 10: the third bar opens at 120: 115. 120 → 120 → 112 → 112 is 8 long; 115 is at 5: 37.5 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 101 100 101 9   .
        120 120 112 112 9   .
        """,
        """
        60     SUBMITTED  A  sell 5
        60     ACCEPTED   A  sell 5
        157.5  TRIGGERED  A  sell 5 @ 115
        157.5  FILLED     A  sell 5 @ 115
        """,
        "0  sell 5 A trail 5",
        **LONG,
    )


def test_high_before_the_arrival_is_not_followed():
    """Rules 3, 10: 100 → 108 → 90 → 96 is 32 long; 30 s in the walk stands at 108 − (16 − 8) = 100. From there the
    trigger is 95, reached at 8 + 13 = 21: 39.375 s; from the high it would be 103, passed before.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 108  90  96 9   .
        """,
        """
        60      SUBMITTED  A  sell 5
        90      ACCEPTED   A  sell 5
        99.375  TRIGGERED  A  sell 5 @ 95
        99.375  FILLED     A  sell 5 @ 95
        """,
        "0  sell 5 A trail 5",
        entry_ms=30_000,
        **LONG,
    )


def test_trailing_stop_under_worst_takes_the_worst_that_is_left():
    """Rule 10: reached at 101 at 27.5 s as without it; the low of 92 is still to come."""
    check_table(
        """
        100 100 100 100 9   .
        100 106  92  96 9   .
        """,
        """
        60    SUBMITTED  A  sell 5
        60    ACCEPTED   A  sell 5
        87.5  TRIGGERED  A  sell 5 @ 92
        87.5  FILLED     A  sell 5 @ 92  ref 92
        """,
        "0  sell 5 A trail 5",
        price_model=PriceModel.WORST,
        **LONG,
    )


def test_trailing_stop_triggered_at_once_under_worst_takes_the_worst_of_the_bar():
    """Rule 10: the open of 100 is beyond 105; the lowest that is left is 96."""
    check_table(
        """
        100 100 100 100 9   .
        100 110 100 110 9   .
        100 101  96  98 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        120  TRIGGERED  A  sell 5 @ 96
        120  FILLED     A  sell 5 @ 96
        """,
        "0  sell 5 A trail 5",
        price_model=PriceModel.WORST,
        **LONG,
    )


def test_trailing_stop_follows_the_finer_bars():
    """Rule 10: 100 → 104 → 92 → 96 (20 long, 1.5 s a unit) reaches 104 − 5 = 99 at 4 + 5 = 9: 13.5 s. By the bar itself
    the low would come first.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 110  92 106 9   .
        """,
        """
        60    SUBMITTED  A  sell 5
        60    ACCEPTED   A  sell 5
        73.5  TRIGGERED  A  sell 5 @ 99
        73.5  FILLED     A  sell 5 @ 99
        """,
        "0  sell 5 A trail 5",
        price_model=PriceModel.REFERENCE,
        fine="""
        60   90  100 104 92  96
        90  120   96 110 96 106
        """,
        **LONG,
    )


def test_trailing_stop_knows_nothing_of_the_finer_bar_that_begins_with_the_next():
    """Rule 10: the best price at 120 s is 100, so the trigger is 97, and 100 is not there yet. Then 100 → 104 → 94, 14
    long, reaches 101 at 4 + 3 = 7: half-way.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 104  94  94 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        150  TRIGGERED  A  sell 5 @ 101
        150  FILLED     A  sell 5 @ 101
        """,
        "0  sell 5 A trail 3",
        price_model=PriceModel.REFERENCE,
        fine="""
        60   120  100 100 100 100
        120  180  100 104  94  94
        """,
        **LONG,
    )
