"""Exits of the configuration while the position grows, shrinks, flips and ends."""

from __future__ import annotations

from keel.domain.layout import EXIT_FRACTION

from .candles import check_table

FRACTIONS = {
    "stop_kind": EXIT_FRACTION,
    "stop_distance": 0.05,
    "take_kind": EXIT_FRACTION,
    "take_distance": 0.1,
    "tick": "1",
}
MARGIN = {"margin_account": True, "shortable": True, "can_flip": True}


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
    """Rules 12, 24: half of 4 fills at 60 s and again at 120 s. The third bar, 98 → 94, has a volume of 400, so the
    last unit fills at its opening, and 95, at 3 of 4, 45 s, sells all 5.
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
