"""Auctions and extended hours: rule 29 of docs/execution.md."""

from __future__ import annotations

from keel.domain.orders import OrderStatus, OrderType, Reason, TimeInForce

from .case import Row
from .reference_books import fill_price
from .reference_links import end_order
from .reference_match import match
from .reference_state import Market, Order, State

FAR_MINUTES = 127
"""Minutes to the next boundary of a session that stand for as many and more."""


def decides_outside_hours(row: Row) -> bool:
    """Say whether D(k) lies outside of the regular session, neither at its open nor at its close."""
    return row.extended and row.until_minutes > 0


def open_session(market: Market, row: Row) -> None:
    """Note whether the bar that an instrument has in the row is the first of its session."""
    market.opens_session = not row.extended and market.session_day != row.day
    if market.opens_session:
        market.session_day = row.day


def may_trade(state: State, order: Order) -> bool:
    """Say whether the order meets the market in the bar that its instrument has in the row."""
    row = state.row
    if order.time_in_force == TimeInForce.AT_OPEN:
        return state.markets[order.instrument].opens_session
    if order.time_in_force == TimeInForce.AT_CLOSE:
        return row.closes_session
    return order.extended_hours or not row.extended


def is_late(state: State, order: Order) -> bool:
    """Say whether an order that arrives now misses its auction."""
    row, rules = state.row, state.case.instruments[order.instrument]
    market, bar = state.markets[order.instrument], state.bar_now(order.instrument)
    boundary_ms = row.close_ts_ms + row.until_minutes * 60_000
    if order.time_in_force == TimeInForce.AT_CLOSE:
        near = not row.extended and row.until_minutes < FAR_MINUTES
        return near and order.arrival_ts_ms > boundary_ms - rules.close_cutoff_ms
    if row.extended:
        return row.until_minutes < FAR_MINUTES and order.arrival_ts_ms > boundary_ms - rules.open_cutoff_ms
    if bar is not None and market.opens_session:
        return order.arrival_ts_ms > bar.open_ts_ms - rules.open_cutoff_ms
    return market.session_day == row.day


def take_part(state: State, order: Order, ts: int) -> None:
    """Trade at the price of the auction, where the limit allows it; the rest is over."""
    bar = state.bar_now(order.instrument)
    assert bar is not None
    price = bar.open if order.time_in_force == TimeInForce.AT_OPEN else bar.close
    tick = state.case.instruments[order.instrument].tick
    asked = fill_price(price, order.side, tick)
    if order.type != OrderType.LIMIT or order.side * (asked - order.limit_price) <= 0:
        match(state, order, ts, price)
    if order.is_open:
        end_order(state, order, ts, OrderStatus.EXPIRED, Reason.AUCTION_OVER)


def end_of_row(row: Row, order: Order) -> Reason:
    """Return why the row's close ends a working order, or NONE."""
    if order.for_auction:
        return Reason.AUCTION_OVER if row.closes_session else Reason.NONE
    if order.time_in_force != TimeInForce.DAY:
        return Reason.NONE
    its_day_ends = row.ends_day and not row.extended
    over = row.ends_day if order.extended_hours else row.closes_session or its_day_ends
    return Reason.SESSION_END if over else Reason.NONE
