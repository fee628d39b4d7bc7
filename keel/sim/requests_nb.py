"""Orders, cancels and amends that a strategy asks for itself (docs/execution.md, rule 23)."""

from __future__ import annotations

import numpy as np

from keel.domain.compile_nb import compiled, compiled_apart, spliced
from keel.domain.grid_nb import grid_floor_nb
from keel.domain.layout import BAR_PRESENT, LOCAL
from keel.domain.orders import OrderType, Reason, RequestKind, TimeInForce
from keel.portfolio.sizing_nb import split_need_nb
from keel.risk.limits_nb import check_order_nb, reserve_per_unit_nb
from keel.sim.actions_nb import limit_on_grid_nb, trigger_on_grid_nb
from keel.sim.hours_nb import is_for_auction_nb, is_outside_hours_nb, trades_outside_hours_nb
from keel.sim.send_nb import (
    attach_leg_nb,
    dispatch_nb,
    draft_order_nb,
    request_amend_nb,
    request_cancel_nb,
    submit_nb,
    write_denial_nb,
)


@compiled_apart
def handle_requests_nb(bars, run, slots, orders, tape, requests, row):
    """Handle the requests in the order given; the sums over live orders are those of the survey before."""
    near = 0
    for at in range(len(requests)):
        request = requests[at]
        if request.kind == RequestKind.NEW:
            _place_nb(bars, run, slots, orders, tape, request, row)
        else:
            near = _change_nb(bars, run, slots, orders, request, row, near)


@spliced
def _place_nb(bars, run, slots, orders, tape, request, row):
    i = request.instrument
    slot, bar = slots[i], bars[row, i]
    if not bar.flags & BAR_PRESENT:
        _deny_nb(bars, run, tape, request, row, request.qty, Reason.NO_BAR)
        return
    slot.side = request.side
    slot.want = grid_floor_nb(request.qty, slot.step_mantissa, slot.step_scale)
    if slot.want <= 0.0:
        _deny_nb(bars, run, tape, request, row, request.qty, Reason.MIN_QTY)
        return
    if request.type == OrderType.MARKET and is_outside_hours_nb(bar) and not is_for_auction_nb(request):
        _deny_nb(bars, run, tape, request, row, slot.want, Reason.EXTENDED_HOURS)
        return
    clip = _split_nb(slot, request)
    if slot.closing + slot.opening == 0.0:
        _deny_nb(bars, run, tape, request, row, slot.want, clip)
        return
    order = _draft_nb(run, slot, orders, request, bar)
    qty, opened, reason = check_order_nb(run, slot, order, clip, bar.close_ts_ms)
    if qty == 0.0:
        _deny_nb(bars, run, tape, request, row, slot.want, reason)
        return
    submit_nb(bars, run, slots, orders, tape, order, row, qty, opened, reason)
    dispatch_nb(bars, run, slots, order, row)
    slot.last_weight = np.nan  # the position is no more what the last target made it: any weight is a new one
    if order.reduce_only or order.pair != -1:
        run.has_linked = 1
    if not order.reduce_only:
        slot.n_live += 1
        slot.live_qty = slot.live_qty + order.side * qty
    if opened > 0.0:
        _attach_legs_nb(bars, run, slots, orders, tape, order, request, row)


@spliced
def _split_nb(slot, request):
    """Split the quantity into what closes and what opens; return why part of it may not go."""
    if request.reduce_only:
        slot.closing, slot.opening = slot.want, 0.0
        return Reason.NONE
    split_need_nb(slot)
    if slot.opening > 0.0 and slot.side < 0.0 and not slot.shortable:
        slot.opening = 0.0
        return Reason.NOT_SHORTABLE
    if slot.opening > 0.0 and slot.qty[LOCAL] * slot.side < 0.0 and not slot.can_flip:
        slot.opening = 0.0
        return Reason.NO_FLIP
    return Reason.NONE


@spliced
def _draft_nb(run, slot, orders, request, bar):
    order = draft_order_nb(run, orders, request.instrument, request.side)
    order.type = request.type
    order.time_in_force = request.time_in_force
    order.limit_price = limit_on_grid_nb(slot, request.side, request.limit_price)
    order.trigger_price = trigger_on_grid_nb(slot, request.side, request.trigger_price)
    order.trail = request.trail
    order.trail_rate = request.trail_rate
    if request.time_in_force == TimeInForce.GTD:
        order.expire_ts_ms = request.expire_ts_ms
    order.tag = request.tag
    order.pair = request.pair
    order.reduce_only = request.reduce_only
    order.extended_hours = trades_outside_hours_nb(request, bar)
    order.reserve_per_unit = reserve_per_unit_nb(run, slot, order)
    return order


@spliced
def _attach_legs_nb(bars, run, slots, orders, tape, order, request, row):
    trigger, trail, trail_rate = request.stop_loss, request.stop_trail, request.stop_trail_rate
    attach_leg_nb(bars, run, slots, orders, tape, order, row, 0.0, trigger, trail, trail_rate, 0, order.tag + 1)
    attach_leg_nb(bars, run, slots, orders, tape, order, row, request.take_profit, 0.0, 0.0, 0.0, 0, order.tag + 2)


@compiled
def _deny_nb(bars, run, tape, request, row, qty, reason):
    write_denial_nb(bars, run, tape, request.instrument, row, request.side, request.type, qty, reason)


@spliced
def _change_nb(bars, run, slots, orders, request, row, near):
    """Cancel or amend an order; return its place, counted from 1, or `near` where there is nothing to change."""
    slot = slots[request.instrument]
    at = _find_nb(slot, orders, request, near)
    if at == 0:
        return near
    order = orders[at - 1]
    if request.kind == RequestKind.CANCEL:
        request_cancel_nb(bars, run, slots, order, row, Reason.CLIENT_REQUEST)
        if not order.reduce_only:
            slot.cancelling = 1
    elif not order.amend_requested:
        qty = 0.0 if order.parent_id != -1 else request.qty
        order.amend_qty = grid_floor_nb(qty, slot.step_mantissa, slot.step_scale)
        order.amend_limit_price = limit_on_grid_nb(slot, order.side, request.limit_price)
        order.amend_trigger_price = trigger_on_grid_nb(slot, order.side, request.trigger_price)
        request_amend_nb(bars, run, slots, order, row)
    return at


@compiled
def _find_nb(slot, orders, request, near):
    """Return the place of a request's order, 0 if it lives no more: from the last one found on, and round once.

    Orders are most often changed in the order in which they were placed: then the next one is the one looked for.
    """
    start = near if near > 0 and orders[near - 1].instrument == request.instrument else slot.first_order
    at = start
    while at > 0:
        order = orders[at - 1]
        if order.tag == request.tag and not order.local_final and not order.cancel_requested:
            return at
        at = order.next_order if order.next_order > 0 else slot.first_order
        if at == start:
            break
    return 0
