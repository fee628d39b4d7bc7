"""Orders that wait for a price under the price models that look further than the bar's walk."""

from __future__ import annotations

import pytest

from keel.domain.orders import PriceModel

from .candles import check_table


def test_limit_under_worst_takes_the_worst_price_within_its_limit():
    """Rules 9, 10: the highest to come is 102, within 103."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        60   FILLED     A  buy 2 @ 102  taker
        """,
        "0  buy 2 A limit 103",
        tick="1",
        price_model=PriceModel.WORST,
    )


def test_limit_under_worst_that_the_price_has_passed_fills_at_its_limit():
    """Rules 9, 10: the highest to come, 102, is beyond 101; but the walk begins at 100, through it: at 101 at once."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        60   FILLED     A  buy 2 @ 101  maker
        """,
        "0  buy 2 A limit 101",
        tick="1",
        price_model=PriceModel.WORST,
    )


def test_limit_that_rests_under_worst_is_reached_by_the_walk():
    """Rules 9, 10: 94 at 50 s, at the limit price."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  94  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        110  FILLED     A  buy 2 @ 95  maker
        """,
        "0  buy 2 A limit 95",
        tick="1",
        price_model=PriceModel.WORST,
    )


@pytest.mark.parametrize("model", [PriceModel.OPEN, PriceModel.BRIDGE, PriceModel.PATH])
def test_stop_loss_is_looked_at_on_the_path_when_it_becomes_active(model):
    """Rules 9, 10, 24: the entry fills at 94, 10 of 16, 37.5 s into 100 → 102 → 90 → 92. A stop of 95 is passed there
    and then: 94, whatever the model would say of an arriving order; under `path` and the others alike.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 102  90  92 9   .
        """,
        """
        60    SUBMITTED  A  buy 5   order 0
        60    SUBMITTED  A  sell 5  order 1
        60    ACCEPTED   A  buy 5   order 0
        60    ACCEPTED   A  sell 5  order 1
        97.5  FILLED     A  buy 5 @ 95   order 0
        97.5  TRIGGERED  A  sell 5 @ 94  order 1
        97.5  FILLED     A  sell 5 @ 94  order 1
        """,
        "0  buy 5 A limit 95 stop-loss 95",
        tick="1",
        price_model=model,
    )


def test_stop_loss_that_becomes_active_under_worst_takes_the_worst_that_is_left():
    """Rules 9, 10, 24: at 97.5 s 90 is still to come."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  90  92 9   .
        """,
        """
        60    SUBMITTED  A  buy 5   order 0
        60    SUBMITTED  A  sell 5  order 1
        60    ACCEPTED   A  buy 5   order 0
        60    ACCEPTED   A  sell 5  order 1
        97.5  FILLED     A  buy 5 @ 95   order 0
        97.5  TRIGGERED  A  sell 5 @ 90  order 1
        97.5  FILLED     A  sell 5 @ 90  order 1
        """,
        "0  buy 5 A limit 95 stop-loss 93",
        tick="1",
        price_model=PriceModel.WORST,
    )


def test_stop_loss_and_take_profit_of_finer_bars_follow_each_other():
    """Rules 10, 24: the entry fills at 100 at 60 s. The first finer bar rises, 100 → 106, the second falls, 106 → 90,
    16 long: the take-profit at 108 is never reached, 95 is at 11: 20.625 s after 90 s.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 106  90  92 9   .
        """,
        """
        60       SUBMITTED  A  buy 5   order 0
        60       SUBMITTED  A  sell 5  order 1
        60       SUBMITTED  A  sell 5  order 2
        60       ACCEPTED   A  buy 5   order 0
        60       ACCEPTED   A  sell 5  order 1
        60       ACCEPTED   A  sell 5  order 2
        60       FILLED     A  buy 5 @ 100   order 0
        110.625  TRIGGERED  A  sell 5 @ 95   order 1
        110.625  FILLED     A  sell 5 @ 95   order 1
        110.625  CANCELED   A  sell 0  LINKED_FILL  order 2
        """,
        "0  buy 5 A stop-loss 95 take-profit 108",
        tick="1",
        price_model=PriceModel.REFERENCE,
        fine="""
        60   90  100 106 100 106
        90  120  106 106  90  90
        """,
    )


def test_limit_between_finer_bars_gets_the_next_ones_open():
    """Rules 9, 10: the finer bars leave out 80 s to 100 s; the second opens at 93, through 95: at that time, at 95."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  92  96 9   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        100  FILLED     A  buy 2 @ 95  maker
        """,
        "0  buy 2 A limit 95",
        tick="1",
        price_model=PriceModel.REFERENCE,
        fine="""
        60    80  100 102 99 99
        100  120   93  96 92 96
        """,
    )
