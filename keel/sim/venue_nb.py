"""The venue's side of one row: arrivals, fills, cancels in time order (docs/execution.md, rule 14)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled
from keel.domain.layout import BAR_ENDS_DAY, BAR_PRESENT, VENUE
from keel.domain.orders import EventKind, OrderStatus, Reason, TimeInForce
from keel.portfolio.books_nb import apply_fill_nb
from keel.sim.latency_nb import response_ts_nb
from keel.sim.matching_nb import admit_order_nb, match_order_nb
from keel.sim.queue_nb import ARRIVAL, MATCH, pop_nb, push_nb, schedule_nb
from keel.sim.tape_nb import FILLED_FRACTION, write_order_event_nb


@compiled
def trade_row_nb(bars, fine, run, slots, orders, tape, row):
    """Play every venue event of the row, then expire DAY orders if the row ends a day."""
    close_ts_ms = bars[row, 0].close_ts_ms
    run.n_queued = 0
    for at in range(run.n_orders):
        _queue_nb(bars, run, orders, at, row, close_ts_ms)
    while run.n_queued > 0:
        at = pop_nb(run, orders)
        order = orders[at]
        if order.next_kind == ARRIVAL:
            _arrive_nb(bars, run, slots, orders, tape, order, row)
        elif order.next_kind == MATCH:
            _match_nb(bars, fine, run, slots, tape, order, row)
        else:
            _end_nb(bars, run, slots, tape, order, row, order.next_ts_ms, EventKind.CANCELED, order.cancel_reason)
        _queue_nb(bars, run, orders, at, row, close_ts_ms)
    for at in range(run.n_orders):
        order = orders[at]
        if order.status == OrderStatus.WORKING and order.time_in_force == TimeInForce.DAY:
            if bars[row, order.instrument].flags & BAR_ENDS_DAY:
                _end_nb(bars, run, slots, tape, order, row, close_ts_ms, EventKind.EXPIRED, Reason.SESSION_END)


@compiled
def cancel_all_nb(bars, run, slots, orders, tape, row):
    """Cancel every order that is not final at the end of the run (rule 16)."""
    for at in range(run.n_orders):
        order = orders[at]
        if order.status < OrderStatus.FILLED:
            ts_ms = bars[row, 0].close_ts_ms
            _end_nb(bars, run, slots, tape, order, row, ts_ms, EventKind.CANCELED, Reason.END_OF_RUN)


@compiled
def _queue_nb(bars, run, orders, at, row, close_ts_ms):
    order = orders[at]
    bar = bars[row, order.instrument]
    if schedule_nb(order, bar.flags & BAR_PRESENT, bar.open_ts_ms, row, close_ts_ms):
        push_nb(run, orders, at)


@compiled
def _newest_bar_nb(bars, slots, instrument):
    return bars[slots[instrument].bar_row, instrument]


@compiled
def _arrive_nb(bars, run, slots, orders, tape, order, row):
    ts_ms = order.arrival_ts_ms
    reason = admit_order_nb(run, slots, orders, order)
    bar = _newest_bar_nb(bars, slots, order.instrument)
    response = response_ts_nb(run, slots[order.instrument], order, bar, ts_ms)
    order.status = OrderStatus.WORKING if reason == Reason.NONE else OrderStatus.REJECTED
    kind = EventKind.ACCEPTED if reason == Reason.NONE else EventKind.REJECTED
    write_order_event_nb(run, tape, order, kind, reason, row, ts_ms, response, order.qty)


@compiled
def _match_nb(bars, fine, run, slots, tape, order, row):
    slot, bar, ts_ms = slots[order.instrument], bars[row, order.instrument], order.next_ts_ms
    order.matched_row = row
    match_order_nb(run, slot, order, bar, fine, ts_ms)
    if order.match_qty > 0.0:
        _fill_nb(run, slot, tape, order, bar, row, ts_ms)
    if order.status == OrderStatus.WORKING and order.starved:
        _end_nb(bars, run, slots, tape, order, row, ts_ms, EventKind.CANCELED, Reason.INSUFFICIENT_FUNDS)
    elif order.status == OrderStatus.WORKING and order.time_in_force == TimeInForce.IOC:
        _end_nb(bars, run, slots, tape, order, row, ts_ms, EventKind.CANCELED, Reason.IMMEDIATE_OR_CANCEL)


@compiled
def _fill_nb(run, slot, tape, order, bar, row, ts_ms):
    qty, price = order.match_qty, order.match_price
    fee = _fee_nb(slot, order, qty, price)
    apply_fill_nb(run, slot, VENUE, order.side, qty, price, fee)
    slot.bar_filled = slot.bar_filled + qty
    order.filled_qty = order.filled_qty + qty
    if order.filled_qty >= order.qty * FILLED_FRACTION:
        order.status = OrderStatus.FILLED
    response = response_ts_nb(run, slot, order, bar, ts_ms)
    event = write_order_event_nb(run, tape, order, EventKind.FILLED, Reason.NONE, row, ts_ms, response, qty)
    event.price = price
    event.reference_price = order.match_reference
    event.fee = fee
    event.spread_cost = qty * order.match_half_spread
    event.impact_cost = qty * order.match_impact
    paid_above_reference = order.side * qty * (price - order.match_reference)
    event.rounding_cost = paid_above_reference - event.spread_cost - event.impact_cost


@compiled
def _fee_nb(slot, order, qty, price):
    """Return the fee of a fill, so that the order's fees so far come to the rate or the minimum, whichever is more."""
    order.rated_fee = order.rated_fee + qty * price * slot.fee_rate
    due = order.rated_fee if order.rated_fee > slot.min_fee else slot.min_fee
    fee = due - order.paid_fee
    order.paid_fee = due
    return fee


@compiled
def _end_nb(bars, run, slots, tape, order, row, ts_ms, kind, reason):
    order.status = OrderStatus.EXPIRED if kind == EventKind.EXPIRED else OrderStatus.CANCELED
    bar = _newest_bar_nb(bars, slots, order.instrument)
    response = response_ts_nb(run, slots[order.instrument], order, bar, ts_ms)
    write_order_event_nb(run, tape, order, kind, reason, row, ts_ms, response, order.qty - order.filled_qty)
