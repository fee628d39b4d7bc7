"""Orders that wait for a price, at their edges: finer bars that do not count, corners, and small prices."""

from __future__ import annotations

import pytest

from keel.domain.orders import PriceModel

from .candles import check_table

LONG = {"venue_qty": 5, "local_qty": 5, "tick": "1"}


def test_finer_bars_count_under_the_reference_model_only():
    """Rule 10: 100 → 102 → 92 → 96 is 16 long; 95 is at 2 + 7 = 9: 33.75 s. The finer bars would fall first."""
    check_table(
        """
        100 100 100 100 9   .
        100 102  92  96 9   .
        """,
        """
        60     SUBMITTED  A  sell 5
        60     ACCEPTED   A  sell 5
        93.75  TRIGGERED  A  sell 5 @ 95
        93.75  FILLED     A  sell 5 @ 95  ref 95
        """,
        "0  sell 5 A stop 95",
        price_model=PriceModel.PATH,
        fine="""
        60   90  100 100 92 92
        90  120   92 102 92 96
        """,
        **LONG,
    )


def test_worst_of_the_rest_leaves_out_corners_that_are_passed():
    """Rules 9, 10: 100 → 95 → 110 → 96 is 34 long. At 40 s, at 22.67, the high is over. 100 is reached at 5 + 15 + 10 =
    30, and the highest that is left then is 100 itself.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 110  95  96 9   .
        """,
        """
        60      SUBMITTED  A  buy 5
        100     ACCEPTED   A  buy 5
        112.941 TRIGGERED  A  buy 5 @ 100
        112.941 FILLED     A  buy 5 @ 100
        """,
        "0  buy 5 A touch 100",
        price_model=PriceModel.WORST,
        entry_ms=40_000,
        tick="1",
    )


def test_best_price_of_a_trailing_stop_is_that_of_the_moment_inside_a_finer_bar():
    """Rule 10: at 75 s the finer bar has come from 110 down to 105: the trigger is 97. With 110 it would be 102."""
    check_table(
        """
        110 110 110 110 9   .
        110 110 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        75   ACCEPTED   A  sell 5
        180  CANCELED   A  sell 5  END_OF_RUN
        """,
        "0  sell 5 A trail 8",
        price_model=PriceModel.REFERENCE,
        entry_ms=15_000,
        fine="""
        60   90  110 110 100 100
        90  120  100 100 100 100
        120 180  100 100 100 100
        """,
        **LONG,
    )


def test_buy_that_trails_is_taken_to_cost_its_own_trigger():
    """Rule 7: best 100, trigger 110: 550 of the 1000 are not free. 5.2 at 90 are 468."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   SUBMITTED  A  buy 5.2 @ 90
        60   ACCEPTED   A  buy 5
        60   REJECTED   A  buy 5.2  INSUFFICIENT_FUNDS
        120  CANCELED   A  buy 5    END_OF_RUN
        """,
        """
        0  buy 5 A trail 10
        0  buy 5.2 A limit 90
        """,
        tick="1",
    )


def test_best_price_below_one_is_one():
    """Rule 7: best 0.5, trigger 0.6: 600 of the 1000 are not free. 1000 at 0.45 are 450."""
    check_table(
        """
        0.5 0.5 0.5 0.5 9   .
        0.5 0.5 0.5 0.5 9   .
        """,
        """
        60   SUBMITTED  A  buy 1000
        60   SUBMITTED  A  buy 1000 @ 0.45
        60   ACCEPTED   A  buy 1000
        60   REJECTED   A  buy 1000  INSUFFICIENT_FUNDS
        120  CANCELED   A  buy 1000  END_OF_RUN
        """,
        """
        0  buy 1000 A trail 0.1
        0  buy 1000 A limit 0.45
        """,
        tick="0.01",
    )


def test_best_price_moves_by_less_than_one_too():
    """Rules 7, 10: at 99.5 the trigger is 109.5: of 1000 452.5 are free for 5 at 90.2, 451."""
    check_table(
        """
        100  100  100  100  9   .
        100  100  100  100  9   .
        99.5 99.5 99.5 99.5 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        120  SUBMITTED  A  buy 5 @ 90.2
        120  ACCEPTED   A  buy 5
        180  CANCELED   A  buy 5  END_OF_RUN
        180  CANCELED   A  buy 5  END_OF_RUN
        """,
        """
        0  buy 5 A trail 10
        1  buy 5 A limit 90.2
        """,
        tick="0.1",
    )


def test_trailing_stop_is_triggered_by_an_open_at_its_trigger():
    """Rule 10: best 110, trigger 100; the next bar opens there and rises."""
    check_table(
        """
        100 100 100 100 9   .
        100 110 100 110 9   .
        100 108 100 108 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        60   ACCEPTED   A  sell 5
        120  TRIGGERED  A  sell 5 @ 100
        120  FILLED     A  sell 5 @ 100
        """,
        "0  sell 5 A trail 10",
        **LONG,
    )


