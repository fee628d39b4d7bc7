"""What the risk guard lets through."""

from __future__ import annotations

from keel.domain.orders import TradingState

from .candles import check_table

MARGIN = {"margin_account": True, "initial_margin": 0.1, "shortable": True}


def test_kill_switch_denies_every_order_closing_ones_too():
    """Rule 17: tripped before the decision of 120 s: neither the sale of A nor the purchase of B goes out."""
    played = check_table(
        """
        100 100 100 100 9  0.5  |  50 50 50 50 9  .
        100 100 100 100 9  0    |  50 50 50 50 9  0.2
        100 100 100 100 9  .    |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  DENIED     A  sell 5  KILL_SWITCH
        120  DENIED     B  buy 4   KILL_SWITCH
        """,
        kill_switch_from=1,
    )
    assert played.position == [5, 0]


def test_drawdown_halts_for_the_rest_of_the_run():
    """Rule 17: from a peak of 1000 to 500 + 5 × 50 = 750: 25%. HALTED denies the close, the next day and a recovery
    too.
    """
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100  50  50 9   0
        50  200  50 200 9   0.1
        200 200 200 200 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  DENIED     A  sell 5      HALTED
        180  DENIED     A  sell 17/4   HALTED
        """,
        max_drawdown=0.25,
        days=[0, 0, 1, 1],
    )
    assert played.state is TradingState.HALTED
    assert int(played.simulator.run_record["halted_ts_ms"]) == 120_000


def test_drawdown_counts_from_the_peak_and_not_from_the_start():
    """Rule 17: 5 units rise to 200 (equity 1500) and fall to 125 (1125): a quarter below the peak, above the start."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 200 100 200 9   .
        200 200 125 125 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        """,
        max_drawdown=0.25,
    )
    assert played.state is TradingState.HALTED


def test_daily_loss_lets_only_closing_orders_through_until_the_day_ends():
    """Rule 17: 1000 falls to 500 + 5 × 75 = 875: an eighth. At 120 s B may not open, at 180 s A may close.

    The row that ends at 240 s is of the next day: ACTIVE again, and the day starts from 875: B is bought.
    """
    played = check_table(
        """
        100 100 100 100 9  0.5  |  50 50 50 50 9  .
        100 100  75  75 9  .    |  50 50 50 50 9  0.1
        75   75  75  75 9  0    |  50 50 50 50 9  .
        75   75  75  75 9  .    |  50 50 50 50 9  0.2
        75   75  75  75 9  .    |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  DENIED     B  buy 1.75  REDUCING
        180  SUBMITTED  A  sell 5
        180  ACCEPTED   A  sell 5
        180  FILLED     A  sell 5 @ 75
        240  SUBMITTED  B  buy 3.5
        240  ACCEPTED   B  buy 3.5
        240  FILLED     B  buy 3.5 @ 50
        """,
        max_daily_loss=0.125,
        days=[0, 0, 0, 1, 1],
    )
    assert played.state is TradingState.ACTIVE


def test_order_that_would_flip_only_closes_while_reducing():
    """Rule 17: 5 long, −5 wanted, a loss of an eighth: 5 are sold and the opening part is clipped, reason REDUCING."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100  75  75 9   -0.5
        75   75  75  75 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  SUBMITTED  A  sell 5  REDUCING
        120  ACCEPTED   A  sell 5
        120  FILLED     A  sell 5 @ 75
        """,
        max_daily_loss=0.125,
        can_flip=True,
        **MARGIN,
    )
    assert played.position == [0]


def test_target_denied_while_reducing_is_taken_up_when_the_day_ends():
    """Rules 6, 17: B's 0.1 of 875 is 1.75 units, denied at 120 s. The row that ends at 240 s is ACTIVE: they are
    sent.
    """
    check_table(
        """
        100 100 100 100 9  0.5  |  50 50 50 50 9  .
        100 100  75  75 9  .    |  50 50 50 50 9  0.1
        75   75  75  75 9  .    |  50 50 50 50 9  0.1
        75   75  75  75 9  .    |  50 50 50 50 9  .
        75   75  75  75 9  .    |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  DENIED     B  buy 1.75  REDUCING
        240  SUBMITTED  B  buy 1.75
        240  ACCEPTED   B  buy 1.75
        240  FILLED     B  buy 1.75 @ 50
        """,
        max_daily_loss=0.125,
        days=[0, 0, 0, 1, 1],
    )


def test_new_target_takes_the_place_of_one_denied_while_reducing():
    """Rule 17: B's 1.75 were denied at 120 s; at 180 s its target is 0, which is where it stands: nothing is left to
    do.
    """
    check_table(
        """
        100 100 100 100 9  0.5  |  50 50 50 50 9  .
        100 100  75  75 9  .    |  50 50 50 50 9  0.1
        75   75  75  75 9  .    |  50 50 50 50 9  0
        75   75  75  75 9  .    |  50 50 50 50 9  .
        75   75  75  75 9  .    |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  DENIED     B  buy 1.75  REDUCING
        """,
        max_daily_loss=0.125,
        days=[0, 0, 0, 1, 1],
    )


def test_target_denied_for_the_order_rate_is_taken_up_when_the_day_ends():
    """Rule 17: one order a minute: A's. B's is denied and latches REDUCING; the next row is of a new day and has a
    token.
    """
    check_table(
        """
        100 100 100 100 9  0.1  |  50 50 50 50 9  0.1
        100 100 100 100 9  .    |  50 50 50 50 9  .
        100 100 100 100 9  .    |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  A  buy 1
        60   DENIED     B  buy 2  ORDER_RATE
        60   ACCEPTED   A  buy 1
        60   FILLED     A  buy 1 @ 100
        120  SUBMITTED  B  buy 2
        120  ACCEPTED   B  buy 2
        120  FILLED     B  buy 2 @ 50
        """,
        max_orders_per_minute=1,
        days=[0, 1, 1],
    )


def test_opening_part_of_a_flip_clipped_while_reducing_follows_when_the_day_ends():
    """Rule 17: 5 long, −5.8333… wanted: 5 are sold while REDUCING; the rest goes short in the row of the next day."""
    short = 0.5 * 875 / 75
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 100  75  75 9   -0.5
        75   75  75  75 9   .
        75   75  75  75 9   .
        """,
        f"""
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  SUBMITTED  A  sell 5  REDUCING
        120  ACCEPTED   A  sell 5
        120  FILLED     A  sell 5 @ 75
        180  SUBMITTED  A  sell {short}
        180  ACCEPTED   A  sell {short}
        180  FILLED     A  sell {short} @ 75
        """,
        max_daily_loss=0.125,
        can_flip=True,
        days=[0, 0, 1, 1],
        **MARGIN,
    )
    assert played.state is TradingState.ACTIVE


