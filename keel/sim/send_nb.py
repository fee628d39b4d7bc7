"""An order on its way: what it is told at the start, and the legs it takes along (rules 7, 13, 24)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled, compiled_apart
from keel.domain.layout import EXIT_FRACTION, EXIT_NONE
from keel.domain.orders import EventKind, OrderStatus, OrderType, Reason, TimeInForce
from keel.domain.rng_nb import AMEND_JITTER, CANCEL_JITTER, ENTRY_JITTER
from keel.sim.actions_nb import limit_on_grid_nb, trigger_on_grid_nb
from keel.sim.latency_nb import latency_ms_nb
from keel.sim.tape_nb import link_order_nb, write_event_nb, write_order_event_nb

NO_TAG = -1
"""The tag of an order that no strategy placed itself: a target's, or a leg of one."""
_NOBODY = -1
_NEVER = -1


@compiled
def draft_order_nb(run, orders, instrument, side):
    """Return the next free order record as a market order of nobody's, without a quantity."""
    order = orders[run.n_orders]
    order.instrument = instrument
    order.side = side
    order.type = OrderType.MARKET
    order.time_in_force = run.time_in_force
    order.limit_price = 0.0
    order.trigger_price = 0.0
    order.trail = 0.0
    order.trail_rate = 0.0
    order.best_price = 0.0
    order.expire_ts_ms = _NEVER
    order.tag = NO_TAG
    order.parent_id = _NOBODY
    order.pair = _NOBODY
    order.reduce_only = 0
    order.extended_hours = 0
    order.covers = 0
    order.n_legs = 0
    return order


@compiled
def submit_nb(bars, run, slots, orders, tape, order, row, qty, opened, reason):
    """Send the draft: give it an id and, unless it is a leg, a way to the venue; write SUBMITTED.

    `opened` is the part of `qty` that opens, base units; `reason` is the limit that clipped it, or NONE.
    """
    i = order.instrument
    slot, bar = slots[i], bars[row, i]
    run.n_orders += 1
    link_order_nb(slot, orders, run.n_orders)
    order.id = run.next_order_id
    run.next_order_id += 1
    order.seq = slot.n_sent
    slot.n_sent += 1
    order.status = OrderStatus.IN_FLIGHT
    order.local_final = 0
    order.triggered = 0
    order.cancel_requested = 0
    order.amend_requested = 0
    order.n_amends = 0
    order.amend_ts_ms = _NEVER
    order.amend_qty = 0.0
    order.amend_limit_price = 0.0
    order.amend_trigger_price = 0.0
    order.look_row = row
    order.looks_at_path = 0
    order.reach_ts_ms = _NEVER
    order.n_events = 0
    order.birth_ts_ms = bar.open_ts_ms
    order.submit_ts_ms = bar.close_ts_ms
    order.last_response_ts_ms = bar.close_ts_ms
    order.qty = qty
    order.opening_qty = opened
    order.filled_qty = 0.0
    order.local_filled_qty = 0.0
    order.rated_fee = 0.0
    order.regulated_fee = 0.0
    order.unit_fee = 0.0
    order.paid_fee = 0.0
    event = write_order_event_nb(
        run, tape, order, EventKind.SUBMITTED, reason, row, order.submit_ts_ms, order.submit_ts_ms, qty
    )
    event.price = order.limit_price
    event.reference_price = order.trigger_price


@compiled
def dispatch_nb(bars, run, slots, order, row):
    """Draw the order's way to the venue, reserve its money and take its token."""
    slot, bar = slots[order.instrument], bars[row, order.instrument]
    delay = latency_ms_nb(run, slot, order, bar, bar.close_ts_ms, run.entry_ms, ENTRY_JITTER, 0)
    order.arrival_ts_ms = bar.close_ts_ms + delay
    order.active_ts_ms = order.arrival_ts_ms
    run.reserved = run.reserved + order.reserve_per_unit * order.opening_qty
    run.projected_gross = run.projected_gross + order.opening_qty * slot.value
    run.rate_tokens = run.rate_tokens - 1.0


