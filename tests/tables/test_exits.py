"""Stop-losses and take-profits that the configuration puts on every position a target opens."""

from __future__ import annotations

from keel.domain.layout import EXIT_FRACTION, EXIT_TRUE_RANGE

from .candles import check_table

FRACTIONS = {
    "stop_kind": EXIT_FRACTION,
    "stop_distance": 0.05,
    "take_kind": EXIT_FRACTION,
    "take_distance": 0.1,
    "tick": "1",
}
MARGIN = {"margin_account": True, "shortable": True, "can_flip": True}


def test_stop_loss_by_a_fraction_ends_the_position_of_a_target():
    """Rules 10, 24: 5 % below the mark of 100 is 95, 10 % above it 110. 95 is reached at 9 of 12: 45 s. The target stays
    what it was, so under `on_change` nothing is bought again.
    """
    check_table(
        """
        100 100 100 100 9   0.5
        100 102  94  96 9   0.5
        96   96  96  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0  MARKET
        60   SUBMITTED  A  sell 5  order 1  STOP   @ 0    ref 95
        60   SUBMITTED  A  sell 5  order 2  LIMIT  @ 110  ref 0
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   ACCEPTED   A  sell 5  order 2
        60   FILLED     A  buy 5 @ 100  order 0
        105  TRIGGERED  A  sell 5 @ 95  order 1
        105  FILLED     A  sell 5 @ 95  order 1
        105  CANCELED   A  sell 0  LINKED_FILL  order 2
        """,
        **FRACTIONS,
    )


def test_take_profit_by_a_fraction_ends_the_position_of_a_target():
    """Rules 10, 24: 100 → 98 → 112 → 108 is 20 long; 111 is at 15: 45 s."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 112  98 108 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   SUBMITTED  A  sell 5  order 2
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   ACCEPTED   A  sell 5  order 2
        60   FILLED     A  buy 5 @ 100   order 0
        105  FILLED     A  sell 5 @ 110  order 2  maker
        105  CANCELED   A  sell 0  LINKED_FILL  order 1
        """,
        **FRACTIONS,
    )


def test_exits_of_a_short_stand_on_the_other_side():
    """Rules 10, 24: the stop 5 % above, the take-profit 10 % below. 100 → 98 → 106 → 104 reaches 105 at 9 of 12: 45 s."""
    check_table(
        """
        100 100 100 100 9   -0.5
        100 106  98 104 9   .
        """,
        """
        60   SUBMITTED  A  sell 5  order 0
        60   SUBMITTED  A  buy 5   order 1  @ 0   ref 105
        60   SUBMITTED  A  buy 5   order 2  @ 90  ref 0
        60   ACCEPTED   A  sell 5  order 0
        60   ACCEPTED   A  buy 5   order 1
        60   ACCEPTED   A  buy 5   order 2
        60   FILLED     A  sell 5 @ 100  order 0
        105  TRIGGERED  A  buy 5 @ 105   order 1
        105  FILLED     A  buy 5 @ 105   order 1
        105  CANCELED   A  buy 0  LINKED_FILL  order 2
        """,
        **FRACTIONS,
        **MARGIN,
    )


def test_exits_are_measured_from_the_mark_and_put_on_the_tick():
    """Rules 8, 24: from the mark of 102, not the open of 100: 102 − 5.1 = 96.9, down to 96; 102 + 10.2 = 112.2, up to 113.

    0.51 × 1000 / 102 = 5 units.
    """
    check_table(
        """
        102 102 102 102 9   0.51
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1  @ 0    ref 96
        60   SUBMITTED  A  sell 5  order 2  @ 113  ref 0
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   ACCEPTED   A  sell 5  order 2
        60   FILLED     A  buy 5 @ 100  order 0
        120  CANCELED   A  sell 5  END_OF_RUN  order 1
        120  CANCELED   A  sell 5  END_OF_RUN  order 2
        """,
        **FRACTIONS,
    )


