"""What an order does when it meets the market, and when the market comes to it (docs/execution.md, rule 10)."""

from __future__ import annotations

import math

from keel.domain.compile_nb import compiled, compiled_apart, spliced
from keel.domain.orders import EventKind, OrderStatus, OrderType, PriceModel, Reason, TimeInForce
from keel.sim.costs_nb import half_spread_nb, hour_of_week_nb
from keel.sim.endings_nb import answer_nb, end_order_nb
from keel.sim.fills_nb import fill_nb
from keel.sim.hours_nb import is_for_auction_nb, trades_in_nb
from keel.sim.intrabar_nb import look_price_nb
from keel.sim.levels_nb import NEVER, has_finer_nb, reach_nb, seen_best_nb, trail_nb, worst_after_nb
from keel.sim.matching_nb import match_order_nb, match_resting_nb, round_against_us_nb

_MODEL_PRICE = 0.0
"""In place of a reference price: that of the run's price model."""


@spliced
def look_nb(bars, fine, run, slots, orders, tape, order, row):
    """Look at the order at its next time: it trades, is triggered, ends, or waits for what the bar still brings."""
    slot, bar, ts_ms = slots[order.instrument], bars[row, order.instrument], order.next_ts_ms
    order.look_row = row
    order.look_ts_ms = ts_ms
    order.reach_ts_ms = NEVER
    if is_for_auction_nb(order):
        _look_at_auction_nb(bars, fine, run, slots, orders, tape, order, row, ts_ms)
    elif order.type == OrderType.MARKET or (order.triggered and order.type != OrderType.STOP_LIMIT):
        match_order_nb(run, slot, order, bar, fine, ts_ms, _MODEL_PRICE)
        fill_nb(bars, run, slots, orders, tape, order, row, ts_ms)
    else:
        _look_for_price_nb(bars, fine, run, slots, orders, tape, order, row, ts_ms)


@compiled_apart
def _look_at_auction_nb(bars, fine, run, slots, orders, tape, order, row, ts_ms):
    """Trade at the one price of the auction, where the limit allows it; what is left of the order is over."""
    slot, bar = slots[order.instrument], bars[row, order.instrument]
    price = bar.open if order.time_in_force == TimeInForce.AT_OPEN else bar.close
    asked = round_against_us_nb(slot, order.side, price)
    if order.type != OrderType.LIMIT or order.side * (asked - order.limit_price) <= 0.0:
        match_order_nb(run, slot, order, bar, fine, ts_ms, price)
        fill_nb(bars, run, slots, orders, tape, order, row, ts_ms)
    if order.status == OrderStatus.WORKING:
        end_order_nb(bars, run, slots, orders, tape, order, row, ts_ms, EventKind.EXPIRED, Reason.AUCTION_OVER)


@spliced
def _look_for_price_nb(bars, fine, run, slots, orders, tape, order, row, ts_ms):
    slot, bar = slots[order.instrument], bars[row, order.instrument]
    if order.type == OrderType.LIMIT or order.triggered:
        price = look_price_nb(run, slot, bar, fine, order, ts_ms)
        _look_at_limit_nb(bars, fine, run, slots, orders, tape, order, row, ts_ms, price)
    else:
        at_once, when, price = _trigger_nb(run, slot, order, bar, fine, ts_ms)
        if at_once:
            _pull_trigger_nb(bars, fine, run, slots, orders, tape, order, row, ts_ms, price)
            return
        if order.type == OrderType.TRAILING_STOP:
            order.best_price = seen_best_nb(run, slot, order, bar, fine, ts_ms)
        if when != NEVER and not _gives_way_nb(run, slot, orders, order, bar, fine, row, ts_ms):
            order.reach_ts_ms, order.reach_price = when, price
    order.looks_at_path = 0


@spliced
def follow_best_nb(bars, fine, run, slots, order, row):
    """Note at the row's end how far the price went for a trailing stop that was looked at in it and still waits."""
    if order.look_row == row and not order.triggered:
        slot, bar = slots[order.instrument], bars[row, order.instrument]
        _, _, _, _, order.best_price = trail_nb(run, slot, order, bar, fine, order.look_ts_ms)


@compiled_apart
def _trigger_nb(run, slot, order, bar, fine, ts_ms):
    """Return (at once, time, price) of the order's trigger in the rest of the bar."""
    if order.type == OrderType.TRAILING_STOP:
        at_once, when, price, walked, _ = trail_nb(run, slot, order, bar, fine, ts_ms)
    else:
        direction = -order.side if order.type == OrderType.TAKE_PROFIT else order.side
        seen = look_price_nb(run, slot, bar, fine, order, ts_ms)
        if direction * (seen - order.trigger_price) >= 0.0:
            return True, ts_ms, seen
        at_once = False
        when, price, walked = reach_nb(run, slot, bar, fine, ts_ms, order.trigger_price, direction)
    if when != NEVER and run.price_model == PriceModel.WORST:
        price = worst_after_nb(bar, walked, price, order.side)
    return at_once, when, price


