"""When the rest of a bar reaches a price: limits, triggers and trailing stops (docs/execution.md, rule 10).

A bar is walked as the `path` model has it: open, nearer extreme, other extreme, close, at constant speed, so distance
along the walk is time. Where finer bars price the inside, they are walked one after another instead.
"""

from __future__ import annotations

import math

from keel.domain.compile_nb import compiled, compiled_apart
from keel.domain.orders import PriceModel
from keel.risk.limits_nb import trailing_trigger_nb
from keel.sim.intrabar_nb import clamp_nb, extremes_nb, first_finer_nb, fraction_nb, path_price_nb

NEVER = -1
"""The time of what does not happen in this bar."""


@compiled
def has_finer_nb(run, slot, bar, fine, ts_ms):
    """Say whether finer bars price what is left of the bar."""
    if run.price_model != PriceModel.REFERENCE:
        return False
    at = first_finer_nb(slot, fine, ts_ms)
    return at < slot.fine_end and fine[at].open_ts_ms < bar.close_ts_ms


@compiled_apart
def reach_nb(run, slot, bar, fine, ts_ms, level, direction):
    """Return (time, price, distance walked) at which the bar from `ts_ms` on is at or past `level`; NEVER if not.

    `direction` is +1 for a level that is reached from below, -1 from above.
    """
    if not has_finer_nb(run, slot, bar, fine, ts_ms):
        when, price, walked = _reach_on_bar_nb(bar, ts_ms, level, direction)
        return when, clamp_nb(price, bar), walked
    at = first_finer_nb(slot, fine, ts_ms)
    while at < slot.fine_end and fine[at].open_ts_ms < bar.close_ts_ms:
        start = ts_ms if ts_ms > fine[at].open_ts_ms else fine[at].open_ts_ms
        when, price, walked = _reach_on_bar_nb(fine[at], start, level, direction)
        if when != NEVER:
            return when, clamp_nb(price, bar), walked
        at += 1
    return NEVER, 0.0, 0.0


@compiled
def _reach_on_bar_nb(bar, ts_ms, level, direction):
    fraction = fraction_nb(bar, ts_ms)
    price = path_price_nb(bar, fraction)
    e1, e2 = extremes_nb(bar)
    x1 = abs(e1 - bar.open)
    x2 = x1 + (bar.high - bar.low)
    total = x2 + abs(bar.close - e2)
    x = fraction * total
    if direction * (price - level) >= 0.0:
        return ts_ms, price, x
    if total <= 0.0:
        return NEVER, 0.0, 0.0
    for corner in range(3):
        end_x, end = _corner_nb(corner, x1, x2, total, e1, e2, bar.close)
        if end_x <= x:
            continue
        if direction * (end - level) >= 0.0:
            x = x + abs(level - price)
            return _time_at_nb(bar, ts_ms, x, total), level, x
        x, price = end_x, end
    return NEVER, 0.0, 0.0


@compiled
def _corner_nb(corner, x1, x2, total, e1, e2, close):
    if corner == 0:
        return x1, e1
    if corner == 1:
        return x2, e2
    return total, close


@compiled
def _time_at_nb(bar, ts_ms, x, total):
    when = bar.open_ts_ms + math.floor(x / total * (bar.close_ts_ms - bar.open_ts_ms))
    when = when if when < bar.close_ts_ms - 1 else bar.close_ts_ms - 1
    return when if when > ts_ms else ts_ms


@compiled
def worst_after_nb(bar, x, price, side):
    """Return the price worst for `side` of `price`, at distance `x` along the walk, and what the walk has left."""
    e1, e2 = extremes_nb(bar)
    x1 = abs(e1 - bar.open)
    x2 = x1 + (bar.high - bar.low)
    worst = price
    for corner in range(3):
        end_x, end = _corner_nb(corner, x1, x2, x2 + abs(bar.close - e2), e1, e2, bar.close)
        if (end_x > x or corner == 2) and side * (end - worst) > 0.0:
            worst = end
    return worst


@compiled_apart
def trail_nb(run, slot, order, bar, fine, ts_ms):
    """Walk a trailing stop from `ts_ms` on: return (at once, time, price, distance walked, best price at the end).

    The time of its trigger is NEVER if the rest of the bar does not come to it.
    """
    best = order.best_price
    if not has_finer_nb(run, slot, bar, fine, ts_ms):
        at_once, when, price, walked, best = _trail_on_bar_nb(bar, ts_ms, order, best)
        return at_once, when, clamp_nb(price, bar), walked, best
    first = first_finer_nb(slot, fine, ts_ms)
    at = first
    while at < slot.fine_end and fine[at].open_ts_ms < bar.close_ts_ms:
        start = ts_ms if ts_ms > fine[at].open_ts_ms else fine[at].open_ts_ms
        at_once, when, price, walked, best = _trail_on_bar_nb(fine[at], start, order, best)
        if when != NEVER:
            return at_once and at == first, when, clamp_nb(price, bar), walked, best
        at += 1
    return False, NEVER, 0.0, 0.0, best


@compiled
def seen_best_nb(run, slot, order, bar, fine, ts_ms):
    """Return a trailing stop's best price with that of the moment in it."""
    price = path_price_nb(bar, fraction_nb(bar, ts_ms))
    if has_finer_nb(run, slot, bar, fine, ts_ms):
        at = first_finer_nb(slot, fine, ts_ms)
        start = ts_ms if ts_ms > fine[at].open_ts_ms else fine[at].open_ts_ms
        price = path_price_nb(fine[at], fraction_nb(fine[at], start))
    return price if order.best_price <= 0.0 or order.side * (order.best_price - price) > 0.0 else order.best_price


@compiled
def _trail_on_bar_nb(bar, ts_ms, order, best):
    fraction = fraction_nb(bar, ts_ms)
    price = path_price_nb(bar, fraction)
    side = order.side
    e1, e2 = extremes_nb(bar)
    x1 = abs(e1 - bar.open)
    x2 = x1 + (bar.high - bar.low)
    total = x2 + abs(bar.close - e2)
    x = fraction * total
    if best > 0.0 and side * (price - trailing_trigger_nb(order, best)) >= 0.0:
        return True, ts_ms, price, x, best
    if best <= 0.0 or side * (best - price) > 0.0:
        best = price
    for corner in range(3):
        end_x, end = _corner_nb(corner, x1, x2, total, e1, e2, bar.close)
        if end_x <= x:
            continue
        if side * (end - price) > 0.0:
            trigger = trailing_trigger_nb(order, best)
            if side * (end - trigger) >= 0.0:
                x = x + abs(trigger - price)
                return False, _time_at_nb(bar, ts_ms, x, total), trigger, x, best
        elif side * (best - end) > 0.0:
            best = end
        x, price = end_x, end
    return False, NEVER, 0.0, 0.0, best
