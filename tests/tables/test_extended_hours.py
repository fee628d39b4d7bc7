"""What trades outside of the regular session, and what waits for it: rule 29 of docs/execution.md."""

from __future__ import annotations

from .candles import check_table


def test_limit_order_of_the_day_that_is_decided_before_the_open_trades_there():
    """Rule 29: the second row lies before the open, too."""
    check_table(
        """
        100 100 100 100 8   .
        101 101 101 101 8   .
        110 110 110 110 8   .
        """,
        """
        60  SUBMITTED  A  buy 2
        60  ACCEPTED   A  buy 2
        60  FILLED     A  buy 2 @ 101
        """,
        "0  buy 2 A limit 102 day",
        sessions="eec",
    )


def test_any_other_limit_order_waits_for_the_session():
    """Rule 29: one that is good till cancelled meets no market before the open; that is above its limit."""
    check_table(
        """
        100 100 100 100 8   .
        101 101 101 101 8   .
        110 110 100 100 8   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        168  FILLED     A  buy 2 @ 102  maker
        """,
        "0  buy 2 A limit 102 gtc",
        sessions="eec",
        limit_touch=1,
    )


def test_order_at_market_is_denied_outside_of_the_session():
    """Rule 29: the decision after that is made at the open, and its order goes."""
    check_table(
        """
        100 100 100 100 8   .
        101 101 101 101 8   .
        110 110 110 110 8   .
        """,
        """
        60   DENIED     A  buy 2  EXTENDED_HOURS
        120  SUBMITTED  A  buy 3
        120  ACCEPTED   A  buy 3
        120  FILLED     A  buy 3 @ 110
        """,
        """
        0  buy 2 A
        1  buy 3 A
        """,
        sessions="eec",
    )


def test_target_waits_for_the_session():
    """Rule 29: it was turned into 5 at its own close, and is pursued at the open."""
    check_table(
        """
        100 100 100 100 8   0.5
        125 125 125 125 8   .
        110 110 110 110 8   .
        """,
        """
        120  SUBMITTED  A  buy 5
        120  ACCEPTED   A  buy 5
        120  FILLED     A  buy 5 @ 110
        """,
        sessions="eec",
    )


def test_order_decided_at_the_close_waits_for_the_next_open():
    """Rule 29: at the very close the session's orders are still sent, and trade when the next one opens."""
    check_table(
        """
        100 100 100 100 8   0.5
        125 125 125 125 8   .
        110 110 110 110 8   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        600  FILLED     A  buy 5 @ 110
        """,
        opens=[0, 60, 600],
        days=[0, 0, 1],
        sessions="cec",
    )


def test_stop_is_not_triggered_after_hours():
    """Rule 29: 90 was traded after the close only; the next session opens at 96, above the trigger."""
    check_table(
        """
        100 100 100 100 8   .
        100 100 100 100 8   .
        90  90  90  90  8   .
        96  96  96  96  8   .
        """,
        """
        60  SUBMITTED  A  sell 2  STOP
        60  ACCEPTED   A  sell 2  STOP
        660 CANCELED   A  sell 2  STOP  END_OF_RUN
        """,
        "0  sell 2 A stop 95",
        opens=[0, 60, 120, 600],
        days=[0, 0, 0, 1],
        sessions="rcec",
        venue_qty=2.0,
        local_qty=2.0,
    )


def test_profit_outside_of_the_session_does_not_give_way_to_a_stop_that_rests():
    """Rules 10, 29: after hours the bar goes through both prices, and only the limit order of the day trades there."""
    check_table(
        """
        100 100 100 100 8   .
        100 106  94 100 8   .
        """,
        """
        60  SUBMITTED  A  sell 2 @ 105  LIMIT
        60  SUBMITTED  A  sell 2  ref 95  STOP
        60  ACCEPTED   A  sell 2
        60  ACCEPTED   A  sell 2
        102.5  FILLED    A  sell 2 @ 105  maker
        102.5  CANCELED  A  sell 0  LINKED_FILL
        """,
        """
        0  sell 2 A limit 105 day reduce pair p
        0  sell 2 A stop 95 reduce pair p
        """,
        sessions="ee",
        limit_touch=1,
        venue_qty=2.0,
        local_qty=2.0,
    )


def test_order_of_the_session_ends_with_it_though_the_day_goes_on():
    """Rules 3, 29: the second row ends the session, the third the day."""
    check_table(
        """
        100 100 100 100 8   .
        100 100 100 100 8   .
        100 100 100 100 8   .
        100 100 100 100 8   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        120  EXPIRED    A  buy 2  SESSION_END
        """,
        "0  buy 2 A limit 90 day",
        opens=[0, 60, 120, 600],
        days=[0, 0, 0, 1],
        sessions="rcec",
    )


def test_order_of_the_day_that_is_decided_after_hours_ends_with_the_day():
    """Rules 3, 29: the third row ends the day."""
    check_table(
        """
        100 100 100 100 8   .
        100 100 100 100 8   .
        100 100 100 100 8   .
        100 100 100 100 8   .
        """,
        """
        120  SUBMITTED  A  buy 2
        120  ACCEPTED   A  buy 2
        180  EXPIRED    A  buy 2  SESSION_END
        """,
        "1  buy 2 A limit 90 day",
        opens=[0, 60, 120, 600],
        days=[0, 0, 0, 1],
        sessions="ceec",
    )


def test_order_of_the_day_that_waits_for_the_open_outlives_the_evening():
    """Rules 3, 29: decided at the close it is for the next session, and ends with that one."""
    check_table(
        """
        100 100 100 100 8   .
        100 100 100 100 8   .
        100 100 100 100 8   .
        """,
        """
        60   SUBMITTED  A  buy 2
        60   ACCEPTED   A  buy 2
        660  EXPIRED    A  buy 2  SESSION_END
        """,
        "0  buy 2 A limit 90 day",
        opens=[0, 60, 600],
        days=[0, 0, 1],
        sessions="cec",
        last_row_ends_day=True,
    )
