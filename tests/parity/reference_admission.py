"""The venue's own check of an order or an amend, by its book and its marks: rule 7 of docs/execution.md."""

from __future__ import annotations

from keel.domain.orders import OrderStatus, Reason

from .reference_fees import basis, reserved_fee_rate
from .reference_links import reducible
from .reference_state import Order, State


def refusal(state: State, order: Order, qty: float) -> Reason:
    """Return why the venue refuses to work `qty` of the order, or NONE."""
    case, rules = state.case, state.case.instruments[order.instrument]
    if order.reduce_only:
        return Reason.NONE if reducible(state, order) > 0 else Reason.REDUCE_ONLY
    others = [o for o in state.orders if o.status == OrderStatus.WORKING and _locks(o, order)]
    if order.side < 0 and not (case.margin_account and rules.shortable) and _sells_too_much(state, order, qty, others):
        return Reason.INSUFFICIENT_POSITION
    if case.margin_account:
        return Reason.INSUFFICIENT_FUNDS if _exceeds_margin(state, order, qty, others) else Reason.NONE
    if order.side > 0 and _exceeds_cash(state, order, qty, others):
        return Reason.INSUFFICIENT_FUNDS
    return Reason.NONE


def _locks(other: Order, order: Order) -> bool:
    """Say whether another working order locks something that this one cannot have."""
    return other is not order and other is not order.partner and not other.reduce_only


def _exceeds_cash(state: State, order: Order, qty: float, others: list[Order]) -> bool:
    min_fee = state.case.instruments[order.instrument].min_fee
    need = qty * basis(state, order) * (1 + reserved_fee_rate(state, order.instrument, 1)) + min_fee
    free = state.venue.cash
    for o in others:
        if o.side > 0:
            free = free - (o.qty - o.filled) * basis(state, o) * (1 + reserved_fee_rate(state, o.instrument, 1))
    return need > free + 1e-9 * abs(free)


def _sells_too_much(state: State, order: Order, qty: float, others: list[Order]) -> bool:
    free = state.venue.qty[order.instrument]
    for o in others:
        if o.side < 0 and o.instrument == order.instrument:
            free = free - (o.qty - o.filled)
    return qty > free + 1e-9 * (1 + abs(free))


def _exceeds_margin(state: State, order: Order, qty: float, others: list[Order]) -> bool:
    m, venue, market = state.case.initial_margin, state.venue, state.markets[order.instrument]
    opening = qty - max(0.0, min(qty, -order.side * venue.qty[order.instrument]))
    if opening <= 0:
        return False
    min_fee = state.case.instruments[order.instrument].min_fee
    f = reserved_fee_rate(state, order.instrument, order.side)
    need = opening * basis(state, order) * (m + f) + min_fee
    free = venue.cash + state.net
    free = free - m * state.gross
    free = free + m * (qty - opening) * market.value
    for o in others:
        its_f = reserved_fee_rate(state, o.instrument, o.side)
        free = free - min(o.opening_qty, o.qty - o.filled) * basis(state, o) * (m + its_f)
    return need > free + 1e-9 * abs(free)
