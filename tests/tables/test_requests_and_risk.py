"""What the risk rules, cash and the kill switch do to the orders a strategy asks for."""

from __future__ import annotations

from .candles import check_table


def test_kill_switch_denies_what_a_strategy_asks_for():
    """Rules 17, 18: whatever it is."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   DENIED  A  buy 2   KILL_SWITCH
        60   DENIED  A  sell 3  KILL_SWITCH
        """,
        """
        0  buy 2 A
        0  sell 3 A reduce
        """,
        kill_switch_from=0,
        venue_qty=3,
        local_qty=3,
    )


def test_halt_takes_entries_back_and_leaves_the_stop_loss():
    """Rules 17, 24: at 120 s 500 + 5 × 60 = 800 of 1000: HALTED. The resting entry goes, new orders are denied, even
    one that closes; the stop-loss stays at the venue: 60 → 61 → 48 → 50 is 16 long and reaches 50 at 1 + 11 = 12: 45 s.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100  60  60 9   .
        60   61  48  50 9   .
        """,
        """
        60   SUBMITTED  A  buy 5   order 0
        60   SUBMITTED  A  sell 5  order 1
        60   SUBMITTED  A  buy 2   order 2
        60   ACCEPTED   A  buy 5   order 0
        60   ACCEPTED   A  sell 5  order 1
        60   FILLED     A  buy 5 @ 100  order 0
        60   ACCEPTED   A  buy 2   order 2
        120  DENIED     A  buy 1   HALTED
        120  DENIED     A  sell 5  HALTED
        120  CANCELED   A  buy 2   HALTED  order 2
        165  TRIGGERED  A  sell 5 @ 50  order 1
        165  FILLED     A  sell 5 @ 50  order 1
        """,
        """
        0  buy 5 A stop-loss 50
        0  buy 2 A limit 40
        1  buy 1 A
        1  sell 5 A reduce
        """,
        tick="1",
        max_drawdown=0.1,
    )


def test_day_of_loss_lets_only_closing_orders_through():
    """Rule 17: at 120 s 500 + 5 × 70 = 850 of 1000: REDUCING. A sale of 2 closes; a sale of 6 is cut to the 3 that are
    left to close.
    """
    check_table(
        """
        100 100 100 100 9   .
        100 100  70  70 9   .
        70   70  70  70 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  DENIED     A  buy 1   REDUCING
        120  SUBMITTED  A  sell 2
        120  SUBMITTED  A  sell 3  REDUCING
        120  ACCEPTED   A  sell 2
        120  FILLED     A  sell 2 @ 70
        120  ACCEPTED   A  sell 3
        120  FILLED     A  sell 3 @ 70
        """,
        """
        0  buy 5 A
        1  buy 1 A
        1  sell 2 A
        1  sell 6 A
        """,
        max_daily_loss=0.1,
        margin_account=True,
        shortable=True,
        can_flip=True,
    )


def test_legs_are_for_what_a_limit_lets_through():
    """Rules 17, 24: 300 of currency at a mark of 100 are 3 of 5 units."""
    check_table(
        "100 100 100 100 9   .",
        """
        60   SUBMITTED  A  buy 3   MAX_ORDER  order 0
        60   SUBMITTED  A  sell 3  order 1
        60   CANCELED   A  buy 3   END_OF_RUN  order 0
        60   CANCELED   A  sell 3  END_OF_RUN  order 1
        """,
        "0  buy 5 A stop-loss 95",
        max_order_notional=300,
    )


def test_stop_reserves_its_trigger_price():
    """Rules 7, 17: 1000 / 110 is 9.09: 9 of 10. Of a trailing stop without a best price the mark of 100 counts."""
    check_table(
        "100 100 100 100 9   .",
        """
        60   SUBMITTED  A  buy 9  BUYING_POWER  ref 110
        60   CANCELED   A  buy 9  END_OF_RUN
        """,
        "0  buy 10 A stop 110",
        step="1",
    )


def test_trailing_stop_reserves_the_mark():
    """Rules 7, 17: 1000 / 100 is 10 of 12: it has no best price yet."""
    check_table(
        "100 100 100 100 9   .",
        """
        60   SUBMITTED  A  buy 10  BUYING_POWER
        60   CANCELED   A  buy 10  END_OF_RUN
        """,
        "0  buy 12 A trail 5",
        step="1",
    )


def test_resting_limit_is_cut_to_the_cash_there_is_when_it_is_reached():
    """Rules 7, 12: 5 × 95 and 5 × 100 are within 1000 at the marks. B costs 600 at its open of 120; of the 400 that are
    left 4 units of A can be paid at 95. The rest ends.
    """
    check_table(
        """
        100 100 100 100 9   . | 100 100 100 100 9   .
        100 102  94  96 9   . | 120 120 120 120 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   SUBMITTED  B  buy 5
        60   ACCEPTED   A  buy 5
        60   ACCEPTED   B  buy 5
        60   FILLED     B  buy 5 @ 120
        110  FILLED     A  buy 4 @ 95  maker
        110  CANCELED   A  buy 1  INSUFFICIENT_FUNDS
        """,
        """
        0  buy 5 A limit 95
        0  buy 5 B
        """,
        tick="1",
        step="1",
    )


def test_resting_sale_locks_what_it_would_sell():
    """Rules 7, 23: 2 of 3 rest at 110; of a second sale of 3 only 1 may go, at market."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 2
        60   SUBMITTED  A  sell 1  NOT_SHORTABLE
        60   ACCEPTED   A  sell 2
        60   ACCEPTED   A  sell 1
        60   FILLED     A  sell 1 @ 100
        120  CANCELED   A  sell 2  END_OF_RUN
        """,
        """
        0  sell 2 A limit 110
        0  sell 3 A
        """,
        venue_qty=3,
        local_qty=3,
    )


def test_sale_the_venue_does_not_find_covered_is_rejected():
    """Rules 5, 7: the local book has not heard of the sale of 3: it asks for 3 more, which the venue does not hold."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  sell 3  order 0
        60   ACCEPTED   A  sell 3  order 0  known 150
        60   FILLED     A  sell 3 @ 100  order 0  known 150
        120  SUBMITTED  A  sell 3  order 1
        120  REJECTED   A  sell 3  REDUCE_ONLY  order 1
        """,
        """
        0  sell 3 A
        1  sell 3 A reduce
        """,
        venue_qty=3,
        local_qty=3,
        response_ms=90_000,
    )