def test_exits_by_the_true_range_of_wilder():
    """Rules 14, 24: over 2 bars. The first: 104 − 98 = 6. The second, after a close of 102: 105 − 101 = 4: (6 × 1 + 4) / 2
    = 5. The third gaps up from 103: 109 − 103 = 6: (5 × 1 + 6) / 2 = 5.5.

    The stop is 2 × 5.5 = 11 below the mark of 108, the take-profit 4 × 5.5 = 22 above. 0.54 × 1000 / 108 = 5 units.
    """
    check_table(
        """
        100 104  98 102 9   .
        102 105 101 103 9   .
        108 109 107 108 9   0.54
        108 108 108 108 9   .
        """,
        """
        180  SUBMITTED  A  buy 5   order 0
        180  SUBMITTED  A  sell 5  order 1  @ 0    ref 97
        180  SUBMITTED  A  sell 5  order 2  @ 130  ref 0
        180  ACCEPTED   A  buy 5   order 0
        180  ACCEPTED   A  sell 5  order 1
        180  ACCEPTED   A  sell 5  order 2
        180  FILLED     A  buy 5 @ 108  order 0
        240  CANCELED   A  sell 5  END_OF_RUN  order 1
        240  CANCELED   A  sell 5  END_OF_RUN  order 2
        """,
        stop_kind=EXIT_TRUE_RANGE,
        stop_distance=2,
        take_kind=EXIT_TRUE_RANGE,
        take_distance=4,
        atr_bars=2,
    )


def test_trailing_stop_loss_by_a_fraction_follows_the_best_price():
    """Rules 10, 24: 5 % below 120 is 114. 120 → 120 → 110 → 112 is 12 long; 114 is at 6: half-way."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 120 100 120 9   .
        120 120 110 112 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1  TRAILING_STOP  @ 0  ref 0
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   FILLED     A  buy 5 @ 100   order 0
        150  TRIGGERED  A  sell 5 @ 114  order 1
        150  FILLED     A  sell 5 @ 114  order 1
        """,
        stop_kind=EXIT_FRACTION,
        stop_trails=True,
        stop_distance=0.05,
    )


def test_trailing_stop_loss_by_the_true_range_keeps_its_distance():
    """Rules 10, 24: the first bar's range is 4; 2 × 4 = 8 below the best price. 100 → 110 and then 110 → 98, 12 long:
    102 is at 8: 40 s, although the range of the second bar was 10.
    """
    check_table(
        """
        100 102  98 100 9   0.5
        100 110 100 110 9   .
        110 110  98  98 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1  TRAILING_STOP
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   FILLED     A  buy 5 @ 100   order 0
        160  TRIGGERED  A  sell 5 @ 102  order 1
        160  FILLED     A  sell 5 @ 102  order 1
        """,
        stop_kind=EXIT_TRUE_RANGE,
        stop_trails=True,
        stop_distance=2,
        atr_bars=2,
    )


