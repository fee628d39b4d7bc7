"""What the venue does with an amend (docs/execution.md, rule 23)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled, compiled_apart, spliced
from keel.domain.orders import EventKind, OrderStatus, Reason
from keel.risk.limits_nb import reserve_per_unit_nb
from keel.sim.admission_nb import admit_order_nb
from keel.sim.endings_nb import answer_nb, end_order_nb


@compiled_apart
def amend_order_nb(bars, run, slots, orders, tape, order, row):
    """Give the order its new quantity and prices, or refuse them; it is looked at again if a price has changed."""
    ts_ms = order.amend_ts_ms
    order.amend_ts_ms = -1
    if order.triggered and order.amend_trigger_price > 0.0:
        _refuse_nb(bars, run, slots, tape, order, row, ts_ms, Reason.ORDER_ENDED)
    elif order.amend_qty > 0.0 and order.amend_qty <= order.filled_qty:
        end_order_nb(bars, run, slots, orders, tape, order, row, ts_ms, EventKind.CANCELED, Reason.CLIENT_REQUEST)
    else:
        _change_nb(bars, run, slots, orders, tape, order, row, ts_ms)
    if order.status == OrderStatus.WORKING and order.look_row < row and order.active_ts_ms < ts_ms:
        order.active_ts_ms = ts_ms


@spliced
def _change_nb(bars, run, slots, orders, tape, order, row, ts_ms):
    qty, limit, trigger = order.qty, order.limit_price, order.trigger_price
    order.qty = order.amend_qty if 0.0 < order.amend_qty < qty else qty
    order.limit_price = order.amend_limit_price if order.amend_limit_price > 0.0 else limit
    order.trigger_price = order.amend_trigger_price if order.amend_trigger_price > 0.0 else trigger
    if order.status == OrderStatus.WORKING and not order.reduce_only:
        reason = admit_order_nb(run, slots, orders, order, order.qty - order.filled_qty)
        if reason != Reason.NONE:
            order.qty, order.limit_price, order.trigger_price = qty, limit, trigger
            _refuse_nb(bars, run, slots, tape, order, row, ts_ms, reason)
            return
    order.opening_qty = order.opening_qty if order.opening_qty < order.qty else order.qty
    order.reserve_per_unit = reserve_per_unit_nb(run, slots[order.instrument], order)
    if order.limit_price != limit or order.trigger_price != trigger:
        order.look_row = order.look_row if order.look_row < row else row - 1
        order.looks_at_path = 1
    event = answer_nb(bars, run, slots, tape, order, row, ts_ms, EventKind.AMENDED, Reason.NONE, order.qty)
    event.price = order.limit_price
    event.reference_price = order.trigger_price


@compiled
def _refuse_nb(bars, run, slots, tape, order, row, ts_ms, reason):
    answer_nb(bars, run, slots, tape, order, row, ts_ms, EventKind.AMEND_REJECTED, reason, order.qty)
