"""Money and positions: the only place where a fill changes a book (docs/execution.md, rule 5)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled
from keel.domain.grid_nb import grid_nearest_nb

_FLAT = 1e-12
"""A position this small beside the quantities that made it is rounding, not a holding."""


@compiled
def apply_fill_nb(run, slot, book, side, qty, price, fee):
    """Book one fill: cash, position and average price of `book` (VENUE or LOCAL). `qty` is base units, above zero."""
    signed = side * qty
    before = slot.qty[book]
    after = _snap_nb(before + signed, abs(before) + abs(signed), slot)
    run.cash[book] = run.cash[book] - signed * price - fee
    if before == 0.0 or before * signed > 0.0:
        held = abs(before) * slot.avg_price[book]
        slot.avg_price[book] = (held + abs(signed) * price) / (abs(before) + abs(signed))
    elif after == 0.0:
        slot.avg_price[book] = 0.0
    elif before * after < 0.0:
        slot.avg_price[book] = price
    slot.qty[book] = after


@compiled
def _snap_nb(position, size, slot):
    if slot.step_mantissa == 0.0:
        return 0.0 if abs(position) <= _FLAT * size else position
    return grid_nearest_nb(position, slot.step_mantissa, slot.step_scale)


@compiled
def equity_nb(run, slots, book):
    """Return cash plus every position at its mark, quote currency."""
    total = run.cash[book]
    for i in range(len(slots)):
        total = total + slots[i].qty[book] * slots[i].mark
    return total


@compiled
def gross_nb(slots, book):
    """Return the sum of all positions' absolute values at their marks, quote currency."""
    total = 0.0
    for i in range(len(slots)):
        total = total + abs(slots[i].qty[book]) * slots[i].mark
    return total


@compiled
def net_nb(slots, book):
    """Return the sum of all positions' signed values at their marks, quote currency."""
    total = 0.0
    for i in range(len(slots)):
        total = total + slots[i].qty[book] * slots[i].mark
    return total


@compiled
def margin_rate_nb(run):
    """Return the fraction of a position's value that the account must hold: 1 in a cash account."""
    return run.initial_margin if run.margin_account else 1.0
