"""The reference price, five ways: rule 9 of docs/execution.md."""

from __future__ import annotations

import math
from dataclasses import dataclass

from keel.domain.orders import PriceModel
from keel.domain.rng_nb import PRICE_PATH, normal_quantile_nb, uniforms_nb

from .case import Bar, Case

PARKINSON = 0.6005612043932249
HALF_ROOT = 0.7071067811865476
HALVINGS = 5


def clamp(x: float, low: float, high: float) -> float:
    """Return x kept within [low, high] (rule 9, last line)."""
    if x < low:
        return low
    if x > high:
        return high
    return x


def fraction(bar: Bar, ts_ms: int) -> float:
    """Return τ, the part of the bar that has passed at `ts_ms` (rule 9)."""
    return (ts_ms - bar.open_ts_ms) / (bar.close_ts_ms - bar.open_ts_ms)


def reference_price(case: Case, instrument: int, bar: Bar, side: int, ts_ms: int) -> float:
    """Return the price that an order of `side` meets at `ts_ms` before costs (rule 9)."""
    tau = fraction(bar, ts_ms)
    match case.price_model:
        case PriceModel.OPEN:
            return bar.open
        case PriceModel.PATH:
            return path_price(bar, tau)
        case PriceModel.WORST:
            return worst_price(bar, tau, side)
        case PriceModel.BRIDGE:
            return bridge_price(case, instrument, bar, tau)
        case PriceModel.REFERENCE:
            return finer_price(case.instruments[instrument].fine, bar, ts_ms)


@dataclass(frozen=True)
class Walk:
    """Hold the corners open → e1 → e2 → close and the lengths between them (rule 9, `path`)."""

    open: float
    e1: float
    e2: float
    close: float
    d1: float
    d2: float
    d3: float
    total: float

    @classmethod
    def of(cls, bar: Bar) -> Walk:
        high_first = bar.high - bar.open < bar.open - bar.low
        e1, e2 = (bar.high, bar.low) if high_first else (bar.low, bar.high)
        d1, d2, d3 = abs(e1 - bar.open), bar.high - bar.low, abs(bar.close - e2)
        return cls(bar.open, e1, e2, bar.close, d1, d2, d3, d1 + d2 + d3)

    def corners_after(self, distance: float) -> list[tuple[float, float]]:
        """Return (distance, price) of each corner still to come (rule 10)."""
        corners = [(self.d1, self.e1), (self.d1 + self.d2, self.e2), (self.total, self.close)]
        return [corner for corner in corners if corner[0] > distance]


def path_price(bar: Bar, tau: float) -> float:
    """Return the price on the walk through both extremes at constant speed (rule 9, `path`)."""
    walk = Walk.of(bar)
    x = tau * walk.total
    if walk.total <= 0:
        price = bar.open
    elif x < walk.d1:
        price = bar.open + (walk.e1 - bar.open) * (x / walk.d1)
    elif x < walk.d1 + walk.d2:
        price = walk.e1 + (walk.e2 - walk.e1) * ((x - walk.d1) / walk.d2)
    elif walk.d3 > 0:
        price = walk.e2 + (bar.close - walk.e2) * ((x - walk.d1 - walk.d2) / walk.d3)
    else:
        price = bar.close
    return clamp(price, bar.low, bar.high)


def worst_price(bar: Bar, tau: float, side: int) -> float:
    """Return the adverse extreme of what is left of the walk (rule 9, `worst`)."""
    walk = Walk.of(bar)
    if walk.total <= 0:
        return bar.open
    x = tau * walk.total
    return worst_of_the_rest(bar, path_price(bar, tau), x, side)


def worst_of_the_rest(bar: Bar, price: float, distance: float, side: int) -> float:
    """Return the worst for a side of: a price, the close, and the extremes yet to come (rules 9, 10, 26)."""
    left = [price, bar.close, *(corner for _, corner in Walk.of(bar).corners_after(distance))]
    return max(left) if side > 0 else min(left)


def bridge_price(case: Case, instrument: int, bar: Bar, tau: float) -> float:
    """Return the price of a Brownian bridge from open to close, built by halving (rule 9, `bridge`)."""
    if tau <= 0:
        return bar.open

    def z(node: int) -> float:
        hash32 = case.instruments[instrument].stable_hash
        first, _ = uniforms_nb(case.seed, case.stream, hash32, bar.open_ts_ms, 0, PRICE_PATH, node)
        return normal_quantile_nb(first)

    sigma = (bar.high - bar.low) * PARKINSON
    a, b, pa, pb, node, s = 0.0, 1.0, bar.open, bar.close, 1, sigma * 0.5
    for _ in range(HALVINGS):
        mid = (a + b) * 0.5
        pm = (pa + pb) * 0.5 + s * z(node)
        s = s * HALF_ROOT
        if tau < mid:
            b, pb, node = mid, pm, 2 * node
        else:
            a, pa, node = mid, pm, 2 * node + 1
    width = b - a
    noise = sigma * math.sqrt((tau - a) * (b - tau) / width) * z(node)
    price = pa + (pb - pa) * ((tau - a) / width) + noise
    return clamp(price, bar.low, bar.high)


def finer_bars_left(case: Case, instrument: int, bar: Bar, ts_ms: int) -> list[Bar]:
    """Return the finer bars that decide what is left of a bar; none under another model (rule 10)."""
    if case.price_model != PriceModel.REFERENCE:
        return []
    fine = case.instruments[instrument].fine
    return [f for f in fine if f.close_ts_ms > ts_ms and f.open_ts_ms < bar.close_ts_ms]


def finer_price(fine: tuple[Bar, ...], bar: Bar, ts_ms: int) -> float:
    """Return the price read off the first finer bar that closes after `ts_ms` (rule 9, `reference`)."""
    inner = next((f for f in fine if f.close_ts_ms > ts_ms), None)
    if inner is None or inner.open_ts_ms >= bar.close_ts_ms:
        price = bar.close
    elif ts_ms <= inner.open_ts_ms:
        price = inner.open
    else:
        price = path_price(inner, fraction(inner, ts_ms))
    return clamp(price, bar.low, bar.high)
