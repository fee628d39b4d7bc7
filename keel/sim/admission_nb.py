"""Whether the venue takes an order, by its own book and marks (docs/execution.md, rule 7)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled, compiled_apart
from keel.domain.grid_nb import grid_floor_nb
from keel.domain.layout import VENUE
from keel.domain.orders import OrderStatus, Reason
from keel.portfolio.books_nb import margin_rate_nb
from keel.risk.limits_nb import basis_nb, cost_rate_nb

_SLACK = 1e-9
"""Relative rounding that the venue's funds check forgives."""


@compiled_apart
def admit_order_nb(run, slots, orders, order, qty):
    """Return NONE if the venue takes `qty` of the order now, else the reason for its rejection."""
    slot = slots[order.instrument]
    if order.reduce_only:
        return Reason.NONE if reducible_nb(slot, order.side) > 0.0 else Reason.REDUCE_ONLY
    if order.side < 0 and sells_what_it_holds_nb(run, slot):
        free = _free_position_nb(run, slot, orders, order)
        if qty > free + _SLACK * (1.0 + abs(free)):
            return Reason.INSUFFICIENT_POSITION
    if run.margin_account:
        need, free = _margin_needed_nb(run, slots, orders, order, qty)
    elif order.side > 0:
        need = qty * basis_nb(slot, order) * (1.0 + cost_rate_nb(slot, order.side)) + slot.min_fee
        free = _free_cash_nb(run, slots, orders, order)
    else:
        return Reason.NONE
    return Reason.INSUFFICIENT_FUNDS if need > free + _SLACK * abs(free) else Reason.NONE


@compiled
def sells_what_it_holds_nb(run, slot):
    """Say whether a sale cannot go beyond what is held."""
    return not run.margin_account or not slot.shortable


@compiled
def reducible_nb(slot, side):
    """Return how much an order of this side can take off the venue's position, base units on the quantity grid."""
    held = -side * slot.qty[VENUE]
    return grid_floor_nb(held, slot.step_mantissa, slot.step_scale) if held > 0.0 else 0.0


@compiled
def _others_nb(run):
    """Return how many live orders may hold something back: none where none works at the venue, as most often."""
    return run.n_orders if run.n_working > 0 else 0


@compiled
def _binds_nb(order, other):
    """Say whether another order holds funds or units back from this one: its partner and what only reduces do not."""
    if other.status != OrderStatus.WORKING or other.id == order.id or other.reduce_only:
        return False
    return order.pair == -1 or other.pair != order.pair


@compiled
def _free_position_nb(run, slot, orders, order):
    free = slot.qty[VENUE]
    at = slot.first_order if run.n_working > 0 else 0
    while at > 0:
        other = orders[at - 1]
        at = other.next_order
        if other.side < 0 and _binds_nb(order, other):
            free = free - (other.qty - other.filled_qty)
    return free


@compiled
def _free_cash_nb(run, slots, orders, order):
    free = run.cash[VENUE]
    for at in range(_others_nb(run)):
        other = orders[at]
        if other.side > 0 and _binds_nb(order, other):
            slot = slots[other.instrument]
            cost = 1.0 + cost_rate_nb(slot, other.side)
            free = free - (other.qty - other.filled_qty) * basis_nb(slot, other) * cost
    return free


@compiled
def _margin_needed_nb(run, slots, orders, order, qty):
    slot = slots[order.instrument]
    closable = -order.side * slot.qty[VENUE]
    closable = closable if closable < qty else qty
    opened = qty - (closable if closable > 0.0 else 0.0)
    if opened <= 0.0:
        return 0.0, 0.0
    margin = margin_rate_nb(run)
    free = run.cash[VENUE] + run.venue_net - margin * run.venue_gross
    free = free + margin * (qty - opened) * slot.value
    for at in range(_others_nb(run)):
        other = orders[at]
        if _binds_nb(order, other):
            left = other.qty - other.filled_qty
            left = left if left < other.opening_qty else other.opening_qty
            held = slots[other.instrument]
            free = free - left * basis_nb(held, other) * (margin + cost_rate_nb(held, other.side))
    return opened * basis_nb(slot, order) * (margin + cost_rate_nb(slot, order.side)) + slot.min_fee, free
