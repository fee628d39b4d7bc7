"""What a guard that is not ACTIVE does to entries at the venue, and limits in currency."""

from __future__ import annotations

import pytest

from .candles import check_table


def test_halt_takes_a_resting_entry_back():
    """Rule 17: 2 of 9 fill (a tenth of 20), the close at 40 leaves 880 of 1000: HALTED. The cancel leaves at once; what
    the next open fills at that very instant beats it (rule 6).
    """
    check_table(
        """
        100 100 100 100 20  0.9
        100 100  40  40 20  .
        40   40  40  40 20  .
        40   40  40  40 20  .
        """,
        """
        60   SUBMITTED  A  buy 9
        60   ACCEPTED   A  buy 9
        60   FILLED     A  buy 2 @ 100
        120  FILLED     A  buy 2 @ 40
        120  CANCELED   A  buy 5  HALTED
        """,
        max_participation=0.1,
        max_drawdown=0.1,
    )


def test_daily_loss_in_currency_takes_a_resting_entry_back_and_the_target_up_again_next_day():
    """Rule 17: a loss of 120 is over the limit of 100 of currency: REDUCING; the entry goes. The new day pursues the
    nine units again: 9 - 4 = 5 are missing, of which 2 fill.
    """
    check_table(
        """
        100 100 100 100 20  0.9
        100 100  40  40 20  .
        40   40  40  40 20  .
        40   40  40  40 20  .
        40   40  40  40 20  .
        """,
        """
        60   SUBMITTED  A  buy 9
        60   ACCEPTED   A  buy 9
        60   FILLED     A  buy 2 @ 100
        120  FILLED     A  buy 2 @ 40
        120  CANCELED   A  buy 5  REDUCING
        240  SUBMITTED  A  buy 5
        240  ACCEPTED   A  buy 5
        240  FILLED     A  buy 2 @ 40
        300  CANCELED   A  buy 3  END_OF_RUN
        """,
        max_participation=0.1,
        max_daily_loss_notional=100,
        days=[0, 0, 0, 1, 1],
    )


@pytest.mark.parametrize(
    ("limit", "reason"), [("max_order_notional", "MAX_ORDER"), ("max_position_notional", "MAX_POSITION")]
)
def test_limit_in_currency_clips_an_entry(limit, reason):
    """Rule 17: 300 of currency at a mark of 100 is 3 units of the 9 wanted."""
    check_table(
        """
        100 100 100 100 99  0.9
        100 100 100 100 99  .
        """,
        f"""
        60  SUBMITTED  A  buy 3  {reason}
        60  ACCEPTED   A  buy 3
        60  FILLED     A  buy 3 @ 100
        """,
        **{limit: 300},
    )
