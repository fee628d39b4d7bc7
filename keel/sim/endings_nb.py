"""How orders end at the venue, and what ends with them (docs/execution.md, rules 3, 16, 24)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled, compiled_apart
from keel.domain.orders import EventKind, OrderStatus, Reason
from keel.sim.latency_nb import response_ts_nb
from keel.sim.tape_nb import write_order_event_nb


@compiled
def newest_bar_nb(bars, slots, instrument):
    """Return the instrument's newest bar."""
    return bars[slots[instrument].bar_row, instrument]


@compiled_apart
def answer_nb(bars, run, slots, tape, order, row, ts_ms, kind, reason, qty):
    """Record an event of the order at the venue, with a response on its way to us, and return its record."""
    bar = newest_bar_nb(bars, slots, order.instrument)
    response = response_ts_nb(run, slots[order.instrument], order, bar, ts_ms)
    return write_order_event_nb(run, tape, order, kind, reason, row, ts_ms, response, qty)


@compiled_apart
def end_order_nb(bars, run, slots, orders, tape, order, row, ts_ms, kind, reason):
    """End the order, CANCELED, EXPIRED or REJECTED, and legs that waited for its first fill."""
    _end_one_nb(bars, run, slots, tape, order, row, ts_ms, kind, reason)
    if order.n_legs > 0:
        end_held_legs_nb(bars, run, slots, orders, tape, order, row, ts_ms)


@compiled_apart
def _end_one_nb(bars, run, slots, tape, order, row, ts_ms, kind, reason):
    run.n_working -= order.status == OrderStatus.WORKING
    if kind == EventKind.EXPIRED:
        order.status = OrderStatus.EXPIRED
    else:
        order.status = OrderStatus.REJECTED if kind == EventKind.REJECTED else OrderStatus.CANCELED
    left = order.qty if kind == EventKind.REJECTED else max(0.0, order.qty - order.filled_qty)

    answer_nb(bars, run, slots, tape, order, row, ts_ms, kind, reason, left)


@compiled_apart
def end_held_legs_nb(bars, run, slots, orders, tape, parent, row, ts_ms):
    """End the legs that a final parent has never made active; those of a rejected one are rejected with it."""
    kind = EventKind.REJECTED if parent.status == OrderStatus.REJECTED else EventKind.CANCELED
    at = slots[parent.instrument].first_order
    while at > 0:
        leg = orders[at - 1]
        at = leg.next_order
        waits = leg.status == OrderStatus.IN_FLIGHT or leg.status == OrderStatus.HELD
        if leg.parent_id == parent.id and waits:
            _end_one_nb(bars, run, slots, tape, leg, row, ts_ms, kind, Reason.PARENT_ENDED)


@compiled_apart
def cancel_all_nb(bars, run, slots, orders, tape, row, ts_ms, last, reason):
    """Cancel every order up to status `last` (IN_FLIGHT: all, too; WORKING, HELD: at the venue), in id order."""
    for at in range(run.n_orders):
        order = orders[at]
        if order.status < OrderStatus.FILLED and order.status >= last:
            _end_one_nb(bars, run, slots, tape, order, row, ts_ms, EventKind.CANCELED, reason)
