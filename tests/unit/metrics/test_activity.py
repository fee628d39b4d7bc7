"""Costs, turnover, orders and refusals are counted from the tape."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keel.domain.layout import EVENT, MARK
from keel.domain.orders import EventKind, OrderType, Reason
from keel.metrics import activity, trades
from keel.metrics.curve import scan
from keel.portfolio.trades_nb import TRADE


def tape(*rows: tuple[EventKind, int, float, Reason]) -> np.ndarray:
    events = np.zeros(len(rows), dtype=EVENT)
    for i, (kind, order_id, qty, reason) in enumerate(rows):
        events[i]["kind"], events[i]["order_id"], events[i]["qty"], events[i]["reason"] = (
            kind,
            order_id,
            qty,
            reason,
        )
    return events


def test_costs_are_given_in_currency_and_in_bps_of_traded_notional():
    fills = np.zeros(2, dtype=EVENT)
    fills["qty"], fills["price"], fills["fee"] = [1.0, 2.0], [50.0, 100.0], [0.1, 0.4]
    fills["rate"] = 2.0
    fills["spread_cost"], fills["impact_cost"], fills["rounding_cost"] = 0.05, 0.02, 0.01
    costs = activity.cost_summary(fills)
    assert costs["traded_notional"] == 500.0
    assert costs["fees"] == {"paid": pytest.approx(0.5), "bps": pytest.approx(10.0)}
    assert costs["spread"]["bps"] == pytest.approx(2.0)
    assert costs["total"]["paid"] == pytest.approx(0.5 + 0.1 + 0.04 + 0.02)


def test_fees_are_told_apart_by_maker_taker_and_liquidation_each_on_its_own_notional():
    fills = np.zeros(4, dtype=EVENT)
    fills["qty"], fills["price"], fills["rate"], fills["fee"] = 1.0, 100.0, 1.0, [0.1, 0.02, 0.5, 0.1]
    fills["maker"] = [0, 1, 0, 0]
    fills["reason"][2] = Reason.LIQUIDATION
    costs = activity.cost_summary(fills)
    assert costs["fees_taker"] == {"paid": pytest.approx(0.2), "bps": pytest.approx(10.0), "notional": 200.0}
    assert costs["fees_maker"] == {"paid": pytest.approx(0.02), "bps": pytest.approx(2.0), "notional": 100.0}
    assert costs["fees_liquidation"]["paid"] == pytest.approx(0.5)
    assert costs["fees"]["paid"] == pytest.approx(0.72)


def test_cash_flows_are_summed_by_kind_with_their_sign():
    events = np.zeros(6, dtype=EVENT)
    kinds = (
        EventKind.FUNDING,
        EventKind.FUNDING,
        EventKind.INTEREST,
        EventKind.DIVIDEND,
        EventKind.SPLIT,
        EventKind.FILLED,
    )
    events["kind"], events["cash"] = kinds, [-3.0, 1.0, -4.0, 10.0, 0.5, 99.0]
    flows = activity.cashflow_summary(events)
    named = {"funding": -2.0, "borrow": 0.0, "interest": -4.0, "dividends": 10.0, "cash_in_lieu": 0.5}
    assert flows == {**named, "net": 4.5}


def test_cash_moved_is_what_buy_and_hold_bought():
    marks = np.zeros(4, dtype=MARK)
    marks["cash"] = [100.0, 100.0, 20.0, 25.0]
    assert activity.cash_moved(marks) == 85.0


def test_costs_of_no_trading_are_zero_and_their_bps_undefined():
    costs = activity.cost_summary(np.zeros(0, dtype=EVENT))
    assert costs["total"]["paid"] == 0.0
    assert math.isnan(costs["total"]["bps"])


def test_turnover_of_two_is_the_account_bought_and_sold_once_a_year():
    assert activity.turnover(400_000.0, 100_000.0, 2.0) == pytest.approx(2.0)
    assert math.isnan(activity.turnover(1.0, 0.0, 1.0))
    assert math.isnan(activity.turnover(1.0, 1.0, 0.0))


def test_exposure_is_the_mean_of_gross_over_equity_where_equity_is_positive():
    gross, equity = np.array([50.0, 100.0, 30.0]), np.array([100.0, 100.0, -5.0])
    assert scan(equity, gross).exposure == pytest.approx(0.75)
    assert math.isnan(scan(equity[2:], gross[2:]).exposure)


def test_orders_are_counted_by_kind_and_partly_filled_ones_once():
    events = tape(
        (EventKind.SUBMITTED, 7, 10.0, Reason.NONE),
        (EventKind.SUBMITTED, 3, 5.0, Reason.NONE),
        (EventKind.ACCEPTED, 7, 10.0, Reason.NONE),
        (EventKind.FILLED, 7, 4.0, Reason.NONE),
        (EventKind.FILLED, 7, 6.0, Reason.NONE),
        (EventKind.FILLED, 3, 5.0, Reason.NONE),
        (EventKind.DENIED, 9, 1.0, Reason.MIN_QTY),
    )
    counts = activity.order_counts(events)
    assert counts == {
        "submitted": 2, "denied": 1, "accepted": 1, "rejected": 0,
        "filled": 3, "canceled": 0, "expired": 0, "triggered": 0, "amended": 0, "amend_rejected": 0,
        "partial": 1, "liquidations": 0,
    }  # fmt: skip


def test_a_liquidation_is_counted_and_is_no_order_filled_in_parts():
    events = tape((EventKind.SUBMITTED, 0, 1.0, Reason.NONE), (EventKind.FILLED, -1, 9.0, Reason.LIQUIDATION))
    counts = activity.order_counts(events)
    assert (counts["filled"], counts["liquidations"], counts["partial"]) == (1, 1, 0)


def test_reasons_are_counted_for_each_way_an_order_can_fail():
    events = tape(
        (EventKind.DENIED, -1, 1.0, Reason.MIN_QTY),
        (EventKind.EXPIRED, 2, 1.0, Reason.GOOD_TILL_DATE),
        (EventKind.AMEND_REJECTED, 3, 1.0, Reason.ORDER_ENDED),
        (EventKind.AMEND_REJECTED, 4, 1.0, Reason.ORDER_ENDED),
    )
    assert activity.order_reasons(events) == {
        "denied": {"min_qty": 1}, "rejected": {}, "canceled": {},
        "expired": {"good_till_date": 1}, "amend_rejected": {"order_ended": 2},
    }  # fmt: skip


def test_reasons_come_most_frequent_first_and_only_of_the_kinds_asked_for():
    events = tape(
        (EventKind.DENIED, 1, 1.0, Reason.MIN_QTY),
        (EventKind.REJECTED, 2, 1.0, Reason.INSUFFICIENT_FUNDS),
        (EventKind.DENIED, 3, 1.0, Reason.INSUFFICIENT_FUNDS),
        (EventKind.CANCELED, 4, 1.0, Reason.END_OF_RUN),
    )
    found = activity.reasons(events, EventKind.DENIED, EventKind.REJECTED)
    assert list(found.items()) == [("insufficient_funds", 2), ("min_qty", 1)]


def test_trade_figures_count_wins_losses_and_neither():
    closed = np.zeros(4, dtype=TRADE)
    closed["pnl"], closed["return"], closed["side"] = (
        [30.0, -10.0, 0.0, -5.0],
        [0.3, -0.1, 0.0, -0.05],
        [1, 1, -1, 1],
    )
    closed["close_ts_ms"] = 2 * 3_600_000
    figures = trades.trade_summary(closed, closed[:1])
    assert (figures["closed"], figures["won"], figures["lost"], figures["open"]) == (4, 1, 2, 1)
    assert figures["win_rate"] == 0.25
    assert figures["profit_factor"] == pytest.approx(2.0)
    assert figures["average_win"] == 30.0
    assert figures["average_loss"] == -7.5
    assert (figures["best"], figures["worst"]) == (30.0, -10.0)
    assert figures["average_hours"] == 2.0


def test_quality_of_trades_is_what_their_definitions_say():
    pnl = np.array([10.0, -5.0, -5.0, 20.0, -10.0])
    assert trades.payoff_ratio(pnl) == pytest.approx(15 / (20 / 3))
    assert trades.kelly_fraction(pnl) == pytest.approx(0.4 - 0.6 / 2.25)
    assert trades.system_quality(pnl) == pytest.approx(np.mean(pnl) / np.std(pnl, ddof=1) * 5**0.5)
    assert (trades.longest_row(pnl < 0), trades.longest_row(pnl > 0), trades.longest_row(pnl > 99)) == (2, 1, 0)
    for figure in (trades.payoff_ratio, trades.kelly_fraction, trades.system_quality):
        assert math.isnan(figure(pnl[:1]))


def test_exits_are_counted_by_order_type_unless_the_venue_closed_the_trade():
    closed = np.zeros(4, dtype=TRADE)
    closed["exit_type"] = [OrderType.STOP, OrderType.STOP, OrderType.LIMIT, OrderType.MARKET]
    closed["exit_reason"][3] = Reason.LIQUIDATION
    assert list(trades.exits(closed).items()) == [("stop", 2), ("liquidation", 1), ("limit", 1)]


def test_trade_figures_without_trades_or_losses_are_undefined():
    nothing = np.zeros(0, dtype=TRADE)
    figures = trades.trade_summary(nothing, nothing)
    assert math.isnan(figures["win_rate"])
    assert math.isnan(figures["best"])
    assert math.isnan(trades.profit_factor(np.array([1.0, 2.0])))


def test_dust_is_no_position() -> None:
    gross, equity = np.array([0.0, 0.009, 50.0, 0.0]), np.full(4, 100.0)
    assert activity.time_in_market(gross, equity) == 0.25
