"""Grids and books in plain Python: rules 5 and 19 of docs/execution.md."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .case import Step
from .reference_state import Book, Market


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


def snap(x: float, grid: Step, q0: float, signed: float) -> float:
    """Return x without the dust that sums leave (rule 5)."""
    if grid.mantissa == 0:
        return 0.0 if abs(x) <= 1e-12 * (abs(q0) + abs(signed)) else x
    return float(math.floor(x * grid.scale / grid.mantissa + 0.5)) * grid.mantissa / grid.scale


def apply_fill(book: Book, instrument: int, step: Step, side: int, qty: float, price: float, fee: float) -> None:
    """Change cash, position and average price by one fill (rule 5)."""
    signed = side * qty
    q0, average = book.qty[instrument], book.average[instrument]
    book.cash = book.cash - signed * price - fee
    q1 = snap(q0 + signed, step, q0, signed)
    if q0 == 0 or q0 * signed > 0:
        average = (abs(q0) * average + abs(signed) * price) / (abs(q0) + abs(signed))
    elif q1 == 0:
        average = 0.0
    elif q0 * q1 < 0:
        average = price
    book.qty[instrument], book.average[instrument] = q1, average


def equity(book: Book, markets: Sequence[Market]) -> float:
    """Return cash + Σ position × mark, from cash, in index order (rules 14.5, 14.7)."""
    total = book.cash
    for qty, market in zip(book.qty, markets, strict=True):
        total = total + qty * market.mark
    return total


def gross_value(book: Book, markets: Sequence[Market]) -> float:
    """Return Σ |position| × mark, from 0, in index order (rules 7, 14.8)."""
    total = 0.0
    for qty, market in zip(book.qty, markets, strict=True):
        total = total + abs(qty) * market.mark
    return total


def net_value(book: Book, markets: Sequence[Market]) -> float:
    """Return Σ position × mark, from 0, in index order (rule 14.8)."""
    total = 0.0
    for qty, market in zip(book.qty, markets, strict=True):
        total = total + qty * market.mark
    return total