@compiled_apart
def attach_leg_nb(bars, run, slots, orders, tape, parent, row, limit, trigger, trail, trail_rate, covers, tag):
    """Send a leg along with its parent, if it has a price: a take-profit (`limit`), or a stop that may trail."""
    if limit <= 0.0 and trigger <= 0.0 and trail <= 0.0 and trail_rate <= 0.0:
        return
    slot = slots[parent.instrument]
    leg = draft_order_nb(run, orders, parent.instrument, -parent.side)
    leg.type = OrderType.LIMIT if limit > 0.0 else OrderType.STOP
    if trail > 0.0 or trail_rate > 0.0:
        leg.type = OrderType.TRAILING_STOP
    leg.time_in_force = TimeInForce.GTC
    leg.limit_price = limit_on_grid_nb(slot, leg.side, limit)
    leg.trigger_price = trigger_on_grid_nb(slot, leg.side, trigger)
    leg.trail = trail
    leg.trail_rate = trail_rate
    leg.parent_id = parent.id
    leg.pair = parent.id
    leg.reduce_only = 1
    leg.covers = covers
    leg.tag = tag
    leg.reserve_per_unit = 0.0
    leg.arrival_ts_ms = parent.arrival_ts_ms
    leg.active_ts_ms = parent.arrival_ts_ms
    submit_nb(bars, run, slots, orders, tape, leg, row, parent.opening_qty, 0.0, Reason.NONE)
    parent.n_legs += 1
    run.has_linked = 1


@compiled_apart
def attach_exits_nb(bars, run, slots, orders, tape, parent, row):
    """Attach the exits of the configuration to an order that opens, unless the position has its exits."""
    slot = slots[parent.instrument]
    at = slot.first_order
    while at > 0:
        leg = orders[at - 1]
        at = leg.next_order
        if leg.covers and leg.side == -parent.side and not leg.local_final and not leg.cancel_requested:
            return
    if run.stop_kind != EXIT_NONE:
        trigger, trail, trail_rate = 0.0, 0.0, 0.0
        distance = _distance_nb(slot, run.stop_kind, run.stop_distance)
        if not run.stop_trails:
            trigger = slot.mark - parent.side * distance if distance > 0.0 else 0.0
        elif run.stop_kind == EXIT_FRACTION:
            trail_rate = run.stop_distance
        else:
            trail = distance
        attach_leg_nb(bars, run, slots, orders, tape, parent, row, 0.0, trigger, trail, trail_rate, 1, NO_TAG)
    if run.take_kind != EXIT_NONE:
        distance = _distance_nb(slot, run.take_kind, run.take_distance)
        limit = slot.mark + parent.side * distance if distance > 0.0 else 0.0
        attach_leg_nb(bars, run, slots, orders, tape, parent, row, limit, 0.0, 0.0, 0.0, 1, NO_TAG)


@compiled
def _distance_nb(slot, kind, distance):
    return distance * slot.mark if kind == EXIT_FRACTION else distance * slot.atr


@compiled
def write_denial_nb(bars, run, tape, i, row, side, kind, qty, reason):
    """Record that an order of this type was not sent."""
    ts_ms = bars[row, i].close_ts_ms
    event = write_event_nb(run, tape, EventKind.DENIED, reason, side, i, _NOBODY, row, ts_ms, ts_ms, qty)
    event.type = kind


@compiled_apart
def request_cancel_nb(bars, run, slots, order, row, reason):
    """Send a cancel of a live order on its way."""
    order.cancel_requested = 1
    order.cancel_reason = reason
    order.cancel_ts_ms = _at_venue_nb(bars, run, slots, order, row, CANCEL_JITTER, 0)


@compiled_apart
def request_amend_nb(bars, run, slots, order, row):
    """Send an amend of a live order on its way; the new values are set."""
    order.amend_requested = 1
    order.amend_ts_ms = _at_venue_nb(bars, run, slots, order, row, AMEND_JITTER, order.n_amends)
    order.n_amends += 1


@compiled
def _at_venue_nb(bars, run, slots, order, row, purpose, draw):
    slot, now_ms = slots[order.instrument], bars[row, order.instrument].close_ts_ms
    bar = bars[slot.bar_row, order.instrument]
    at_venue = now_ms + latency_ms_nb(run, slot, order, bar, now_ms, run.entry_ms, purpose, draw)
    return at_venue if at_venue > order.arrival_ts_ms else order.arrival_ts_ms
