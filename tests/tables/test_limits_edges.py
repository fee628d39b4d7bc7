"""Limits and reservations at their edges: small prices, ties, and a local book that is worth nothing."""

from __future__ import annotations

import pytest

from keel.domain.orders import TradingState

from .candles import check_table

MARGIN = {"margin_account": True, "shortable": True}
SHORT_OF_TEN = {**MARGIN, "initial_margin": 0.1, "venue_qty": -10, "local_qty": -10, "cash": 2000.0}
"""Equity of 1000 at a price of 100: nothing at 200."""


@pytest.mark.parametrize(("notional", "state"), [(100.0, TradingState.REDUCING), (100.5, TradingState.ACTIVE)])
def test_loss_of_exactly_the_notional_limit_latches(notional: float, state: TradingState):
    """Rule 17: 10 units lose 10 each."""
    played = check_table(
        """
        100 100 100 100 9   .
        100 100  90  90 9   .
        """,
        """
        60  SUBMITTED  A  buy 10
        60  ACCEPTED   A  buy 10
        60  FILLED     A  buy 10 @ 100
        """,
        "0  buy 10 A",
        max_daily_loss_notional=notional,
    )
    assert played.state == state


def test_loss_of_less_than_a_unit_of_money_can_latch():
    """Rule 17: 1 unit loses 0.5, which is all it may."""
    played = check_table(
        """
        100 100 100 100   9   .
        100 100 99  99.5  9   .
        """,
        """
        60  SUBMITTED  A  buy 1
        60  ACCEPTED   A  buy 1
        60  FILLED     A  buy 1 @ 100
        """,
        "0  buy 1 A",
        max_daily_loss_notional=0.5,
    )
    assert played.state == TradingState.REDUCING


def test_loss_by_fraction_is_skipped_where_the_day_starts_with_nothing():
    """Rule 17: the purchase of 10 is never heard of, so at 200 the local book is worth 2000 − 10 × 200 = 0 when the day
    begins, and stays so.
    """
    played = check_table(
        """
        100 100 100 100 9   .
        100 200 100 200 9   .
        200 200 200 200 9   .
        """,
        """
        60  SUBMITTED  A  buy 10
        60  ACCEPTED   A  buy 10
        60  FILLED     A  buy 10 @ 100
        """,
        "0  buy 10 A",
        days=[0, 0, 1],
        response_ms=1e9,
        max_daily_loss=1.5,
        **SHORT_OF_TEN,
    )
    assert played.local_equity == [1000, 0, 0]
    assert played.equity == [1000, 1000, 1000]
    assert played.state == TradingState.ACTIVE


def test_local_book_below_nothing_limits_as_one_of_nothing():
    """Rule 17: the purchase is never heard of, so at 300 the local book is worth −1000: MAX_ORDER leaves nothing."""
    check_table(
        """
        100 100 100 100 9   .  | 100 100 100 100 9   .
        100 300 100 300 9   .  | 100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 10
        60   ACCEPTED   A  buy 10
        60   FILLED     A  buy 10 @ 100
        120  DENIED     B  buy 1  MAX_ORDER
        """,
        """
        0  buy 10 A
        1  buy 1 B
        """,
        response_ms=1e9,
        max_order_weight=1.0,
        **SHORT_OF_TEN,
        B={"venue_qty": 0, "local_qty": 0},
    )


def test_local_book_below_nothing_makes_no_target():
    """Rule 6: half of nothing is nothing, and nothing is held of B: nothing that the kill switch could deny."""
    check_table(
        """
        100 100 100 100 9   .  | 100 100 100 100 9   .
        100 300 100 300 9   .  | 100 100 100 100 9   0.5
        """,
        """
        60   SUBMITTED  A  buy 10
        60   ACCEPTED   A  buy 10
        60   FILLED     A  buy 10 @ 100
        """,
        "0  buy 10 A",
        kill_switch_from=1,
        response_ms=1e9,
        **SHORT_OF_TEN,
        B={"venue_qty": 0, "local_qty": 0},
    )


def test_cash_account_spends_cash_whatever_the_margin():
    """Rule 7: 100 of cash buy 1; the 5 units held lend nothing."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 1  BUYING_POWER
        60  ACCEPTED   A  buy 1
        60  FILLED     A  buy 1 @ 100
        """,
        "0  buy 10 A",
        venue_qty=5,
        local_qty=5,
        cash=100.0,
        initial_margin=0.25,
        step="1",
    )


def test_limit_below_one_is_a_limit():
    """Rule 7: 200 at a limit of 0.5 cost 100, all there is: no slack, and not the mark of 0.8. Rule 10: 0.8 → 0.4 is
    0.4 long; 0.5 is at 0.3: 45 s.
    """
    check_table(
        """
        0.8 0.8 0.8 0.8 999   .
        0.8 0.8 0.4 0.4 999   .
        """,
        """
        60   SUBMITTED  A  buy 200 @ 0.5
        60   ACCEPTED   A  buy 200
        105  FILLED     A  buy 200 @ 0.5  maker
        """,
        "0  buy 200 A limit 0.5",
        tick="0.1",
        limit_touch=1,
        reserve_rate=0.1,
        cash=100.0,
    )


