"""From target weights to the orders that are sent."""

from __future__ import annotations

from .candles import check_table


def test_same_weight_is_no_new_target_under_on_change():
    """Rule 6: the price rises to 120, the weight is still 0.5: nothing is sent."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 120 100 120 9   0.5
        120 120 120 120 9   0.5
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        """,
    )
    assert played.position == [5]


def test_same_weight_is_rebalanced_under_every_bar():
    """Rule 6: at 120 s 500 + 5 × 120 = 1100 × 0.5 / 120 = 4.583…; 0.4166… too many, floored to 0.41."""
    played = check_table(
        """
        100 100 100 100 9   0.5
        100 120 100 120 9   0.5
        120 120 120 120 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        120  SUBMITTED  A  sell 0.41
        120  ACCEPTED   A  sell 0.41
        120  FILLED     A  sell 0.41 @ 120
        """,
        every_bar=True,
        step="0.01",
    )
    assert played.position == [4.59]


def test_target_of_zero_at_the_start_is_nothing_new():
    """Rule 6: the last accepted weight is 0 before the first."""
    check_table("100 100 100 100 9 0 \n 100 100 100 100 9 0", "", every_bar=False)


def test_quantity_is_floored_to_the_step():
    """Rules 6c, 19: 570 / 100 = 5.7 on a step of 1 is 5."""
    check_table(
        """
        100 100 100 100 9   0.57
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        """,
        step="1",
    )


def test_need_below_a_step_sends_nothing():
    """Rule 6c: half a unit on a step of 1 is no order and no denial."""
    check_table("100 100 100 100 9 0.05 \n 100 100 100 100 9 .", "", step="1", min_qty=1, min_notional=100)


def test_order_below_the_minimum_value_is_denied():
    """Rules 8, 17: 0.05 × 100 = 5 is below 10; the same weight does not ask again."""
    check_table(
        """
        100 100 100 100 9   0.005
        100 100 100 100 9   0.005
        """,
        """
        60   DENIED  A  buy 0.05  MIN_NOTIONAL
        """,
        min_notional=10,
    )


def test_order_of_the_minimum_value_is_sent():
    """Rules 8, 17: 0.125 × 80 = 10 is not below 10."""
    check_table(
        """
        80 80 80 80 9   0.01
        80 80 80 80 9   .
        """,
        """
        60   SUBMITTED  A  buy 0.125
        60   ACCEPTED   A  buy 0.125
        60   FILLED     A  buy 0.125 @ 80
        """,
        min_notional=10,
        min_qty=0.125,
    )


def test_order_below_the_minimum_quantity_is_denied():
    """Rules 8, 17: 0.5 is below 1, which comes before the minimum value."""
    check_table(
        """
        100 100 100 100 9   0.05
        100 100 100 100 9   .
        """,
        """
        60   DENIED  A  buy 0.5  MIN_QTY
        """,
        min_qty=1,
        min_notional=1000,
    )


def test_closing_order_below_the_minimum_value_is_denied_too():
    """Rule 17: 0.5 bought at 100, worth 25 after the fall to 50; a minimum value of 30 keeps it."""
    check_table(
        """
        100 100 100 100 9   0.05
        100 100  50  50 9   0
        50   50  50  50 9   .
        """,
        """
        60   SUBMITTED  A  buy 0.5
        60   ACCEPTED   A  buy 0.5
        60   FILLED     A  buy 0.5 @ 100
        120  DENIED     A  sell 0.5  MIN_NOTIONAL
        """,
        min_notional=30,
    )


def test_allocation_caps_what_a_weight_is_of():
    """Rule 6: 1.0 × (1000 × 0.5) / 100 = 5."""
    check_table(
        """
        100 100 100 100 9   1
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 5
        60   ACCEPTED   A  buy 5
        60   FILLED     A  buy 5 @ 100
        """,
        allocation=0.5,
    )


def test_order_beyond_buying_power_is_clipped():
    """Rules 7, 17: all of 1000 with a reserve of 1% and a fee of 10 bps: 1000 / (100 × 1.01 × 1.001) = 9.891…"""
    played = check_table(
        """
        100 100 100 100 9   1
        100 100 100 100 9   1
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 9.89  BUYING_POWER
        60   ACCEPTED   A  buy 9.89
        60   FILLED     A  buy 9.89 @ 100  fee 0.989
        """,
        reserve_rate=0.01,
        fee_bps=10,
        step="0.01",
    )
    assert played.position == [9.89]


