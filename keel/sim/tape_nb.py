"""The tape: every event in the order it happened, and the responses that still travel to the local book (rule 5)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled, compiled_apart
from keel.domain.layout import LOCAL
from keel.domain.orders import EventKind, OrderStatus, OrderType, Reason
from keel.portfolio.books_nb import apply_fill_nb
from keel.portfolio.holders_nb import receive_nb, split_position_nb


@compiled
def write_event_nb(run, tape, kind, reason, side, instrument, order_id, row, ts_ms, response_ts_ms, qty):
    """Append an event and return its record; costs and prices are zero until the caller sets them."""
    event = tape[run.tape_tail & (len(tape) - 1)]
    run.tape_tail += 1
    event.kind = kind
    event.reason = reason
    event.side = side
    # What we do ourselves we know at once, and tell at the next close.
    event.known_row = row + 1 if kind == EventKind.SUBMITTED or kind == EventKind.DENIED else -1
    event.type = OrderType.MARKET
    event.maker = 0
    event.final = 0
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
    event.cash = 0.0
    event.fee_qty = 0.0
    event.rate = 0.0
    return event


@compiled
def write_account_event_nb(run, tape, kind, instrument, row, ts_ms, qty):
    """Append an event without an order, known at the next decision, and return its record."""
    return write_event_nb(run, tape, kind, Reason.NONE, 1, instrument, -1, row, ts_ms, ts_ms, qty)


@compiled
def write_order_event_nb(run, tape, order, kind, reason, row, ts_ms, response_ts_ms, qty):
    """Append an event of a known order and return its record."""
    event = write_event_nb(
        run, tape, kind, reason, order.side, order.instrument, order.id, row, ts_ms, response_ts_ms, qty
    )
    event.type = order.type
    return event


@compiled
def tape_room_nb(run, tape):
    """Return how many events fit before one that is undelivered or not yet drained would be overwritten."""
    oldest = run.tape_head if run.tape_head < run.tape_drained else run.tape_drained
    return len(tape) - (run.tape_tail - oldest)


@compiled
def deliver_responses_nb(run, slots, orders, tape, row, now_ms):
    """Apply to the local book, in event order, responses due by `now_ms`; then forget orders final on both sides."""
    mask = len(tape) - 1
    run.told_from = run.tape_head
    for at in range(run.tape_head, run.tape_tail):
        event = tape[at & mask]
        if event.known_row < 0 and event.response_ts_ms <= now_ms:
            _learn_nb(run, slots, orders, event)
            event.known_row = row
    while run.tape_head < run.tape_tail and tape[run.tape_head & mask].known_row >= 0:
        run.tape_head += 1
    _forget_final_orders_nb(run, slots, orders)


@compiled_apart
def _learn_nb(run, slots, orders, event):
    if event.kind >= EventKind.FUNDING:
        if event.kind == EventKind.SPLIT:
            _learn_split_nb(slots, orders, event.instrument, event.reference_price)
        receive_nb(run, LOCAL, event.cash)
        return
    if event.kind == EventKind.FILLED:
        _learn_fill_nb(run, slots[event.instrument], event)
    if event.order_id < 0:
        slots[event.instrument].pursue = 0
        return
    order = orders[_find_order_nb(run, orders, event.order_id)]
    if event.kind == EventKind.FILLED:
        order.local_filled_qty = order.local_filled_qty + event.qty
        order.local_final |= event.final
    elif event.kind == EventKind.AMENDED or event.kind == EventKind.AMEND_REJECTED:
        order.amend_requested = 0
    elif event.kind != EventKind.ACCEPTED and event.kind != EventKind.TRIGGERED:
        order.local_final = 1


@compiled
def _learn_split_nb(slots, orders, instrument, ratio):
    split_position_nb(slots[instrument], LOCAL, ratio)
    at = slots[instrument].first_order
    while at > 0:
        orders[at - 1].local_filled_qty = orders[at - 1].local_filled_qty * ratio
        at = orders[at - 1].next_order


@compiled
def _learn_fill_nb(run, slot, event):
    apply_fill_nb(run, slot, LOCAL, event.side, event.qty, event.price, event.fee, event.fee_qty, event.rate)


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
def _forget_final_orders_nb(run, slots, orders):
    kept = 0
    for at in range(run.n_orders):
        order = orders[at]
        if order.local_final and order.status >= OrderStatus.FILLED:
            continue
        if kept != at:
            orders[kept] = order
        kept += 1
    if kept == run.n_orders:
        return
    run.n_orders = kept
    for i in range(len(slots)):
        slots[i].first_order = 0
        slots[i].last_order = 0
    for at in range(kept):
        link_order_nb(slots[orders[at].instrument], orders, at + 1)


@compiled
def link_order_nb(slot, orders, place):
    """Put the order at a place, counted from 1, last among its instrument's."""
    orders[place - 1].next_order = 0
    if slot.first_order == 0:
        slot.first_order = place
    else:
        orders[slot.last_order - 1].next_order = place
    slot.last_order = place
