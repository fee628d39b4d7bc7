"""Legs changed while they wait for their parent, and legs while their instrument has no bar."""

from __future__ import annotations

from .candles import check_table


def test_leg_amended_while_it_is_held_starts_with_its_new_trigger():
    """Rules 10, 23, 24: 100 → 102 → 90 → 92 is 16 long, 3.75 s a unit: the entry fills at 94: 10, 37.5 s; 92 is reached
    at 12: 45 s, and 93 before it is not its trigger any more.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  90  92 9   .
        """,
        """
        60     SUBMITTED  A  buy 5   order 0
        60     SUBMITTED  A  sell 5  order 1  ref 93
        60     ACCEPTED   A  buy 5   order 0
        60     ACCEPTED   A  sell 5  order 1
        120    AMENDED    A  sell 5  order 1  ref 92
        157.5  FILLED     A  buy 5 @ 95   order 0
        165    TRIGGERED  A  sell 5 @ 92  order 1
        165    FILLED     A  sell 5 @ 92  order 1
        """,
        """
        0  buy 5 A limit 95 stop-loss 93 as x
        1  amend x.stop-loss trigger 92
        """,
        tick="1",
    )


def test_leg_cancelled_while_it_is_held_never_becomes_active():
    """Rules 6, 23, 24: only the take-profit is left when the entry fills."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  90  92 9   .
        """,
        """
        60     SUBMITTED  A  buy 5   order 0
        60     SUBMITTED  A  sell 5  order 1
        60     SUBMITTED  A  sell 5  order 2
        60     ACCEPTED   A  buy 5   order 0
        60     ACCEPTED   A  sell 5  order 1
        60     ACCEPTED   A  sell 5  order 2
        120    CANCELED   A  sell 5  CLIENT_REQUEST  order 1
        157.5  FILLED     A  buy 5 @ 95  order 0
        180    CANCELED   A  sell 5  END_OF_RUN  order 2
        """,
        """
        0  buy 5 A limit 95 stop-loss 93 take-profit 110 as x
        1  cancel x.stop-loss
        """,
        tick="1",
    )


def test_leg_with_an_amend_on_its_way_is_first_looked_at_when_it_arrives():
    """Rules 10, 24: the entry fills 37.5 s into the third bar, the amend arrives after 50 s. At 40 / 3 of 16 the walk
    stands at 102 − 34 / 3 = 272 / 3, beyond 92: triggered at once, on the tick 90.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  90  92 9   .
        """,
        """
        60     SUBMITTED  A  buy 5   order 0
        60     SUBMITTED  A  sell 5  order 1
        110    ACCEPTED   A  buy 5   order 0
        110    ACCEPTED   A  sell 5  order 1
        157.5  FILLED     A  buy 5 @ 95  order 0
        170    AMENDED    A  sell 5  order 1  ref 92
        170    TRIGGERED  A  sell 5 @ 272/3  order 1
        170    FILLED     A  sell 5 @ 90  ref 272/3  order 1
        """,
        """
        0  buy 5 A limit 95 stop-loss 93 as x
        1  amend x.stop-loss trigger 92
        """,
        tick="1",
        entry_ms=50_000,
    )


def test_legs_of_an_order_amended_to_less_cover_what_it_buys():
    """Rules 23, 24: 3 of 5. The stop is reached at 11 of 16: 41.25 s."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 102  90  92 9   .
        """,
        """
        60      SUBMITTED  A  buy 5   order 0
        60      SUBMITTED  A  sell 5  order 1
        60      ACCEPTED   A  buy 5   order 0
        60      ACCEPTED   A  sell 5  order 1
        120     AMENDED    A  buy 3 @ 95  order 0
        157.5   FILLED     A  buy 3 @ 95  order 0
        161.25  TRIGGERED  A  sell 3 @ 93  order 1
        161.25  FILLED     A  sell 3 @ 93  order 1
        """,
        """
        0  buy 5 A limit 95 stop-loss 93 as x
        1  amend x qty 3
        """,
        tick="1",
    )


def test_part_of_a_take_profit_leaves_a_stop_loss_for_the_rest():
    """Rules 12, 24: 100 → 98 → 106 → 104 goes through 105 at 50 s: of 24 × 1/6 = 4 the 4 bought in this bar leave
    nothing. The third bar does the same, and 12 × 1/6 = 2 of 4 are sold. Then 98 → 94 reaches 95 at 3 of 4, 45 s, for
    the other 2.
    """
    check_table(
        """
        100 100 100 100 24   .
        100 106  98 104 24   .
        100 106  98 104 12   .
        98   98  94  94 24   .
        """,
        """
        60   SUBMITTED  A  buy 4   order 0
        60   SUBMITTED  A  sell 4  order 1
        60   SUBMITTED  A  sell 4  order 2
        60   ACCEPTED   A  buy 4   order 0
        60   ACCEPTED   A  sell 4  order 1
        60   ACCEPTED   A  sell 4  order 2
        60   FILLED     A  buy 4 @ 100   order 0
        170  FILLED     A  sell 2 @ 105  order 2
        225  TRIGGERED  A  sell 2 @ 95   order 1
        225  FILLED     A  sell 2 @ 95   order 1
        225  CANCELED   A  sell 0  LINKED_FILL  order 2
        """,
        "0  buy 4 A stop-loss 95 take-profit 105",
        tick="1",
        step="1",
        max_participation=1.0,
    )


