"""The reference price at a moment inside a bar, by five models (docs/execution.md, rule 9)."""

from __future__ import annotations

import math

from keel.domain.compile_nb import compiled
from keel.domain.orders import PriceModel
from keel.domain.rng_nb import PRICE_PATH, normal_quantile_nb, uniforms_nb

_PARKINSON = 0.6005612043932249
"""1 / (2 sqrt(ln 2)): the range of a Brownian motion to its standard deviation (Parkinson, J. Business 53, 1980)."""
_SQRT_HALF = 0.7071067811865476
_BRIDGE_HALVINGS = 5


@compiled
def reference_price_nb(run, slot, bar, fine, side, ts_ms):
    """Return the price in [low, high] at `ts_ms` (inside the bar) by the run's price model."""
    if run.price_model == PriceModel.OPEN:
        return bar.open
    if run.price_model == PriceModel.REFERENCE:
        return clamp_nb(_finer_price_nb(slot, bar, fine, ts_ms), bar)
    fraction = fraction_nb(bar, ts_ms)
    if run.price_model == PriceModel.BRIDGE:
        return clamp_nb(_bridge_price_nb(run, slot, bar, fraction), bar)
    if run.price_model == PriceModel.PATH:
        return path_price_nb(bar, fraction)
    return worst_price_nb(bar, fraction, side)


@compiled
def fraction_nb(bar, ts_ms):
    """Return the part of the bar that has passed at `ts_ms`, in [0, 1)."""
    return (ts_ms - bar.open_ts_ms) / (bar.close_ts_ms - bar.open_ts_ms)


@compiled
def clamp_nb(price, bar):
    """Return the price kept within the bar's low and high."""
    if price < bar.low:
        return bar.low
    return bar.high if price > bar.high else price


@compiled
def extremes_nb(bar):
    """Return the bar's high and low in the order in which the path meets them: the one nearer to the open first."""
    if bar.high - bar.open < bar.open - bar.low:
        return bar.high, bar.low
    return bar.low, bar.high


@compiled
def path_price_nb(bar, fraction):
    """Return the price on the walk open, nearer extreme, other extreme, close at constant speed."""
    e1, e2 = extremes_nb(bar)
    d1, d2, d3 = abs(e1 - bar.open), bar.high - bar.low, abs(bar.close - e2)
    total = d1 + d2 + d3
    if total <= 0.0:
        return bar.open
    x = fraction * total
    if x < d1:
        price = bar.open + (e1 - bar.open) * (x / d1)
    elif x < d1 + d2:
        price = e1 + (e2 - e1) * ((x - d1) / d2)
    elif d3 > 0.0:
        price = e2 + (bar.close - e2) * ((x - d1 - d2) / d3)
    else:
        price = bar.close
    return clamp_nb(price, bar)


@compiled
def worst_price_nb(bar, fraction, side):
    """Return the price worst for `side` (highest for a buy) of what the path has left of the bar."""
    e1, e2 = extremes_nb(bar)
    d1, d2, d3 = abs(e1 - bar.open), bar.high - bar.low, abs(bar.close - e2)
    total = d1 + d2 + d3
    if total <= 0.0:
        return bar.open
    x = fraction * total
    worst = _worse_nb(path_price_nb(bar, fraction), bar.close, side)
    if x < d1:
        worst = _worse_nb(worst, e1, side)
    if x < d1 + d2:
        worst = _worse_nb(worst, e2, side)
    return worst


@compiled
def _worse_nb(a, b, side):
    if side > 0:
        return a if a > b else b
    return a if a < b else b


@compiled
def _node_normal_nb(run, slot, bar, node):
    u, _ = uniforms_nb(run.seed, run.stream, slot.hash, bar.open_ts_ms, 0, PRICE_PATH, node)
    return normal_quantile_nb(u)


@compiled
def _bridge_price_nb(run, slot, bar, fraction):
    if fraction <= 0.0:
        return bar.open
    sigma = (bar.high - bar.low) * _PARKINSON
    left, right, price_left, price_right = 0.0, 1.0, bar.open, bar.close
    node, spread = 1, sigma * 0.5
    for _ in range(_BRIDGE_HALVINGS):
        middle = (left + right) * 0.5
        price = (price_left + price_right) * 0.5 + spread * _node_normal_nb(run, slot, bar, node)
        spread = spread * _SQRT_HALF
        if fraction < middle:
            right, price_right, node = middle, price, 2 * node
        else:
            left, price_left, node = middle, price, 2 * node + 1
    width = right - left
    deviation = sigma * math.sqrt((fraction - left) * (right - fraction) / width)
    line = price_left + (price_right - price_left) * ((fraction - left) / width)
    return line + deviation * _node_normal_nb(run, slot, bar, node)


@compiled
def first_finer_nb(slot, fine, ts_ms):
    """Return the position of the instrument's first finer bar that closes after `ts_ms`; `fine_end` for none."""
    low, high = slot.fine_start, slot.fine_end
    while low < high:
        middle = (low + high) // 2
        if fine[middle].close_ts_ms > ts_ms:
            high = middle
        else:
            low = middle + 1
    return low


@compiled
def _finer_price_nb(slot, bar, fine, ts_ms):
    at = first_finer_nb(slot, fine, ts_ms)
    if at == slot.fine_end or fine[at].open_ts_ms >= bar.close_ts_ms:
        return bar.close
    if ts_ms <= fine[at].open_ts_ms:
        return fine[at].open
    return path_price_nb(fine[at], fraction_nb(fine[at], ts_ms))


@compiled
def look_price_nb(run, slot, bar, fine, order, ts_ms):
    """Return the price an order that waits for one sees when it is looked at (rule 10)."""
    if order.looks_at_path and (run.price_model == PriceModel.OPEN or run.price_model == PriceModel.BRIDGE):
        return path_price_nb(bar, fraction_nb(bar, ts_ms))
    return reference_price_nb(run, slot, bar, fine, order.side, ts_ms)
