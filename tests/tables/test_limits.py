"""Limits on the size of orders and positions."""

from __future__ import annotations

from .candles import check_table


def test_order_is_clipped_to_its_largest_weight():
    """Rule 17: at most 0.2 of 1000 an order: 2 of the 5 wanted; the target is done with."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 2  MAX_ORDER
        60   ACCEPTED   A  buy 2
        60   FILLED     A  buy 2 @ 100
        """,
        max_order_weight=0.2,
    )
    assert played.position == [2]


def test_position_is_clipped_to_its_largest_weight():
    """Rule 17: 2 held, at most 0.3 of 1000 is 3: 1 more of the 3 wanted."""
    check_table(
        """
        100 100 100 100 9   0.2
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        60   FILLED     A  buy 2 @ 100
        120  SUBMITTED  A  buy 1  MAX_POSITION
        120  ACCEPTED   A  buy 1
        120  FILLED     A  buy 1 @ 100
        """,
        max_position_weight=0.3,
    )


def test_gross_is_clipped_over_all_instruments():
    """Rule 17: at most 0.6 of 1000: A takes 400, B gets 200 of its 400."""
    check_table(
        """
        100 100 100 100 9  0.4  |  50 50 50 50 9  0.4
        100 100 100 100 9  .    |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  A  buy 4
        60   SUBMITTED  B  buy 4  MAX_GROSS
        60   ACCEPTED   A  buy 4
        60   FILLED     A  buy 4 @ 100
        60   ACCEPTED   B  buy 4
        60   FILLED     B  buy 4 @ 50
        """,
        max_gross_weight=0.6,
    )


def test_limit_that_leaves_nothing_denies_and_names_itself():
    """Rule 17: B finds the gross of 0.4 used up by A."""
    check_table(
        """
        100 100 100 100 9  0.4  |  50 50 50 50 9  0.4
        100 100 100 100 9  .    |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  A  buy 4
        60   DENIED     B  buy 8  MAX_GROSS
        60   ACCEPTED   A  buy 4
        60   FILLED     A  buy 4 @ 100
        """,
        max_gross_weight=0.4,
    )


def test_last_limit_that_clips_gives_the_reason():
    """Rule 17: 9 wanted: MAX_ORDER leaves 6, MAX_POSITION 5, MAX_GROSS 4, and 300 of cash buy 3."""
    check_table(
        """
        100 100 100 100 9   9
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 3  BUYING_POWER
        60   ACCEPTED   A  buy 3
        60   FILLED     A  buy 3 @ 100
        """,
        cash=300,
        max_order_weight=2,
        max_position_weight=5 / 3,
        max_gross_weight=4 / 3,
    )


def test_limits_are_fractions_of_what_is_allocated():
    """Rule 17: 0.5 of the half of 1000: 2.5 units."""
    check_table(
        """
        100 100 100 100 9   1
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 2.5  MAX_ORDER
        60   ACCEPTED   A  buy 2.5
        60   FILLED     A  buy 2.5 @ 100
        """,
        allocation=0.5,
        max_order_weight=0.5,
    )


def test_closing_is_never_held_up_by_a_limit_on_size():
    """Rule 17: 5 held, worth 1000 of 1500 after the price doubled; the whole may be sold at once against limits of
    0.5.
    """
    check_table(
        """
        100 100 100 100 9   0.5
        100 200 100 200 9   0
        200 200 200 200 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  SUBMITTED  A  sell 5
        120  ACCEPTED   A  sell 5
        120  FILLED     A  sell 5 @ 200
        """,
        max_order_weight=0.5,
        max_position_weight=0.5,
        max_gross_weight=0.5,
    )