def test_value_below_one_is_tested_at_the_limit_price():
    """Rule 17: 3 × 0.5 is below a minimum notional of 2; at the mark of 0.8 it would not be."""
    check_table(
        """
        0.8 0.8 0.8 0.8 999   .
        """,
        """
        60  DENIED  A  buy 3  MIN_NOTIONAL
        """,
        "0  buy 3 A limit 0.5",
        tick="0.1",
        min_notional=2.0,
    )


@pytest.mark.parametrize("limit", ["max_order_notional", "max_position_notional"])
def test_limit_of_less_than_a_unit_of_money_clips(limit: str):
    """Rule 17: 0.5 buys one unit at 0.5."""
    reason = limit.removesuffix("_notional").upper()
    check_table(
        """
        0.5 0.5 0.5 0.5 999   .
        0.5 0.5 0.5 0.5 999   .
        """,
        f"""
        60  SUBMITTED  A  buy 1  {reason}
        60  ACCEPTED   A  buy 1
        60  FILLED     A  buy 1 @ 0.5
        """,
        "0  buy 3 A",
        **{limit: 0.5},
    )


def test_one_order_a_minute_is_a_rate():
    """Rule 17: the token comes back after a minute and not before."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 1
        60   DENIED     A  buy 1  ORDER_RATE
        60   ACCEPTED   A  buy 1
        60   FILLED     A  buy 1 @ 100
        """,
        """
        0  buy 1 A
        0  buy 1 A
        """,
        max_orders_per_minute=1.0,
    )


def test_tokens_come_back_in_parts():
    """Rule 17: 2 a minute are a half in 15 s: too little for an order, though the bucket is not empty."""
    played = check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        15  SUBMITTED  A  buy 1
        15  SUBMITTED  A  buy 1
        15  ACCEPTED   A  buy 1
        15  FILLED     A  buy 1 @ 100
        15  ACCEPTED   A  buy 1
        15  FILLED     A  buy 1 @ 100
        30  DENIED     A  buy 1  ORDER_RATE
        """,
        """
        0  buy 1 A
        0  buy 1 A
        1  buy 1 A
        """,
        row_s=15,
        max_orders_per_minute=2.0,
    )
    assert played.state == TradingState.REDUCING


def test_order_that_only_closes_names_no_limit():
    """Rule 17: 1000 are held of the 500 that are allowed; to sell 3 is no matter of that."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  sell 3
        60  ACCEPTED   A  sell 3
        60  FILLED     A  sell 3 @ 100
        """,
        "0  sell 3 A",
        venue_qty=10,
        local_qty=10,
        cash=0.0,
        max_gross_weight=0.5,
    )


def test_largest_position_counts_what_we_believe_is_held():
    """Rule 17: 6 may be held: 5 are, to our knowledge; the venue has none."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 1  MAX_POSITION
        60  ACCEPTED   A  buy 1
        60  FILLED     A  buy 1 @ 100
        """,
        "0  buy 3 A",
        venue_qty=0,
        local_qty=5,
        max_position_notional=600.0,
    )


def test_largest_position_counts_less_than_a_unit_that_is_held():
    """Rule 17: 0.9 may be held and 0.5 are: 0.4 more."""
    check_table(
        """
        100 100 100 100 9   .
        100 100 100 100 9   .
        """,
        """
        60  SUBMITTED  A  buy 0.4  MAX_POSITION
        60  ACCEPTED   A  buy 0.4
        60  FILLED     A  buy 0.4 @ 100
        """,
        "0  buy 3 A",
        venue_qty=0.5,
        local_qty=0.5,
        max_position_notional=90.0,
    )


def test_target_that_waits_for_funds_is_tried_once_a_decision():
    """Rule 17: two tokens. The sale of A takes one; B waits for its money while there is one; C takes that. B is not
    tried again, and so not denied for the rate.
    """
    check_table(
        """
        100 100 100 100 9   0  | 1000 1000 1000 1000 9   1  | 100 100 100 100 9   0.05
        100 100 100 100 0   .  | 1000 1000 1000 1000 0   .  | 100 100 100 100 0   .
        """,
        """
        60   SUBMITTED  A  sell 9
        60   SUBMITTED  C  buy 0.5
        60   ACCEPTED   A  sell 9
        60   ACCEPTED   C  buy 0.5
        120  CANCELED   A  sell 9    END_OF_RUN
        120  CANCELED   C  buy 0.5  END_OF_RUN
        """,
        B={"step": "1"},
        A={"venue_qty": 9, "local_qty": 9},
        cash=100.0,
        max_participation=1.0,
        max_orders_per_minute=2.0,
        every_bar=1,
    )