def test_take_profit_that_is_triggered_at_once_gives_way_to_nothing():
    """Rule 10: the open of 106 has passed 105; the fall to 94 comes too late for its partner."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        106 106  94  94 9   .
        """,
        """
        60   SUBMITTED  A  sell 5  TAKE_PROFIT
        60   SUBMITTED  A  sell 5  STOP
        60   ACCEPTED   A  sell 5  TAKE_PROFIT
        60   ACCEPTED   A  sell 5  STOP
        120  TRIGGERED  A  sell 5 @ 106  TAKE_PROFIT
        120  FILLED     A  sell 5 @ 106
        120  CANCELED   A  sell 0  LINKED_FILL
        """,
        """
        0  sell 5 A touch 105 pair p
        0  sell 5 A stop 95 pair p
        """,
        margin_account=True,
        shortable=True,
        can_flip=1,
        **LONG,
    )


def test_orders_that_are_no_partners_do_not_give_way():
    """Rule 10: 100 → 105.5 → 94 → 94 is 17 long. 105 fills at 5 of it, and 95 is reached at 5.5 + 10.5."""
    check_table(
        """
        100 100   100 100 9   .
        100 100   100 100 9   .
        100 105.5  94  94 9   .
        """,
        """
        60        SUBMITTED  A  sell 5  LIMIT
        60        SUBMITTED  A  sell 5  STOP
        60        ACCEPTED   A  sell 5  LIMIT
        60        ACCEPTED   A  sell 5  STOP
        137.647   FILLED     A  sell 5 @ 105  LIMIT  maker
        176.470   TRIGGERED  A  sell 5 @ 95
        176.470   FILLED     A  sell 5 @ 95
        """,
        """
        0  sell 5 A limit 105
        0  sell 5 A stop 95
        """,
        venue_qty=10,
        local_qty=10,
        limit_touch=1,
        tick="0.5",
    )


def test_open_at_the_trigger_triggers_although_the_path_has_left_it():
    """Rules 9, 10: under `open` the look at 90 s sees 95, the trigger itself; the path is at 97.5 on its way up."""
    check_table(
        """
        100 100 100 100 9   .
        95  100  95 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 5
        90   ACCEPTED   A  sell 5
        90   TRIGGERED  A  sell 5 @ 95
        90   FILLED     A  sell 5 @ 95
        """,
        "0  sell 5 A stop 95",
        price_model=PriceModel.OPEN,
        entry_ms=30_000,
        **LONG,
    )


PAIR = {"margin_account": True, "shortable": True, "can_flip": 1, "limit_touch": 1, **LONG}


@pytest.mark.parametrize(("terms", "kind"), [("limit", "LIMIT"), ("touch", "TAKE_PROFIT")])
def test_profit_that_gave_way_waits_for_its_next_look_even_where_the_stop_is_cancelled(terms: str, kind: str):
    """Rule 10: 100 → 106 → 94 → 94. At the opening the profit at 105 gives way to the stop at 95. That is cancelled one
    second later, which comes too late for this bar.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 106  94  94 9   .
        """,
        f"""
        60   SUBMITTED  A  sell 5  {kind}
        60   SUBMITTED  A  sell 5  STOP
        61   ACCEPTED   A  sell 5  {kind}
        61   ACCEPTED   A  sell 5  STOP
        121  CANCELED   A  sell 5  STOP  CLIENT_REQUEST
        180  CANCELED   A  sell 5  {kind}  END_OF_RUN
        """,
        f"""
        0  sell 5 A {terms} 105 pair p
        0  sell 5 A stop 95 as s pair p
        1  cancel s
        """,
        entry_ms=1000,
        **PAIR,
    )


def test_profit_gives_way_to_a_stop_limit():
    """Rule 10: a stop-limit is a stop; 100 → 105.5 → 94 → 94 is 17 long, 95 is at 5.5 + 10.5 = 16."""
    check_table(
        """
        100 100   100 100 9   .
        100 100   100 100 9   .
        100 105.5  94  94 9   .
        """,
        """
        60       SUBMITTED  A  sell 5  LIMIT
        60       SUBMITTED  A  sell 5  STOP_LIMIT
        60       ACCEPTED   A  sell 5  LIMIT
        60       ACCEPTED   A  sell 5  STOP_LIMIT
        176.470  TRIGGERED  A  sell 5 @ 95
        176.470  FILLED     A  sell 5 @ 95
        176.470  CANCELED   A  sell 0  LINKED_FILL
        """,
        """
        0  sell 5 A limit 105 pair p
        0  sell 5 A stop 95 limit 90 pair p
        """,
        **{**PAIR, "tick": "0.5"},
    )


def test_profits_do_not_give_way_to_each_other():
    """Rule 10: 100 → 108 → 100 → 100 is 16 long: 105 comes first, at 5."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 108 100 100 9   .
        """,
        """
        60      SUBMITTED  A  sell 5  LIMIT
        60      SUBMITTED  A  sell 5  LIMIT
        60      ACCEPTED   A  sell 5
        60      ACCEPTED   A  sell 5
        138.75  FILLED     A  sell 5 @ 105
        138.75  CANCELED   A  sell 0  LINKED_FILL
        """,
        """
        0  sell 5 A limit 105 pair p
        0  sell 5 A limit 106 pair p
        """,
        **PAIR,
    )
