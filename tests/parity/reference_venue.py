"""What the venue does inside a row, one event after another (docs/execution.md, rules 3, 6, 14, 16 and 23)."""

from __future__ import annotations

from keel.domain.orders import EventKind, OrderStatus, Reason, TimeInForce

from .reference_admission import refusal
from .reference_books import limit_on_grid, trigger_on_grid
from .reference_fees import reserve_per_unit
from .reference_holders import next_funding_ts, pay_funding
from .reference_hours import end_of_row, is_late, may_trade
from .reference_links import end_order, end_order_alone, legs_of, record
from .reference_looks import look, take_reached
from .reference_state import Amend, Order, State

FUNDING = -1
"""Stands before every order id: funding comes first at one time and instrument (rule 14.2)."""
LOOK, REACHED, AMEND, CANCEL, EXPIRE = range(5)
"""What may happen to a working order, in the order in which it does at one time (rule 14.2)."""


def run_venue(state: State) -> None:
    """Do all venue events before D(k), merged by (time, instrument, funding before orders, order id) (rule 14.2)."""
    state.net = state.gross = 0.0
    for held, market in zip(state.venue.qty, state.markets, strict=True):
        state.net = state.net + held * market.value
        state.gross = state.gross + abs(held) * market.value
    while True:
        due = [(ts, i, FUNDING) for i in range(len(state.markets)) if (ts := next_funding_ts(state, i)) is not None]
        due += [(ts, o.instrument, o.id) for o in state.orders if (ts := _next_event_ts(state, o)) is not None]
        due = [event for event in due if event[0] < state.row.close_ts_ms]
        if not due:
            return
        ts, instrument, order_id = min(due)
        if order_id == FUNDING:
            pay_funding(state, instrument)
        else:
            _do_next_event(state, state.orders[order_id], ts)


def expire_orders(state: State) -> None:
    """End every WORKING order whose session, day or auction is over at the row's close, in id order (rules 3, 29)."""
    for order in state.orders:
        reason = end_of_row(state.row, order)
        if order.status == OrderStatus.WORKING and reason != Reason.NONE:
            end_order(state, order, state.row.close_ts_ms, OrderStatus.EXPIRED, reason)


def cancel_what_is_left(state: State) -> None:
    """Cancel every order that is not final at the venue, at the last D(k), in id order (rule 16)."""
    for order in state.orders:
        if order.is_open:
            end_order_alone(state, order, state.row.close_ts_ms, OrderStatus.CANCELED, Reason.END_OF_RUN)


# The order's one next event


def _next_event_ts(state: State, order: Order) -> int | None:
    if order.status == OrderStatus.IN_FLIGHT:
        return None if order.parent else order.arrival_ts_ms
    waiting = _waiting_events(state, order)
    return min(waiting)[0] if waiting else None


def _waiting_events(state: State, order: Order) -> list[tuple[int, int]]:
    """Return (time, what) of all that may happen next to an order that has arrived."""
    waiting = []
    if order.amend is not None:
        waiting.append((order.amend.ts_ms, AMEND))
    if order.cancel_ts_ms is not None:
        waiting.append((order.cancel_ts_ms, CANCEL))
    if order.status == OrderStatus.HELD:
        return waiting
    if order.status != OrderStatus.WORKING:
        return []
    look_ts = _look_ts(state, order)
    if look_ts is not None:
        waiting.append((look_ts, LOOK))
    if order.reach is not None and order.reach.row == state.row_index:
        waiting.append((order.reach.ts_ms, REACHED))
    if order.time_in_force == TimeInForce.GTD:
        waiting.append((max(order.expire_ts_ms, order.arrival_ts_ms), EXPIRE))
    return waiting


def _look_ts(state: State, order: Order) -> int | None:
    """Return when the order is looked at in this row: once in each bar, and again where rule 10 says so."""
    bar = state.bar_now(order.instrument)
    if bar is None or order.look_waits or not may_trade(state, order):
        return None
    if order.time_in_force == TimeInForce.AT_CLOSE:
        return state.row.close_ts_ms - 1
    if order.look_again_ts_ms is not None:
        return max(order.look_again_ts_ms, bar.open_ts_ms)
    return None if order.looked_row == state.row_index else max(order.arrival_ts_ms, bar.open_ts_ms)


