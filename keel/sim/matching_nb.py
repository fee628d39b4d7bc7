"""How much of an order meets the market, and at what price (docs/execution.md, rules 9 to 12)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled, compiled_apart, spliced
from keel.domain.grid_nb import grid_ceil_nb, grid_floor_nb
from keel.domain.layout import VENUE
from keel.domain.orders import TimeInForce
from keel.risk.limits_nb import cost_rate_nb
from keel.sim.admission_nb import reducible_nb, sells_what_it_holds_nb
from keel.sim.costs_nb import (
    follow_metaorder_nb,
    half_spread_nb,
    hour_of_week_nb,
    impact_nb,
    remember_fill_nb,
)
from keel.sim.hours_nb import is_for_auction_nb
from keel.sim.intrabar_nb import fraction_nb, reference_price_nb

FILLED_FRACTION = 1.0 - 1e-12
"""An order filled to this part of its quantity is filled: the rest is rounding."""


@compiled_apart
def match_order_nb(run, slot, order, bar, fine, ts_ms, reference):
    """Match the order at `ts_ms` and write the result into its scratch fields; `match_qty` 0 is no fill.

    `reference` is the price it meets, 0 for that of the run's price model. `match_reference`, `match_half_spread` and
    `match_impact` are quote currency per unit; `starved` says that a cash account could not pay for all that the bar
    offered.
    """
    order.starved = 0
    order.match_maker = 0
    order.match_qty = available_nb(run, slot, order, bar, ts_ms)
    if order.match_qty <= 0.0 or _is_short_of_whole_nb(order):
        order.match_qty = 0.0
        return
    order.match_reference = reference
    if reference == 0.0:
        order.match_reference = reference_price_nb(run, slot, bar, fine, order.side, ts_ms)
    order.match_half_spread = 0.0
    if not is_for_auction_nb(order):
        order.match_half_spread = half_spread_nb(run, slot, hour_of_week_nb(bar, ts_ms), order.match_reference)
    if run.impact_coefficient > 0.0:
        follow_metaorder_nb(run, slot, order.side, bar.volume)
    _price_match_nb(run, slot, order)
    affordable = _affordable_nb(run, slot, order)
    if affordable < order.match_qty:
        order.starved = 1
        order.match_qty = affordable
        if affordable <= 0.0 or _is_short_of_whole_nb(order):
            order.match_qty = 0.0
            return
        _price_match_nb(run, slot, order)
    if run.impact_coefficient > 0.0:
        remember_fill_nb(slot, order.side, order.match_qty)


@spliced
def match_resting_nb(run, slot, order, bar, ts_ms):
    """Match a limit order that the market has come to: at its limit, without spread and impact."""
    order.starved = 0
    order.match_maker = 1
    order.match_qty = available_nb(run, slot, order, bar, ts_ms)
    if order.match_qty <= 0.0:
        return
    order.match_price = order.limit_price
    order.match_reference = order.limit_price
    order.match_half_spread = 0.0
    order.match_impact = 0.0
    affordable = _affordable_nb(run, slot, order)
    if affordable < order.match_qty:
        order.starved = 1
        order.match_qty = affordable if affordable > 0.0 else 0.0


@compiled
def _is_short_of_whole_nb(order):
    """Say whether a fill-or-kill order would be filled in part only."""
    if order.time_in_force != TimeInForce.FOK:
        return False
    return order.match_qty < (order.qty - order.filled_qty) * FILLED_FRACTION


@compiled
def _price_match_nb(run, slot, order):
    order.match_impact = impact_nb(run, slot, order.side, order.match_qty, order.match_reference)
    cost = order.side * (order.match_half_spread + order.match_impact)
    price = round_against_us_nb(slot, order.side, order.match_reference + cost)
    if order.limit_price > 0.0 and order.side * (price - order.limit_price) > 0.0:
        price = order.limit_price
    order.match_price = price


@compiled
def _affordable_nb(run, slot, order):
    if run.margin_account or order.side < 0:
        return order.match_qty
    cost = order.match_price * slot.rate * (1.0 + cost_rate_nb(slot, order.side))
    affordable = (run.cash[VENUE] - slot.min_fee) / cost
    if affordable >= order.match_qty:
        return order.match_qty
    return grid_floor_nb(affordable, slot.step_mantissa, slot.step_scale)


@compiled
def available_nb(run, slot, order, bar, ts_ms):
    """Return what of the order the bar offers at `ts_ms`, base units: by its volume, and by what may be reduced."""
    left = order.qty - order.filled_qty
    if order.reduce_only or (order.side < 0 and sells_what_it_holds_nb(run, slot)):
        reducible = reducible_nb(slot, order.side)
        left = reducible if order.covers or reducible < left else left
    if run.max_participation <= 0.0:
        return left
    if not bar.volume > 0.0:
        return 0.0
    # An auction is part of its bar's volume, at the close as at the open: how much of it nobody knows.
    part = 1.0 if is_for_auction_nb(order) else 1.0 - fraction_nb(bar, ts_ms)
    offered = run.max_participation * bar.volume * part - slot.bar_filled
    return grid_floor_nb(left if left < offered else offered, slot.step_mantissa, slot.step_scale)


@compiled
def round_against_us_nb(slot, side, price):
    """Return the price on the tick, a buy's not below and a sell's not above; never below one tick."""
    if side > 0:
        price = grid_ceil_nb(price, slot.tick_mantissa, slot.tick_scale)
    else:
        price = grid_floor_nb(price, slot.tick_mantissa, slot.tick_scale)
    return price if price > 0.0 else slot.tick_mantissa / slot.tick_scale
