"""What the venue takes in at an order's arrival, and what it rejects."""

from __future__ import annotations

from .candles import check_table


def test_venue_rejects_a_buy_that_its_marks_no_longer_afford():
    """Rule 7: 9 × 100 fitted at 60 s; at 150 s the last close is 120: 9 × 120 = 1080 > 1000."""
    played = check_table(
        """
        100 100 100 100 9   0.9
        120 120 120 120 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 9
        150  REJECTED   A  buy 9  INSUFFICIENT_FUNDS
        """,
        entry_ms=90_000,
    )
    assert played.cash == 1000


def test_venue_rejects_a_buy_that_overlooked_a_fill_whose_response_is_late():
    """Rule 7: A fills at 120 for 600, known 90 s later. At 120 s the local book counts 1000 − 500 reserved = 500 free.

    B's order of 500 goes out; the venue's cash is 400.
    """
    played = check_table(
        """
        100 100 100 100 9  0.5  |  50 50 50 50 9  .
        120 120 120 120 9  .    |  50 50 50 50 9  0.5
        120 120 120 120 9  .    |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5         known 150
        60   FILLED     A  buy 5 @ 120   known 150
        120  SUBMITTED  B  buy 10
        120  REJECTED   B  buy 10  INSUFFICIENT_FUNDS  known 210
        """,
        response_ms=90_000,
    )
    assert played.cash == 400


def test_venue_rejects_a_sale_of_more_than_it_holds():
    """Rule 7: the local book starts with 5 units, the venue's with 3: the sale of 5 is refused."""
    played = check_table(
        """
        100 100 100 100 9   0
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   REJECTED   A  sell 5  INSUFFICIENT_POSITION
        """,
        venue_qty=3,
        local_qty=5,
        every_bar=True,
    )
    assert played.equity == [1300, 1300]


def test_venue_accepts_what_its_other_orders_leave():
    """Rule 7: the order of A (500) rests for want of volume; the venue has 500 for B, no more and no less."""
    check_table(
        """
        100 100 100 100 9  0.5  |  50 50 50 50 9  .
        100 100 100 100 0  .    |  50 50 50 50 9  0.5
        100 100 100 100 0  .    |  50 50 50 50 10 .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        120  SUBMITTED  B  buy 10
        120  ACCEPTED   B  buy 10
        120  FILLED     B  buy 10 @ 50
        180  CANCELED   A  buy 5  END_OF_RUN
        """,
        max_participation=1.0,
    )


def test_flip_may_use_the_margin_that_it_frees():
    """Rule 7: 20 long on a margin of a half: nothing is free. A sale of 40 closes 20, which frees 1000, and opens 20.

    The opening needs 20 × 100 × 0.5 = 1000: it fits, with us and at the venue.
    """
    played = check_table(
        """
        100 100 100 100 9   2
        100 100 100 100 9   -2
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 20
        60   ACCEPTED   A  buy 20
        60   FILLED     A  buy 20 @ 100
        120  SUBMITTED  A  sell 40
        120  ACCEPTED   A  sell 40
        120  FILLED     A  sell 40 @ 100
        """,
        margin_account=True,
        initial_margin=0.5,
        shortable=True,
        can_flip=True,
    )
    assert played.position == [-20]
