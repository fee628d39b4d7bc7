"""A fill at the venue, and what it does to orders that belong to the one filled (docs/execution.md, rules 5, 24)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled, compiled_apart, spliced
from keel.domain.layout import VENUE
from keel.domain.orders import EventKind, OrderStatus, Reason, TimeInForce
from keel.portfolio.books_nb import add_exposure_nb, apply_fill_nb, paid_fee_nb
from keel.sim.admission_nb import reducible_nb
from keel.sim.endings_nb import end_held_legs_nb, end_order_nb
from keel.sim.fees_nb import charge_match_nb
from keel.sim.hours_nb import trades_in_nb
from keel.sim.latency_nb import response_ts_nb
from keel.sim.matching_nb import FILLED_FRACTION
from keel.sim.queue_nb import push_nb, schedule_nb
from keel.sim.tape_nb import write_order_event_nb

_SHRUNK = 1.0 + 1e-12
"""An order whose quantity has shrunk to this many times what is filled has nothing left."""


@compiled_apart
def fill_nb(bars, run, slots, orders, tape, order, row, ts_ms):
    """Book what the last match wrote into the order's scratch fields, and end what has nothing left to do."""
    if order.match_qty > 0.0:
        _book_nb(bars, run, slots, tape, order, row, ts_ms)
        if run.has_linked:
            _follow_match_nb(bars, run, slots, orders, tape, order, row, ts_ms)
    if order.status != OrderStatus.WORKING:
        return
    reason = Reason.NONE
    if order.time_in_force == TimeInForce.FOK and order.match_qty <= 0.0:
        reason = Reason.FILL_OR_KILL
    elif order.starved:
        reason = Reason.INSUFFICIENT_FUNDS
    elif order.time_in_force == TimeInForce.IOC:
        reason = Reason.IMMEDIATE_OR_CANCEL
    if reason != Reason.NONE:
        end_order_nb(bars, run, slots, orders, tape, order, row, ts_ms, EventKind.CANCELED, reason)


@spliced
def _book_nb(bars, run, slots, tape, order, row, ts_ms):
    slot, bar = slots[order.instrument], bars[row, order.instrument]
    qty, price, rate = order.match_qty, order.match_price, slot.rate
    held = slot.qty[VENUE]
    charge_match_nb(slot, order)
    apply_fill_nb(run, slot, VENUE, order.side, qty, price, order.match_fee, order.match_fee_qty, rate)
    add_exposure_nb(run, slot, held)
    slot.bar_filled = slot.bar_filled + qty
    slot.match_ts_ms = ts_ms
    run.volume_today = run.volume_today + qty * price * rate
    order.filled_qty = order.filled_qty + qty
    if order.filled_qty >= order.qty * FILLED_FRACTION:
        order.status = OrderStatus.FILLED
        run.n_working -= 1
    response = response_ts_nb(run, slot, order, bar, ts_ms)
    event = write_order_event_nb(run, tape, order, EventKind.FILLED, Reason.NONE, row, ts_ms, response, qty)
    event.maker = order.match_maker
    event.final = order.status == OrderStatus.FILLED
    event.fee = order.match_fee
    event.fee_qty = order.match_fee_qty
    price_event_nb(event, price, order.match_reference, rate)
    event.spread_cost = qty * order.match_half_spread * rate
    event.impact_cost = qty * order.match_impact * rate
    paid_above_reference = order.side * qty * (price - order.match_reference) * rate
    event.rounding_cost = paid_above_reference - event.spread_cost - event.impact_cost


@compiled
def price_event_nb(event, price, reference, rate):
    """Write a fill's prices and the cash it moved; quantity, side and fee are set."""
    event.price = price
    event.reference_price = reference
    event.rate = rate
    event.cash = -(event.side * event.qty * price * rate) - paid_fee_nb(event.fee, event.fee_qty)


