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
    """Rules 10, 24: 5 % below the mark of 100 is 95, 10 % above it 110. 95 is reached at 9 of 12: 45 s. The target
    stays what it was, so under `on_change` nothing is bought again.
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
    """Rules 10, 24: the stop is 5 % above, the other 10 % below. 100 → 98 → 106 → 104 reaches 105 at 9 of 12: 45 s."""
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
    """Rules 8, 24: from the mark of 102, not the open of 100: 102 − 5.1 = 96.9, down to 96; 102 + 10.2 = 112.2, up to
    113.

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
    """Rules 14, 24: over 2 bars. The first: 104 − 98 = 6. The second, after a close of 102: 105 − 101 = 4: (6 × 1 + 4)
    / 2 = 5. The third gaps up from 103: 109 − 103 = 6: (5 × 1 + 6) / 2 = 5.5.

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
