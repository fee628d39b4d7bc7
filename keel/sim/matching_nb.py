"""What the venue does with an order: take it in or reject it, fill it, end it (docs/execution.md, rules 7, 9-12)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled
from keel.domain.grid_nb import grid_ceil_nb, grid_floor_nb
from keel.domain.layout import VENUE
from keel.domain.orders import OrderStatus, Reason
from keel.portfolio.books_nb import margin_rate_nb
from keel.sim.costs_nb import (
    follow_metaorder_nb,
    half_spread_nb,
    hour_of_week_nb,
    impact_nb,
    remember_fill_nb,
)
from keel.sim.intrabar_nb import fraction_nb, reference_price_nb

_SLACK = 1e-9
"""Relative rounding that the venue's funds check forgives."""


@compiled
def admit_order_nb(run, slots, orders, order):
    """Return NONE if the venue takes the order at its arrival, else the reason for its rejection."""
    slot = slots[order.instrument]
    if order.side < 0 and (not run.margin_account or not slot.shortable):
        free = _free_position_nb(run, slot, orders, order)
        if order.qty > free + _SLACK * (1.0 + abs(free)):
            return Reason.INSUFFICIENT_POSITION
    if run.margin_account:
        need, free = _margin_needed_nb(run, slots, orders, order)
    elif order.side > 0:
        need = order.qty * slot.mark * (1.0 + slot.fee_rate) + slot.min_fee
        free = _free_cash_nb(run, slots, orders, order)
    else:
        return Reason.NONE
    return Reason.INSUFFICIENT_FUNDS if need > free + _SLACK * abs(free) else Reason.NONE


@compiled
def _free_position_nb(run, slot, orders, order):
    free = slot.qty[VENUE]
    for at in range(run.n_orders):
        other = orders[at]
        if other.status == OrderStatus.WORKING and other.instrument == order.instrument and other.side < 0:
            free = free - (other.qty - other.filled_qty)
    return free


@compiled
def _free_cash_nb(run, slots, orders, order):
    free = run.cash[VENUE]
    for at in range(run.n_orders):
        other = orders[at]
        if other.status == OrderStatus.WORKING and other.side > 0 and other.id != order.id:
            held = slots[other.instrument]
            free = free - (other.qty - other.filled_qty) * held.mark * (1.0 + held.fee_rate)
    return free


@compiled
def _margin_needed_nb(run, slots, orders, order):
    slot = slots[order.instrument]
    closable = -order.side * slot.qty[VENUE]
    closable = closable if closable < order.qty else order.qty
    opened = order.qty - (closable if closable > 0.0 else 0.0)
    if opened <= 0.0:
        return 0.0, 0.0
    margin = margin_rate_nb(run)
    free = run.cash[VENUE]
    for i in range(len(slots)):
        free = free + slots[i].qty[VENUE] * slots[i].mark
    for i in range(len(slots)):
        free = free - margin * abs(slots[i].qty[VENUE]) * slots[i].mark
    free = free + margin * (order.qty - opened) * slot.mark
    for at in range(run.n_orders):
        other = orders[at]
        if other.status == OrderStatus.WORKING and other.id != order.id:
            left = other.qty - other.filled_qty
            left = left if left < other.opening_qty else other.opening_qty
            held = slots[other.instrument]
            free = free - left * held.mark * (margin + held.fee_rate)
    return opened * slot.mark * (margin + slot.fee_rate) + slot.min_fee, free


@compiled
def match_order_nb(run, slot, order, bar, fine, ts_ms):
    """Match the order at `ts_ms` and write the result into its scratch fields; `match_qty` 0 is no fill.

    `match_reference`, `match_half_spread` and `match_impact` are quote currency per unit; `starved` says that a cash
    account could not pay for all that the bar offered.
    """
    order.starved = 0
    order.match_qty = _available_nb(run, slot, order, bar, ts_ms)
    if order.match_qty <= 0.0:
        return
    order.match_reference = reference_price_nb(run, slot, bar, fine, order.side, ts_ms)
    order.match_half_spread = half_spread_nb(run, slot, hour_of_week_nb(bar, ts_ms), order.match_reference)
    if run.impact_coefficient > 0.0:
        follow_metaorder_nb(run, slot, order.side, bar.volume)
    _price_match_nb(run, slot, order)
    affordable = _affordable_nb(run, slot, order)
    if affordable < order.match_qty:
        order.starved = 1
        order.match_qty = affordable
        if affordable <= 0.0:
            return
        _price_match_nb(run, slot, order)
    if run.impact_coefficient > 0.0:
        remember_fill_nb(slot, order.side, order.match_qty)


@compiled
def _price_match_nb(run, slot, order):
    order.match_impact = impact_nb(run, slot, order.side, order.match_qty, order.match_reference)
    cost = order.side * (order.match_half_spread + order.match_impact)
    order.match_price = _round_against_us_nb(slot, order.side, order.match_reference + cost)


@compiled
def _affordable_nb(run, slot, order):
    if run.margin_account or order.side < 0:
        return order.match_qty
    affordable = (run.cash[VENUE] - slot.min_fee) / (order.match_price * (1.0 + slot.fee_rate))
    if affordable >= order.match_qty:
        return order.match_qty
    return grid_floor_nb(affordable, slot.step_mantissa, slot.step_scale)


@compiled
def _available_nb(run, slot, order, bar, ts_ms):
    left = order.qty - order.filled_qty
    if run.max_participation <= 0.0:
        return left
    if not bar.volume > 0.0:
        return 0.0
    offered = run.max_participation * bar.volume * (1.0 - fraction_nb(bar, ts_ms)) - slot.bar_filled
    return grid_floor_nb(left if left < offered else offered, slot.step_mantissa, slot.step_scale)


@compiled
def _round_against_us_nb(slot, side, price):
    if side > 0:
        price = grid_ceil_nb(price, slot.tick_mantissa, slot.tick_scale)
    else:
        price = grid_floor_nb(price, slot.tick_mantissa, slot.tick_scale)
    return price if price > 0.0 else slot.tick_mantissa / slot.tick_scale
