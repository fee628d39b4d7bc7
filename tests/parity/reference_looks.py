"""Orders that wait for a price: rule 10 of docs/execution.md."""

from __future__ import annotations

import math

from keel.domain.orders import EventKind, OrderStatus, OrderType, PriceModel, Reason, TimeInForce

from .case import Bar, Step
from .reference_books import fill_price
from .reference_costs import half_spread, newest_bar
from .reference_fees import trailing_trigger_of
from .reference_hours import may_trade, take_part
from .reference_links import end_order, record
from .reference_match import match
from .reference_prices import (
    Walk,
    clamp,
    finer_bars_left,
    fraction,
    path_price,
    reference_price,
    worst_of_the_rest,
)
from .reference_state import STOPS, Order, Reach, State


def look(state: State, order: Order, ts: int) -> None:
    """Ask whether an order can trade at once, and if not whether the rest of the bar brings it its price."""
    inside = order.look_again_ts_ms is not None
    order.look_again_ts_ms, order.looked_row, order.reach = None, state.row_index, None
    if order.for_auction:
        take_part(state, order, ts)
    elif order.waits_for_trigger:
        _look_for_trigger(state, order, ts, inside)
    elif order.has_limit:
        _look_at_limit(state, order, ts, _price_at_look(state, order, ts, inside))
    else:
        match(state, order, ts, _price_at_look(state, order, ts, inside))


def take_reached(state: State, order: Order, reach: Reach) -> None:
    """Do what the order waited for, at the time and price that its look found."""
    order.reach = None
    if order.type in (OrderType.LIMIT, OrderType.TAKE_PROFIT) and _held_back(state, order, reach.ts_ms):
        return
    if order.waits_for_trigger:
        _trigger(state, order, reach.ts_ms, reach.price)
    else:
        match(state, order, reach.ts_ms, order.limit_price, resting=True)


def note_best_prices(state: State) -> None:
    """Let trailing stops note how far the price went in the row (rules 10, 14.3)."""
    for order in state.orders:
        looked = order.looked_row == state.row_index and order.status == OrderStatus.WORKING
        waits = order.type == OrderType.TRAILING_STOP and not order.triggered and order.reach is None
        if looked and waits:
            order.best_price = order.best_price_at_close


def _price_at_look(state: State, order: Order, ts: int, inside: bool) -> float:
    """Return R: the reference price, or that of the path where a look comes in the midst of a bar."""
    case, i = state.case, order.instrument
    bar = newest_bar(state, i)
    if inside and case.price_model in (PriceModel.OPEN, PriceModel.BRIDGE):
        return path_price(bar, fraction(bar, ts))
    return reference_price(case, i, bar, order.side, ts)


# Limits


def _look_at_limit(state: State, order: Order, ts: int, reference: float) -> None:
    side, tick = order.side, state.case.instruments[order.instrument].tick
    price = fill_price(reference + side * half_spread(state, order.instrument, ts, reference), side, tick)
    if side * (price - order.limit_price) <= 0:
        match(state, order, ts, reference)
    elif order.time_in_force == TimeInForce.IOC:
        end_order(state, order, ts, OrderStatus.CANCELED, Reason.IMMEDIATE_OR_CANCEL)
    elif order.time_in_force == TimeInForce.FOK:
        end_order(state, order, ts, OrderStatus.CANCELED, Reason.FILL_OR_KILL)
    elif order.type != OrderType.LIMIT or not _held_back(state, order, ts):
        level = _through(order.limit_price, -side, tick) if not state.case.limit_touch else order.limit_price
        order.reach = _rest_reaches(state, order, ts, level, up=side < 0)


def _through(limit: float, direction: int, tick: Step) -> float:
    """Return the level one tick through a limit price."""
    if tick.mantissa == 0:
        return limit
    return float(math.floor(limit * tick.scale / tick.mantissa + 0.5 + direction)) * tick.mantissa / tick.scale


def _held_back(state: State, order: Order, ts: int) -> bool:
    """Say whether the partner's stop comes first: stop and profit in one bar resolve against us."""
    partner = order.partner
    if partner is None or partner.status != OrderStatus.WORKING:
        return False
    if partner.type not in STOPS or partner.triggered or not may_trade(state, partner):
        return False
    if finer_bars_left(state.case, order.instrument, newest_bar(state, order.instrument), ts):
        return False
    if partner.looked_row == state.row_index:
        return partner.reach is not None
    inside = partner.look_again_ts_ms is not None or partner.look_waits
    return _find_trigger(state, partner, ts, inside) is not None


# Triggers


def _look_for_trigger(state: State, order: Order, ts: int, inside: bool) -> None:
    found = _find_trigger(state, order, ts, inside)
    if order.type == OrderType.TRAILING_STOP:
        p = _trailing_price(state, order, ts)
        w = p if order.best_price is None else order.best_price
        _, order.best_price_at_close = _walk_trailing(state, order, ts)
        order.best_price = _better(order, w, p)
    if found is None:
        return
    if found.distance < 0:
        _trigger(state, order, ts, found.price)
    elif order.type != OrderType.TAKE_PROFIT or not _held_back(state, order, ts):
        order.reach = found