@spliced
def _follow_match_nb(bars, run, slots, orders, tape, matched, row, ts_ms):
    if matched.n_legs > 0:
        _activate_legs_nb(bars, run, slots, orders, tape, matched, row, ts_ms)
    if matched.pair != -1 and not matched.covers:
        _shrink_partners_nb(bars, run, slots, orders, tape, matched, row, ts_ms)
    _cover_position_nb(slots[matched.instrument], orders)
    end_useless_nb(bars, run, slots, orders, tape, matched.instrument, matched.id, matched.pair, row, ts_ms)
    if matched.n_legs > 0 and matched.status >= OrderStatus.FILLED:
        end_held_legs_nb(bars, run, slots, orders, tape, matched, row, ts_ms)


@spliced
def _activate_legs_nb(bars, run, slots, orders, tape, parent, row, ts_ms):
    at = slots[parent.instrument].first_order
    while at > 0:
        position, leg = at - 1, orders[at - 1]
        at = leg.next_order
        if leg.parent_id != parent.id:
            continue
        if leg.status == OrderStatus.WORKING and not leg.covers:
            leg.qty = leg.qty + parent.match_qty
        elif leg.status == OrderStatus.HELD:
            room = reducible_nb(slots[leg.instrument], leg.side)
            if room > 0.0:
                if leg.covers:
                    _end_other_covers_nb(bars, run, slots, orders, tape, leg, row, ts_ms)
                leg.qty = parent.match_qty if parent.match_qty < room else room
                _activate_nb(bars, run, slots, orders, position, row, ts_ms)


@spliced
def _activate_nb(bars, run, slots, orders, at, row, ts_ms):
    """Make a leg WORKING; one with an amend or cancel due in this row is queued for that already."""
    leg = orders[at]
    bar, close_ts_ms = bars[row, leg.instrument], bars[row, 0].close_ts_ms
    trades = trades_in_nb(slots[leg.instrument], leg, bar)
    queued = schedule_nb(leg, trades, bar.open_ts_ms, row, close_ts_ms)
    leg.status = OrderStatus.WORKING
    run.n_working += 1
    leg.active_ts_ms = ts_ms
    leg.looks_at_path = 1
    leg.look_row = row - 1
    if not queued and schedule_nb(leg, trades, bar.open_ts_ms, row, close_ts_ms):
        push_nb(run, orders, at)


@spliced
def _end_other_covers_nb(bars, run, slots, orders, tape, leg, row, ts_ms):
    at = slots[leg.instrument].first_order
    while at > 0:
        other = orders[at - 1]
        at = other.next_order
        if other.covers and other.parent_id != leg.parent_id:
            if other.status == OrderStatus.WORKING:
                end_order_nb(
                    bars, run, slots, orders, tape, other, row, ts_ms, EventKind.CANCELED, Reason.TARGET_CHANGED
                )


@spliced
def _shrink_partners_nb(bars, run, slots, orders, tape, matched, row, ts_ms):
    at = slots[matched.instrument].first_order
    while at > 0:
        other = orders[at - 1]
        at = other.next_order
        if other.pair != matched.pair or other.id == matched.id or other.status >= OrderStatus.FILLED:
            continue
        left = other.qty - matched.match_qty
        other.qty = left if left > other.filled_qty else other.filled_qty
        if other.qty <= other.filled_qty * _SHRUNK:
            end_order_nb(bars, run, slots, orders, tape, other, row, ts_ms, EventKind.CANCELED, Reason.LINKED_FILL)


@spliced
def _cover_position_nb(slot, orders):
    at = slot.first_order
    while at > 0:
        leg = orders[at - 1]
        at = leg.next_order
        if leg.covers and leg.status == OrderStatus.WORKING:
            leg.qty = leg.filled_qty + reducible_nb(slot, leg.side)


@compiled_apart
def end_useless_nb(bars, run, slots, orders, tape, instrument, matched_id, matched_pair, row, ts_ms):
    """End orders of the instrument that may only reduce a position of which nothing is left."""
    at = slots[instrument].first_order
    while at > 0:
        order = orders[at - 1]
        at = order.next_order
        if not order.reduce_only or order.status != OrderStatus.WORKING:
            continue
        if reducible_nb(slots[instrument], order.side) > 0.0:
            continue
        partner = order.pair != -1 and order.pair == matched_pair and order.id != matched_id
        reason = Reason.LINKED_FILL if partner else Reason.REDUCE_ONLY
        end_order_nb(bars, run, slots, orders, tape, order, row, ts_ms, EventKind.CANCELED, reason)
