"""Grids and books in plain Python: rules 5, 8 and 19 of docs/execution.md."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .case import Rules, Step
from .reference_state import Book, Event, Market


def floor_grid(x: float, grid: Step) -> float:
    """Return the grid value at or below x (rule 19)."""
    if grid.mantissa == 0:
        return x
    steps = x * grid.scale / grid.mantissa
    tolerance = 1e-9 + abs(steps) * 1e-15
    return float(math.floor(steps + tolerance)) * grid.mantissa / grid.scale


def ceil_grid(x: float, grid: Step) -> float:
    """Return the grid value at or above x (rule 19)."""
    if grid.mantissa == 0:
        return x
    steps = x * grid.scale / grid.mantissa
    tolerance = 1e-9 + abs(steps) * 1e-15
    return float(math.ceil(steps - tolerance)) * grid.mantissa / grid.scale


def price_below(x: float, tick: Step) -> float:
    """Return x rounded down to the tick, at least one tick (rules 8, 12)."""
    rounded = floor_grid(x, tick)
    return rounded if rounded > 0 else tick.mantissa / tick.scale


def price_above(x: float, tick: Step) -> float:
    """Return x rounded up to the tick, at least one tick (rules 8, 12)."""
    rounded = ceil_grid(x, tick)
    return rounded if rounded > 0 else tick.mantissa / tick.scale


def limit_on_grid(price: float, side: int, tick: Step) -> float:
    """Return a limit price on the grid in our favour; 0 is none (rule 8)."""
    if price == 0:
        return 0.0
    return price_below(price, tick) if side > 0 else price_above(price, tick)


def trigger_on_grid(price: float, side: int, tick: Step) -> float:
    """Return a trigger price on the grid against the market; 0 is none (rule 8)."""
    if price == 0:
        return 0.0
    return price_above(price, tick) if side > 0 else price_below(price, tick)


def fill_price(price: float, side: int, tick: Step) -> float:
    """Return a price on the grid against us, above 0 (rule 12)."""
    return price_above(price, tick) if side > 0 else price_below(price, tick)


def snap(x: float, rules: Rules, q0: float, net: float) -> float:
    """Return x without the dust that sums leave (rule 5)."""
    grid = rules.step
    if grid.mantissa == 0 or rules.fee_in_base:
        return 0.0 if abs(x) <= 1e-12 * (abs(q0) + abs(net)) else x
    return float(math.floor(x * grid.scale / grid.mantissa + 0.5)) * grid.mantissa / grid.scale


def fill_cash(event: Event) -> float:
    """Return what a fill adds to cash (rule 5)."""
    paid = 0.0 if event.fee_qty > 0 else event.fee
    return -(event.side * event.qty) * event.price * event.rate - paid


def apply_fill(book: Book, rules: Rules, event: Event) -> None:
    """Change cash, position and average price by one fill (rule 5)."""
    i, price = event.instrument, event.price
    signed = event.side * event.qty
    q0, average = book.qty[i], book.average[i]
    paid = 0.0 if event.fee_qty > 0 else event.fee
    book.cash = book.cash - signed * price * event.rate - paid
    net = signed - event.fee_qty
    q1 = snap(q0 + net, rules, q0, net)
    if q0 == 0 or q0 * net > 0:
        average = (abs(q0) * average + abs(net) * price) / (abs(q0) + abs(net))
    elif q1 == 0:
        average = 0.0
    elif q0 * q1 < 0:
        average = price
    book.qty[i], book.average[i] = q1, average


def split_qty(qty: float, ratio: float, rules: Rules) -> float:
    """Return what a position becomes in a split (rule 25)."""
    if rules.step.mantissa == 0 or rules.fee_in_base:
        return qty * ratio
    return math.copysign(floor_grid(abs(qty) * ratio, rules.step), qty) + 0.0 if qty != 0 else 0.0  # never -0


def split_position(book: Book, instrument: int, ratio: float, rules: Rules) -> None:
    """Change position and average price by a split (rule 25)."""
    qty = split_qty(book.qty[instrument], ratio, rules)
    book.average[instrument] = 0.0 if qty == 0 else book.average[instrument] / ratio
    book.qty[instrument] = qty


def equity(book: Book, markets: Sequence[Market]) -> float:
    """Return cash + Σ position × value, from cash, in index order (rules 14.6, 14.8)."""
    total = book.cash
    for qty, market in zip(book.qty, markets, strict=True):
        total = total + qty * market.value
    return total


def gross_value(book: Book, markets: Sequence[Market]) -> float:
    """Return Σ |position| × value, from 0, in index order (rules 7, 14.9)."""
    total = 0.0
    for qty, market in zip(book.qty, markets, strict=True):
        total = total + abs(qty) * market.value
    return total


def net_value(book: Book, markets: Sequence[Market]) -> float:
    """Return Σ position × value, from 0, in index order (rule 14.9)."""
    total = 0.0
    for qty, market in zip(book.qty, markets, strict=True):
        total = total + qty * market.value
    return total
