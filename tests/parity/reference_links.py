"""Orders that belong together, and how orders end: rule 24 of docs/execution.md."""

from __future__ import annotations

from keel.domain.orders import EventKind, OrderStatus, Reason

from .reference_books import floor_grid
from .reference_latency import response_ts_ms
from .reference_state import Event, Order, State


def record(state: State, order: Order, kind: EventKind, reason: Reason, ts: int, qty: float) -> Event:
    """Put an event of the venue on the tape; its response is drawn here (rule 13)."""
    return record_told_at(state, order, kind, reason, ts, qty, response_ts_ms(state, order, ts))


def record_told_at(
    state: State, order: Order, kind: EventKind, reason: Reason, ts: int, qty: float, told_ts: int
) -> Event:
    """Put an event of the venue on the tape with a response time that is known."""
    event = Event(
        kind=kind,
        reason=reason,
        side=order.side,
        instrument=order.instrument,
        order_id=order.id,
        row=state.row_index,
        ts_ms=ts,
        response_ts_ms=told_ts,
        qty=qty,
        type=order.type,
    )
    state.events.append(event)
    return event


def end_order(state: State, order: Order, ts: int, status: OrderStatus, reason: Reason) -> None:
    """Cancel or expire what is left of an order, and its legs with it (rules 3, 6, 12, 24)."""
    end_order_alone(state, order, ts, status, reason)
    end_held_legs(state, order, ts)


def end_order_alone(state: State, order: Order, ts: int, status: OrderStatus, reason: Reason) -> None:
    """Cancel or expire what is left of an order (rules 16, 26)."""
    order.status = status
    kind = EventKind.EXPIRED if status == OrderStatus.EXPIRED else EventKind.CANCELED
    record(state, order, kind, reason, ts, max(0.0, order.qty - order.filled))


def legs_of(state: State, parent: Order) -> list[Order]:
    """Return an order's legs, in id order."""
    return [o for o in state.orders if o.parent is parent]


def end_held_legs(state: State, parent: Order, ts: int) -> None:
    """Cancel the legs of a final order that never became active (rule 24)."""
    for leg in legs_of(state, parent):
        if leg.status in (OrderStatus.IN_FLIGHT, OrderStatus.HELD):
            end_order(state, leg, ts, OrderStatus.CANCELED, Reason.PARENT_ENDED)


def reducible(state: State, order: Order) -> float:
    """Return what of the venue's position the order can reduce, in whole steps (rule 12)."""
    position, step = state.venue.qty[order.instrument], state.case.instruments[order.instrument].step
    return floor_grid(max(0.0, -order.side * position), step)


def settle_links(state: State, matched: Order, qty: float, ts: int) -> None:
    """Do what a match does to other orders, in the order of rule 24."""
    _activate_legs(state, matched, qty, ts)
    _shrink_partner(state, matched, qty, ts)
    cover_positions(state, matched.instrument)
    end_what_reduces_nothing(state, matched.instrument, ts, matched)
    if not matched.is_open:
        end_held_legs(state, matched, ts)


def _activate_legs(state: State, parent: Order, qty: float, ts: int) -> None:
    for leg in legs_of(state, parent):
        if leg.status == OrderStatus.HELD and reducible(state, leg) > 0:
            if leg.covers:
                _end_other_covering_legs(state, leg, ts)
            leg.status = OrderStatus.WORKING
            leg.active_ts_ms = ts
            leg.qty = min(qty, reducible(state, leg))
            leg.look_waits = _something_reaches_it_in_this_row(state, leg)
            leg.look_again_ts_ms = None if leg.look_waits else ts
        elif leg.status == OrderStatus.WORKING:
            leg.qty = leg.qty + qty


def _something_reaches_it_in_this_row(state: State, leg: Order) -> bool:
    """Say whether an amend or a cancel comes before the leg's first look (rule 24)."""
    on_their_way = [leg.cancel_ts_ms, leg.amend.ts_ms if leg.amend else None]
    return any(ts is not None and ts < state.row.close_ts_ms for ts in on_their_way)


def _end_other_covering_legs(state: State, leg: Order, ts: int) -> None:
    for o in state.orders:
        others = o.covers and o.instrument == leg.instrument and o.parent is not leg.parent
        if others and o.status == OrderStatus.WORKING:
            end_order(state, o, ts, OrderStatus.CANCELED, Reason.TARGET_CHANGED)


def _shrink_partner(state: State, matched: Order, qty: float, ts: int) -> None:
    partner = matched.partner
    if partner is None or not partner.is_open or matched.covers:
        return
    partner.qty = max(partner.qty - qty, partner.filled)
    if partner.qty <= partner.filled * (1 + 1e-12):
        end_order(state, partner, ts, OrderStatus.CANCELED, Reason.LINKED_FILL)


def cover_positions(state: State, instrument: int) -> None:
    """Set the quantity of active legs that cover the position anew (rule 24)."""
    for o in state.orders:
        if o.covers and o.instrument == instrument and o.status == OrderStatus.WORKING:
            o.qty = o.filled + reducible(state, o)


def end_what_reduces_nothing(state: State, instrument: int, ts: int, matched: Order | None = None) -> None:
    """Cancel the reduce-only orders that have nothing left to reduce (rule 24)."""
    for o in state.orders:
        working = o.reduce_only and o.instrument == instrument and o.status == OrderStatus.WORKING
        if working and reducible(state, o) == 0:
            linked = matched is not None and o.partner is matched
            end_order(state, o, ts, OrderStatus.CANCELED, Reason.LINKED_FILL if linked else Reason.REDUCE_ONLY)