def test_flip_replaces_the_exits_of_the_position_before():
    """Rule 24: +5 to −5 with one order of 10, 5 of which open. With its match the legs of the long end and those of the
    short become active: 105 is reached at 9 of 12: 45 s.
    """
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   -0.5
        100 106  98 104 9   .
        """,
        """
        60   SUBMITTED  A  buy 5    order 0
        60   SUBMITTED  A  sell 5   order 1  ref 95
        60   SUBMITTED  A  sell 5   order 2  @ 110
        60   ACCEPTED   A  buy 5    order 0
        60   ACCEPTED   A  sell 5   order 1
        60   ACCEPTED   A  sell 5   order 2
        60   FILLED     A  buy 5 @ 100  order 0
        120  SUBMITTED  A  sell 10  order 3
        120  SUBMITTED  A  buy 5    order 4  ref 105
        120  SUBMITTED  A  buy 5    order 5  @ 90
        120  ACCEPTED   A  sell 10  order 3
        120  ACCEPTED   A  buy 5    order 4
        120  ACCEPTED   A  buy 5    order 5
        120  FILLED     A  sell 10 @ 100  order 3
        120  CANCELED   A  sell 5   TARGET_CHANGED  order 1
        120  CANCELED   A  sell 5   TARGET_CHANGED  order 2
        165  TRIGGERED  A  buy 5 @ 105  order 4
        165  FILLED     A  buy 5 @ 105  order 4
        165  CANCELED   A  buy 0  LINKED_FILL  order 5
        """,
        **FRACTIONS,
        **MARGIN,
    )


def test_exits_cover_a_position_that_grows():
    """Rule 24: 3 more are bought at 100 with no legs of their own: those that stand cover all 5. 95 at 45 s."""
    check_table(
        """
        100 100 100 100 9   0.2
        100 100 100 100 9   0.5
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2   order 0
        60   SUBMITTED  A  sell 2  order 1
        60   SUBMITTED  A  sell 2  order 2
        60   ACCEPTED   A  buy 2   order 0
        60   ACCEPTED   A  sell 2  order 1
        60   ACCEPTED   A  sell 2  order 2
        60   FILLED     A  buy 2 @ 100  order 0
        120  SUBMITTED  A  buy 3   order 3
        120  ACCEPTED   A  buy 3   order 3
        120  FILLED     A  buy 3 @ 100  order 3
        165  TRIGGERED  A  sell 5 @ 95  order 1
        165  FILLED     A  sell 5 @ 95  order 1
        165  CANCELED   A  sell 0  LINKED_FILL  order 2
        """,
        **FRACTIONS,
    )


def test_exits_cover_a_position_that_shrinks():
    """Rule 24: 3 of 5 are sold for a lower target; the stop is for the 2 that are left."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   0.2
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   SUBMITTED  A  sell 5  order 2
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   ACCEPTED   A  sell 5  order 2
        60   FILLED     A  buy 5 @ 100  order 0
        120  SUBMITTED  A  sell 3  order 3
        120  ACCEPTED   A  sell 3  order 3
        120  FILLED     A  sell 3 @ 100  order 3
        165  TRIGGERED  A  sell 2 @ 95  order 1
        165  FILLED     A  sell 2 @ 95  order 1
        165  CANCELED   A  sell 0  LINKED_FILL  order 2
        """,
        **FRACTIONS,
    )


def test_exits_end_with_a_target_of_zero():
    """Rule 24: the target sells all 5; nothing is left for the legs to reduce (they cover what is left: nothing)."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   0
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   SUBMITTED  A  sell 5  order 2
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   ACCEPTED   A  sell 5  order 2
        60   FILLED     A  buy 5 @ 100  order 0
        120  SUBMITTED  A  sell 5  order 3
        120  ACCEPTED   A  sell 5  order 3
        120  FILLED     A  sell 5 @ 100  order 3
        120  CANCELED   A  sell 0  REDUCE_ONLY  order 1
        120  CANCELED   A  sell 0  REDUCE_ONLY  order 2
        """,
        **FRACTIONS,
    )


def test_exits_of_a_partly_filled_target_cover_what_is_held():
    """Rules 12, 24: half of 4 fills at 60 s and again at 120 s. The third bar, 98 → 94, has a volume of 400, so the last
    unit fills at its opening, and 95, at 3 of 4, 45 s, sells all 5.
    """
    check_table(
        """
        100 100 100 100   4   0.5
        100 100 100 100   4   .
        100 100 100 100   4   .
        98   98  94  94 400   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   SUBMITTED  A  sell 5  order 2
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   ACCEPTED   A  sell 5  order 2
        60   FILLED     A  buy 2 @ 100  order 0
        120  FILLED     A  buy 2 @ 100  order 0
        180  FILLED     A  buy 1 @ 98   order 0
        225  TRIGGERED  A  sell 5 @ 95  order 1
        225  FILLED     A  sell 5 @ 95  order 1
        225  CANCELED   A  sell 0  LINKED_FILL  order 2
        """,
        **FRACTIONS,
        step="1",
        max_participation=0.5,
    )


def test_gap_through_an_exit_fills_at_the_open():
    """Rules 10, 24: 90, not 95."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        90   91  89  90 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   SUBMITTED  A  sell 5  order 2
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   ACCEPTED   A  sell 5  order 2
        60   FILLED     A  buy 5 @ 100  order 0
        120  TRIGGERED  A  sell 5 @ 90  order 1
        120  FILLED     A  sell 5 @ 90  order 1
        120  CANCELED   A  sell 0  LINKED_FILL  order 2
        """,
        **FRACTIONS,
    )


def test_exits_do_not_stand_on_orders_a_strategy_asks_for():
    """Rules 23, 24: the configuration gives legs to the orders of targets only."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        """,
        "0  buy 5 A",
        **FRACTIONS,
    )


def test_stop_loss_whose_price_would_not_be_above_zero_is_left_out():
    """Rule 24: 100 % below the mark is 0; the take-profit stands alone."""
    check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1  LIMIT  @ 110
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   FILLED     A  buy 5 @ 100  order 0
        120  CANCELED   A  sell 5  END_OF_RUN  order 1
        """,
        **(FRACTIONS | {"stop_distance": 1.0}),
    )