def test_loss_just_below_the_limit_latches_nothing():
    """Rule 17: 9.9% of 1000 against a limit of 10%."""
    played = check_table(
        """
        100 100 100   100   9   0.5
        100 100  80.2  80.2 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        """,
        max_daily_loss=0.1,
        max_drawdown=0.1,
    )
    assert played.state is TradingState.ACTIVE


def test_latches_read_the_local_book():
    """Rules 5, 17: the fill is known at 150 s: the loss of 120 s does not exist for us until 180 s."""
    played = check_table(
        """
        100 100 100 100 9  0.5  |  50 50 50 50 9  .
        100 100  50  50 9  .    |  50 50 50 50 9  0.1
        50   50  50  50 9  0.8  |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  SUBMITTED  B  buy 2
        120  ACCEPTED   B  buy 2
        120  FILLED     B  buy 2 @ 50
        180  DENIED     A  buy 7  HALTED
        """,
        response_ms=90_000,
        max_drawdown=0.2,
    )
    assert played.equity == [1000, 750, 750]
    assert played.local_equity == [1000, 1000, 750]


def test_order_rate_keeps_a_reserve_for_closing_and_latches():
    """Rule 17: 3 a minute, 1 of them kept for closes. Tokens: 3, A opens (needs 2): 2, B opens: 1, C would need 2:
    denied.

    That latches REDUCING for the day; a minute later A may still close.
    """
    played = check_table(
        """
        100 100 100 100 9  0.1  |  50 50 50 50 9  0.1  |  20 20 20 20 9  0.1
        100 100 100 100 9  0    |  50 50 50 50 9  .    |  20 20 20 20 9  .
        100 100 100 100 9  .    |  50 50 50 50 9  .    |  20 20 20 20 9  .
        """,
        """
        60   SUBMITTED  A  buy 1
        60   SUBMITTED  B  buy 2
        60   DENIED     C  buy 5  ORDER_RATE
        60   ACCEPTED   A  buy 1
        60   FILLED     A  buy 1 @ 100
        60   ACCEPTED   B  buy 2
        60   FILLED     B  buy 2 @ 50
        120  SUBMITTED  A  sell 1
        120  ACCEPTED   A  sell 1
        120  FILLED     A  sell 1 @ 100
        """,
        max_orders_per_minute=3,
        close_order_reserve=1,
    )
    assert played.state is TradingState.REDUCING