def test_minimum_fee_is_kept_out_of_buying_power():
    """Rule 17: (1000 − 5) / 100 = 9.95."""
    check_table(
        """
        100 100 100 100 9   1
        100 100 100 100 9   .
        """,
        """
        60   SUBMITTED  A  buy 9.95  BUYING_POWER
        60   ACCEPTED   A  buy 9.95
        60   FILLED     A  buy 9.95 @ 100  fee 5
        """,
        min_fee=5,
    )


def test_order_without_buying_power_is_denied():
    """Rules 7, 17: B wants 500 beside A's 1000: what is reserved for A leaves nothing."""
    check_table(
        """
        100 100 100 100 9  1  |  50 50 50 50 9  0.5
        100 100 100 100 9  .  |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  A  buy 10
        60   DENIED     B  buy 10  BUYING_POWER
        60   ACCEPTED   A  buy 10
        60   FILLED     A  buy 10 @ 100
        """,
    )


def test_rotation_in_a_cash_account_sells_first_and_buys_when_the_money_has_come():
    """Rules 7, 17: at 120 s A turns to 0 and B to 1. The sale of A, index 0, goes out; B has no funds yet.

    Funds are coming, so nothing is denied and B is pursued: at 180 s the 1000 are known and B is bought.
    """
    played = check_table(
        """
        100 100 100 100 9  1  |  50 50 50 50 9  .
        100 100 100 100 9  0  |  50 50 50 50 9  1
        100 100 100 100 9  .  |  50 50 50 50 9  .
        100 100 100 100 9  .  |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  A  buy 10
        60   ACCEPTED   A  buy 10
        60   FILLED     A  buy 10 @ 100
        120  SUBMITTED  A  sell 10
        120  ACCEPTED   A  sell 10
        120  FILLED     A  sell 10 @ 100
        180  SUBMITTED  B  buy 20
        180  ACCEPTED   B  buy 20
        180  FILLED     B  buy 20 @ 50
        """,
    )
    assert played.position == [0, 20]


def test_reducing_orders_go_first_whatever_the_order_of_instruments():
    """Rule 7: A, index 0, opens 5 for 500; B, index 1, closes: B's order is the first of 120 s.

    200 in cash: A is clipped to 2 and, as funds are coming, pursued: at 180 s the other 3 follow.
    """
    check_table(
        """
        100 100 100 100 9  .    |  50 50 50 50 9  0.8
        100 100 100 100 9  0.5  |  50 50 50 50 9  0
        100 100 100 100 9  .    |  50 50 50 50 9  .
        100 100 100 100 9  .    |  50 50 50 50 9  .
        """,
        """
        60   SUBMITTED  B  buy 16
        60   ACCEPTED   B  buy 16
        60   FILLED     B  buy 16 @ 50
        120  SUBMITTED  B  sell 16
        120  SUBMITTED  A  buy 2  BUYING_POWER
        120  ACCEPTED   A  buy 2
        120  FILLED     A  buy 2 @ 100
        120  ACCEPTED   B  sell 16
        120  FILLED     B  sell 16 @ 50
        180  SUBMITTED  A  buy 3
        180  ACCEPTED   A  buy 3
        180  FILLED     A  buy 3 @ 100
        """,
    )


def test_new_weight_asks_again_after_a_denial():
    """Rules 6, 17: a denial ends the pursuit of 0.005; 0.006 is a new target, denied as well; 0.5 is sent."""
    check_table(
        """
        100 100 100 100 9   0.005
        100 100 100 100 9   0.006
        100 100 100 100 9   0.5
        100 100 100 100 9   .
        """,
        """
        60   DENIED     A  buy 0.05  MIN_NOTIONAL
        120  DENIED     A  buy 0.06  MIN_NOTIONAL
        180  SUBMITTED  A  buy 5
        180  ACCEPTED   A  buy 5
        180  FILLED     A  buy 5 @ 100
        """,
        min_notional=10,
    )
