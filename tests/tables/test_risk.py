"""What the risk guard lets through."""

from __future__ import annotations

from keel.domain.orders import TradingState

from .candles import play

MARGIN = {"margin_account": True, "initial_margin": 0.1, "shortable": True}


def test_kill_switch_denies_every_order_closing_ones_too():
    """Rule 17: tripped before the decision of 120 s: neither the sale of A nor the purchase of B goes out."""
    played = play(
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
    """Rule 17: from a peak of 1000 to 500 + 5 × 60 = 800: 20%. HALTED denies the close, the next day and a recovery too."""
    played = play(
        """
        100 100 100 100 9   0.5
        100 100  60  60 9   0
        60  200  60 200 9   0.1
        200 200 200 200 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  DENIED     A  sell 5      HALTED
        180  DENIED     A  sell 17/4   HALTED
        """,
        max_drawdown=0.2,
        days=[0, 0, 1, 1],
    )
    assert played.state is TradingState.HALTED
    assert int(played.simulator.run_record["halted_ts_ms"]) == 120_000


def test_drawdown_counts_from_the_peak_and_not_from_the_start():
    """Rule 17: 5 units rise to 200 (equity 1500) and fall to 140 (1200): 20% below the peak, 20% above the start."""
    played = play(
        """
        100 100 100 100 9   0.5
        100 200 100 200 9   .
        200 200 140 140 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        """,
        max_drawdown=0.2,
    )
    assert played.state is TradingState.HALTED


def test_daily_loss_lets_only_closing_orders_through_until_the_day_ends():
    """Rule 17: 1000 falls to 500 + 5 × 80 = 900: 10%. At 120 s B may not open, at 180 s A may close.

    The row that ends at 240 s is of the next day: ACTIVE again, and the day starts from 900: B is bought.
    """
    played = play(
        """
        100 100 100 100 9  0.5  |  50 50 50 50 9  .
        100 100  80  80 9  .    |  50 50 50 50 9  0.1
        80   80  80  80 9  0    |  50 50 50 50 9  .
        80   80  80  80 9  .    |  50 50 50 50 9  0.2
        80   80  80  80 9  .    |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  DENIED     B  buy 1.8  REDUCING
        180  SUBMITTED  A  sell 5
        180  ACCEPTED   A  sell 5
        180  FILLED     A  sell 5 @ 80
        240  SUBMITTED  B  buy 3.6
        240  ACCEPTED   B  buy 3.6
        240  FILLED     B  buy 3.6 @ 50
        """,
        max_daily_loss=0.1,
        days=[0, 0, 0, 1, 1],
    )
    assert played.state is TradingState.ACTIVE


def test_order_that_would_flip_only_closes_while_reducing():
    """Rule 17: 5 long, −5 wanted, a loss of 10%: 5 are sold and the opening part is clipped, reason REDUCING."""
    played = play(
        """
        100 100 100 100 9   0.5
        100 100  80  80 9   -0.5
        80   80  80  80 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  SUBMITTED  A  sell 5  REDUCING
        120  ACCEPTED   A  sell 5
        120  FILLED     A  sell 5 @ 80
        """,
        max_daily_loss=0.1,
        can_flip=True,
        **MARGIN,
    )
    assert played.position == [0]


def test_loss_just_below_the_limit_latches_nothing():
    """Rule 17: 9.9% of 1000 against a limit of 10%."""
    played = play(
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
    played = play(
        """
        100 100 100 100 9  0.5  |  50 50 50 50 9  .
        100 100  50  50 9  .    |  50 50 50 50 9  0.1
        50   50  50  50 9  .    |  50 50 50 50 9  0.2
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  SUBMITTED  B  buy 2
        120  ACCEPTED   B  buy 2
        120  FILLED     B  buy 2 @ 50
        180  DENIED     B  buy 1  HALTED
        """,
        response_ms=90_000,
        max_drawdown=0.2,
    )
    assert played.equity == [1000, 750, 750]
    assert played.local_equity == [1000, 1000, 750]


def test_order_rate_keeps_a_reserve_for_closing_and_latches():
    """Rule 17: 3 a minute, 1 of them kept for closes. Tokens: 3, A opens (needs 2): 2, B opens: 1, C would need 2: denied.

    That latches REDUCING. At 61 s, an extra row of a second, a sixtieth of 3 has come back: 1.05 tokens, so A may close.
    """
    played = play(
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


def test_order_rate_refills_by_the_minute():
    """Rule 17: 2 a minute without a reserve: two orders of 60 s take both tokens, a minute brings both back."""
    played = play(
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


def test_closing_order_is_denied_when_no_token_is_left():
    """Rule 17: 1 a minute: the purchases of 60 s and 120 s take a token each; C closes at 120 s after B took it.

    B opens in the second pass, C closes in the first: C gets the token, B is denied.
    """
    play(
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


def test_order_is_clipped_to_its_largest_weight():
    """Rule 17: at most 0.2 of 1000 an order: 2 of the 5 wanted; the target is done with."""
    played = play(
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
    play(
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
    play(
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
    play(
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
    play(
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
    play(
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
    """Rule 17: 5 held, worth 1000 of 1500 after the price doubled; the whole may be sold at once against limits of 0.5."""
    play(
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