def test_reserve_of_the_order_rate_is_there_for_closing_only():
    """Rule 17: 1 a minute, 1 kept for closes: an opening order needs 2 and is denied; the sale of A needs 1.

    A starts with 5 of 100: equity 1500; 0.1 of it is 1.5, so 3.5 are sold.
    """
    check_table(
        """
        100 100 100 100 9  .    |  50 50 50 50 9  0.1
        100 100 100 100 9  0.1  |  50 50 50 50 9  .
        100 100 100 100 9  .    |  50 50 50 50 9  .
        """,
        """
        60   DENIED     B  buy 3  ORDER_RATE
        120  SUBMITTED  A  sell 3.5
        120  ACCEPTED   A  sell 3.5
        120  FILLED     A  sell 3.5 @ 100
        """,
        max_orders_per_minute=1,
        close_order_reserve=1,
        A={"venue_qty": 5, "local_qty": 5},
    )


def test_order_rate_refills_by_the_minute():
    """Rule 17: 2 a minute without a reserve: two orders of 60 s take both tokens, a minute brings both back."""
    played = check_table(
        """
        100 100 100 100 9  0.1  |  50 50 50 50 9  0.1
        100 100 100 100 9  0.2  |  50 50 50 50 9  0.2
        100 100 100 100 9  .    |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  A  buy 1
        60   SUBMITTED  B  buy 2
        60   ACCEPTED   A  buy 1
        60   FILLED     A  buy 1 @ 100
        60   ACCEPTED   B  buy 2
        60   FILLED     B  buy 2 @ 50
        120  SUBMITTED  A  buy 1
        120  SUBMITTED  B  buy 2
        120  ACCEPTED   A  buy 1
        120  FILLED     A  buy 1 @ 100
        120  ACCEPTED   B  buy 2
        120  FILLED     B  buy 2 @ 50
        """,
        max_orders_per_minute=2,
    )
    assert played.state is TradingState.ACTIVE


def test_closing_order_takes_the_last_token_before_an_opening_one():
    """Rules 7, 17: 1 a minute. At 120 s C closes in the first pass and takes the token; B, which opens, finds none."""
    check_table(
        """
        100 100 100 100 9  .  |  50 50 50 50 9  .    |  20 20 20 20 9  0.1
        100 100 100 100 9  .  |  50 50 50 50 9  0.1  |  20 20 20 20 9  0
        100 100 100 100 9  .  |  50 50 50 50 9  .    |  20 20 20 20 9  .
        """,
        """
        60   SUBMITTED  C  buy 5
        60   ACCEPTED   C  buy 5
        60   FILLED     C  buy 5 @ 20
        120  SUBMITTED  C  sell 5
        120  DENIED     B  buy 2  ORDER_RATE
        120  ACCEPTED   C  sell 5
        120  FILLED     C  sell 5 @ 20
        """,
        max_orders_per_minute=1,
    )
