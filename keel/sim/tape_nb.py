"""The tape: every event in the order it happened, and the responses that still travel to the local book (rule 5)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled
from keel.domain.layout import LOCAL
from keel.domain.orders import EventKind, OrderStatus
from keel.portfolio.books_nb import apply_fill_nb

FILLED_FRACTION = 1.0 - 1e-12
"""An order filled to this part of its quantity is filled: the rest is rounding."""


@compiled
def write_event_nb(run, tape, kind, reason, side, instrument, order_id, row, ts_ms, response_ts_ms, qty):
    """Append an event and return its record; costs and prices are zero until the caller sets them."""
    event = tape[run.tape_tail & (len(tape) - 1)]
    run.tape_tail += 1
    event.kind = kind
    event.reason = reason
    event.side = side
    event.delivered = kind == EventKind.SUBMITTED or kind == EventKind.DENIED
    event.instrument = instrument
    event.order_id = order_id
    event.row = row
    event.ts_ms = ts_ms
    event.response_ts_ms = response_ts_ms
    event.qty = qty
    event.price = 0.0
    event.reference_price = 0.0
    event.fee = 0.0
    event.spread_cost = 0.0
    event.impact_cost = 0.0
    event.rounding_cost = 0.0
    return event


@compiled
def write_order_event_nb(run, tape, order, kind, reason, row, ts_ms, response_ts_ms, qty):
    """Append an event of a known order and return its record."""
    return write_event_nb(
        run, tape, kind, reason, order.side, order.instrument, order.id, row, ts_ms, response_ts_ms, qty
    )


@compiled
def tape_room_nb(run, tape):
    """Return how many events fit before one that is undelivered or not yet drained would be overwritten."""
    oldest = run.tape_head if run.tape_head < run.tape_drained else run.tape_drained
    return len(tape) - (run.tape_tail - oldest)


@compiled
def deliver_responses_nb(run, slots, orders, tape, now_ms):
    """Apply to the local book, in event order, responses due by `now_ms`; then forget orders final on both sides."""
    mask = len(tape) - 1
    for at in range(run.tape_head, run.tape_tail):
        event = tape[at & mask]
        if not event.delivered and event.response_ts_ms <= now_ms:
            _learn_nb(run, slots, orders[_find_order_nb(run, orders, event.order_id)], event)
            event.delivered = 1
    while run.tape_head < run.tape_tail and tape[run.tape_head & mask].delivered:
        run.tape_head += 1
    _forget_final_orders_nb(run, orders)


@compiled
def _learn_nb(run, slots, order, event):
    if event.kind == EventKind.FILLED:
        apply_fill_nb(run, slots[event.instrument], LOCAL, event.side, event.qty, event.price, event.fee)
        order.local_filled_qty = order.local_filled_qty + event.qty
        if order.local_filled_qty >= order.qty * FILLED_FRACTION:
            order.local_final = 1
    elif event.kind != EventKind.ACCEPTED:
        order.local_final = 1


@compiled
def _find_order_nb(run, orders, order_id):
    low, high = 0, run.n_orders - 1
    while low < high:
        middle = (low + high) // 2
        if orders[middle].id < order_id:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _forget_final_orders_nb(run, orders):
    kept = 0
    for at in range(run.n_orders):
        order = orders[at]
        if order.local_final and order.status >= OrderStatus.FILLED:
            continue
        if kept != at:
            orders[kept] = order
        kept += 1
    run.n_orders = kept