def test_gap_over_a_missing_bar_fills_a_stop_loss_at_the_next_open():
    """Rules 2, 10, 24: A has no bar in the third row and opens at 90 in the fourth."""
    check_table(
        """
        100 100 100 100 9   . | 50 50 50 50 9   .
        100 100 100 100 9   . | 50 50 50 50 9   .
        -                   . | 50 50 50 50 9   .
        90   91  89  90 9   . | 50 50 50 50 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   FILLED     A  buy 5 @ 100  order 0
        180  TRIGGERED  A  sell 5 @ 90  order 1
        180  FILLED     A  sell 5 @ 90  order 1
        """,
        "0  buy 5 A stop-loss 95",
        tick="1",
    )


def test_legs_activated_at_the_close_are_looked_at_from_there():
    """Rules 10, 24: 100 → 94 in a straight line: the entry fills with the last millisecond of the bar, so the low of
    that bar cannot reach the stop of 93; the next open of 92 does.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100  94  94 9   .
        92   93  91  92 9   .
        """,
        """
        60       SUBMITTED  A  buy 5   order 0
        60       SUBMITTED  A  sell 5  order 1
        60       ACCEPTED   A  buy 5   order 0
        60       ACCEPTED   A  sell 5  order 1
        119.999  FILLED     A  buy 5 @ 95   order 0
        120      TRIGGERED  A  sell 5 @ 92  order 1
        120      FILLED     A  sell 5 @ 92  order 1
        """,
        "0  buy 5 A limit 95 stop-loss 93",
        tick="1",
    )


def test_legs_grow_after_one_of_them_has_sold_a_part():
    """Rules 12, 24: 2 of 4 are bought at 95, half of 24 × 1/6. The take-profit sells 1, half of 12 × 1/6: the stop-loss
    is for 1. The other 2 are bought: it is for 3. 92 → 88 reaches 90 at 2 of 4: half-way; the take-profit has sold 1 of
    4 and the stop-loss the rest.
    """
    check_table(
        """
        100 100 100 100 24   .
        100 102  94  96 24   .
        100 106  98 104 12   .
        100 102  94  96 24   .
        92   92  88  88 24   .
        """,
        """
        60   SUBMITTED  A  buy 4   order 0
        60   SUBMITTED  A  sell 4  order 1
        60   SUBMITTED  A  sell 4  order 2
        60   ACCEPTED   A  buy 4   order 0
        60   ACCEPTED   A  sell 4  order 1
        60   ACCEPTED   A  sell 4  order 2
        110  FILLED     A  buy 2 @ 95    order 0
        170  FILLED     A  sell 1 @ 105  order 2
        230  FILLED     A  buy 2 @ 95    order 0
        270  TRIGGERED  A  sell 3 @ 90   order 1
        270  FILLED     A  sell 3 @ 90   order 1
        270  CANCELED   A  sell 0  LINKED_FILL  order 2
        """,
        "0  buy 4 A limit 95 stop-loss 90 take-profit 105",
        tick="1",
        step="1",
        max_participation=0.5,
    )


def test_leg_of_a_flip_is_held_until_there_is_something_to_reduce():
    """Rules 12, 24: the first 2 of 8 sold leave 1 long: a buy has nothing to reduce. The other 6 make it 5 short: the
    stop-loss is for 5, not 6. 100 → 98 → 106 → 104 reaches 105 at 9 of 12: 45 s.
    """
    check_table(
        """
        100 100 100 100   4   .
        100 106  98 104   4   .
        100 100 100 100 400   .
        100 106  98 104 400   .
        """,
        """
        60   SUBMITTED  A  sell 8  order 0
        60   SUBMITTED  A  buy 5   order 1
        60   ACCEPTED   A  sell 8  order 0
        60   ACCEPTED   A  buy 5   order 1
        60   FILLED     A  sell 2 @ 100  order 0
        120  FILLED     A  sell 6 @ 100  order 0
        225  TRIGGERED  A  buy 5 @ 105   order 1
        225  FILLED     A  buy 5 @ 105   order 1
        """,
        "0  sell 8 A stop-loss 105",
        tick="1",
        step="1",
        max_participation=0.5,
        venue_qty=3,
        local_qty=3,
        margin_account=True,
        shortable=True,
        can_flip=True,
    )