@compiled_apart
def _gives_way_nb(run, slot, orders, order, bar, fine, row, ts_ms):
    """Say whether a profit later in the bar gives way to a stop, its partner, that is reached in it, too."""
    if order.pair == -1 or (order.type != OrderType.LIMIT and order.type != OrderType.TAKE_PROFIT):
        return False
    if has_finer_nb(run, slot, bar, fine, ts_ms):
        return False
    at = slot.first_order
    while at > 0:
        other = orders[at - 1]
        at = other.next_order
        partner = other.pair == order.pair and other.id != order.id
        if partner and _is_waiting_stop_nb(other) and trades_in_nb(slot, other, bar):
            if other.look_row == row:
                found = other.reach_ts_ms
            else:
                _, found, _ = _trigger_nb(run, slot, other, bar, fine, ts_ms)
            if found != NEVER:
                return True
    return False


@compiled
def _is_waiting_stop_nb(order):
    if order.status != OrderStatus.WORKING or order.triggered:
        return False
    return order.type == OrderType.STOP or order.type == OrderType.STOP_LIMIT or order.type == OrderType.TRAILING_STOP


@compiled_apart
def _look_at_limit_nb(bars, fine, run, slots, orders, tape, order, row, ts_ms, price):
    """Trade at once where `price` and half the spread allow it, else wait for the market in the rest of the bar."""
    slot, bar = slots[order.instrument], bars[row, order.instrument]
    half = half_spread_nb(run, slot, hour_of_week_nb(bar, ts_ms), price)
    asked = round_against_us_nb(slot, order.side, price + order.side * half)
    if order.side * (asked - order.limit_price) <= 0.0:
        match_order_nb(run, slot, order, bar, fine, ts_ms, price)
        fill_nb(bars, run, slots, orders, tape, order, row, ts_ms)
    elif order.time_in_force == TimeInForce.IOC:
        _end_unfilled_nb(bars, run, slots, orders, tape, order, row, ts_ms, Reason.IMMEDIATE_OR_CANCEL)
    elif order.time_in_force == TimeInForce.FOK:
        _end_unfilled_nb(bars, run, slots, orders, tape, order, row, ts_ms, Reason.FILL_OR_KILL)
    else:
        level = _level_nb(run, slot, order)
        when, _, _ = reach_nb(run, slot, bar, fine, ts_ms, level, -order.side)
        if when != NEVER and not _gives_way_nb(run, slot, orders, order, bar, fine, row, ts_ms):
            order.reach_ts_ms = when


@compiled
def _level_nb(run, slot, order):
    """Return the price the market must come to: one tick through the limit, or the limit itself."""
    if run.limit_touch or slot.tick_mantissa == 0.0:
        return order.limit_price
    steps = order.limit_price * slot.tick_scale / slot.tick_mantissa + 0.5 - order.side
    return math.floor(steps) * slot.tick_mantissa / slot.tick_scale


@compiled
def _end_unfilled_nb(bars, run, slots, orders, tape, order, row, ts_ms, reason):
    end_order_nb(bars, run, slots, orders, tape, order, row, ts_ms, EventKind.CANCELED, reason)


@spliced
def reach_price_nb(bars, fine, run, slots, orders, tape, order, row):
    """Let the market come to the order, at the time its last look has found."""
    ts_ms = order.reach_ts_ms
    slot, bar = slots[order.instrument], bars[row, order.instrument]
    order.reach_ts_ms = NEVER
    if _gives_way_nb(run, slot, orders, order, bar, fine, row, ts_ms):
        return
    if order.type == OrderType.LIMIT or order.triggered:
        match_resting_nb(run, slot, order, bar, ts_ms)
        fill_nb(bars, run, slots, orders, tape, order, row, ts_ms)
    else:
        _pull_trigger_nb(bars, fine, run, slots, orders, tape, order, row, ts_ms, order.reach_price)


@compiled_apart
def _pull_trigger_nb(bars, fine, run, slots, orders, tape, order, row, ts_ms, price):
    slot, bar = slots[order.instrument], bars[row, order.instrument]
    order.triggered = 1
    order.looks_at_path = 0
    event = answer_nb(
        bars, run, slots, tape, order, row, ts_ms, EventKind.TRIGGERED, Reason.NONE, order.qty - order.filled_qty
    )
    event.price = price
    if order.type == OrderType.STOP_LIMIT:
        _look_at_limit_nb(bars, fine, run, slots, orders, tape, order, row, ts_ms, price)
        return
    match_order_nb(run, slot, order, bar, fine, ts_ms, price)
    fill_nb(bars, run, slots, orders, tape, order, row, ts_ms)