def _do_next_event(state: State, order: Order, ts: int) -> None:
    if order.status == OrderStatus.IN_FLIGHT:
        _arrive(state, order, ts)
        return
    _, what = min(_waiting_events(state, order))
    if what == LOOK:
        look(state, order, ts)
    elif what == REACHED and order.reach is not None:
        take_reached(state, order, order.reach)
    elif what == AMEND and order.amend is not None:
        _take_amend(state, order, order.amend)
    elif what == CANCEL:
        end_order(state, order, ts, OrderStatus.CANCELED, order.cancel_reason)
    else:
        end_order(state, order, ts, OrderStatus.EXPIRED, Reason.GOOD_TILL_DATE)


# Arrivals and amends


def _arrive(state: State, order: Order, ts: int) -> None:
    """Accept or reject an order, and those of its legs that no split ended on the way (rules 7, 24, 25)."""
    late = order.for_auction and is_late(state, order)
    reason = Reason.AUCTION_OVER if late else refusal(state, order, order.qty)
    if reason == Reason.NONE:
        order.status = OrderStatus.WORKING
        record(state, order, EventKind.ACCEPTED, reason, ts, order.qty)
    else:
        order.status = OrderStatus.REJECTED
        record(state, order, EventKind.REJECTED, reason, ts, order.qty)
    for leg in (each for each in legs_of(state, order) if each.status == OrderStatus.IN_FLIGHT):
        if reason == Reason.NONE:
            leg.status = OrderStatus.HELD
            record(state, leg, EventKind.ACCEPTED, reason, ts, leg.qty)
        else:
            leg.status = OrderStatus.REJECTED
            record(state, leg, EventKind.REJECTED, Reason.PARENT_ENDED, ts, leg.qty)


def _take_amend(state: State, order: Order, amend: Amend) -> None:
    """Change an order at the venue, or say why not (rule 23)."""
    order.amend = None
    ts = amend.ts_ms
    if order.triggered and amend.trigger_price > 0:
        _refuse_amend(state, order, ts, Reason.ORDER_ENDED)
    elif 0 < amend.qty <= order.filled:
        end_order(state, order, ts, OrderStatus.CANCELED, Reason.CLIENT_REQUEST)
    else:
        _try_amend(state, order, amend)
    if order.look_waits:
        order.look_waits, order.look_again_ts_ms = False, ts


def _try_amend(state: State, order: Order, amend: Amend) -> None:
    old = (order.qty, order.limit_price, order.trigger_price)
    tick = state.case.instruments[order.instrument].tick
    if amend.qty > 0:
        order.qty = min(order.qty, amend.qty)
    if amend.limit_price > 0:
        order.limit_price = limit_on_grid(amend.limit_price, order.side, tick)
    if amend.trigger_price > 0:
        order.trigger_price = trigger_on_grid(amend.trigger_price, order.side, tick)
    if order.status == OrderStatus.WORKING and not order.reduce_only:
        reason = refusal(state, order, order.qty - order.filled)
        if reason != Reason.NONE:
            order.qty, order.limit_price, order.trigger_price = old
            _refuse_amend(state, order, amend.ts_ms, reason)
            return
    order.opening_qty = min(order.opening_qty, order.qty)
    order.reserve_per_unit = reserve_per_unit(state, order)
    event = record(state, order, EventKind.AMENDED, Reason.NONE, amend.ts_ms, order.qty)
    event.price, event.reference_price = order.limit_price, order.trigger_price
    if (order.limit_price, order.trigger_price) != old[1:] and order.status == OrderStatus.WORKING:
        bar = state.bar_now(order.instrument)
        order.reach = None
        order.look_again_ts_ms = amend.ts_ms if bar is not None and bar.open_ts_ms <= amend.ts_ms else None


def _refuse_amend(state: State, order: Order, ts: int, reason: Reason) -> None:
    record(state, order, EventKind.AMEND_REJECTED, reason, ts, order.qty)