def _find_trigger(state: State, order: Order, ts: int, inside: bool) -> Reach | None:
    """Return when and at what price an order is triggered in the rest of the row; at once has distance −1."""
    if order.type == OrderType.TRAILING_STOP:
        found, _ = _walk_trailing(state, order, ts)
    else:
        up = (order.side > 0) == (order.type in STOPS)
        now = _price_at_look(state, order, ts, inside)
        if _passed(now, order.trigger_price, up):
            return Reach(state.row_index, ts, now, -1.0)
        found = _rest_reaches(state, order, ts, order.trigger_price, up)
    if found is not None and found.distance >= 0 and state.case.price_model == PriceModel.WORST:
        found.price = worst_of_the_rest(newest_bar(state, order.instrument), found.price, found.distance, order.side)
    return found


def _trigger(state: State, order: Order, ts: int, price: float) -> None:
    order.triggered = True
    event = record(state, order, EventKind.TRIGGERED, Reason.NONE, ts, order.qty - order.filled)
    event.price = price
    if order.type == OrderType.STOP_LIMIT:
        _look_at_limit(state, order, ts, price)
    else:
        match(state, order, ts, price)


# The walk through the rest of the bar


def _passed(price: float, level: float, up: bool) -> bool:
    return price >= level if up else price <= level


def _rest_reaches(state: State, order: Order, ts: int, level: float, up: bool) -> Reach | None:
    """Return when the rest of the bar, or of the finer bars in it, reaches a level."""
    bar = newest_bar(state, order.instrument)
    for inner in finer_bars_left(state.case, order.instrument, bar, ts) or [bar]:
        start = max(ts, inner.open_ts_ms)
        found = _walk_reaches(inner, start, level, up)
        if found is not None:
            return _reach(state, bar, inner, start, *found)
    return None


def _walk_reaches(bar: Bar, start: int, level: float, up: bool) -> tuple[float, float] | None:
    """Return (distance, price) at which the walk from `start` on passes a level."""
    xa = fraction(bar, start) * Walk.of(bar).total
    a = path_price(bar, fraction(bar, start))
    if _passed(a, level, up):
        return xa, a
    for xb, b in Walk.of(bar).corners_after(xa):
        if _passed(b, level, up):
            return xa + abs(level - a), level
        xa, a = xb, b
    return None


def _reach(state: State, bar: Bar, inner: Bar, start: int, distance: float, price: float) -> Reach:
    """Turn a distance on a walk into a time, and keep the price within the bar."""
    total, ts = Walk.of(inner).total, start
    if total > 0:
        passed_ms = math.floor(distance / total * (inner.close_ts_ms - inner.open_ts_ms))
        ts = max(start, min(inner.close_ts_ms - 1, inner.open_ts_ms + passed_ms))
    return Reach(state.row_index, ts, clamp(price, bar.low, bar.high), distance)


# Trailing stops


def _trailing_price(state: State, order: Order, ts: int) -> float:
    """Return the `path` price of the bar, or of the first finer bar left in it."""
    bar = newest_bar(state, order.instrument)
    first = next(iter(finer_bars_left(state.case, order.instrument, bar, ts)), bar)
    return path_price(first, fraction(first, max(ts, first.open_ts_ms)))


def _better(order: Order, w: float, price: float) -> float:
    """Return the better price for the position that the stop protects."""
    return max(w, price) if order.side < 0 else min(w, price)


def _walk_trailing(state: State, order: Order, ts: int) -> tuple[Reach | None, float]:
    """Follow the price through the rest of the bar; return when the trigger is met, and the best price by then."""
    up, p = order.side > 0, _trailing_price(state, order, ts)
    w = p if order.best_price is None else order.best_price
    bar = newest_bar(state, order.instrument)
    if _passed(p, trailing_trigger_of(order, w), up):
        if state.case.price_model == PriceModel.WORST:
            p = worst_of_the_rest(bar, p, fraction(bar, ts) * Walk.of(bar).total, order.side)
        return Reach(state.row_index, ts, clamp(p, bar.low, bar.high), -1.0), w
    for inner in finer_bars_left(state.case, order.instrument, bar, ts) or [bar]:
        start = max(ts, inner.open_ts_ms)
        found, w = _walk_trailing_in(order, inner, start, w)
        if found is not None:
            return _reach(state, bar, inner, start, *found), w
    return None, w


def _walk_trailing_in(order: Order, bar: Bar, start: int, w: float) -> tuple[tuple[float, float] | None, float]:
    """Walk one bar from `start` on; return (distance, price) where the trigger is met, and the best price."""
    up, xa = order.side > 0, fraction(bar, start) * Walk.of(bar).total
    a = path_price(bar, fraction(bar, start))
    if _passed(a, trailing_trigger_of(order, w), up):
        return (xa, a), w
    w = _better(order, w, a)
    for xb, b in Walk.of(bar).corners_after(xa):
        trigger = trailing_trigger_of(order, w)
        if (b - a) * order.side < 0:
            w = _better(order, w, b)
        elif _passed(b, trigger, up):
            return (xa + abs(trigger - a), trigger), w
        xa, a = xb, b
    return None, w
