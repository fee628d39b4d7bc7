"""What happens to holders without a trade: splits, dividends, funding, borrow (docs/execution.md, rule 25)."""

from __future__ import annotations

import math

from keel.domain.compile_nb import compiled
from keel.domain.grid_nb import grid_floor_nb
from keel.portfolio.books_nb import has_qty_grid_nb


@compiled
def split_position_nb(slot, book, ratio):
    """Turn `book`'s position into `ratio` new units for an old one; return the part of a unit that is paid out."""
    whole = slot.qty[book] * ratio
    kept = whole
    if has_qty_grid_nb(slot):
        kept = math.copysign(grid_floor_nb(abs(slot.qty[book]) * ratio, slot.step_mantissa, slot.step_scale), whole)
    kept = kept + 0.0  # no negative zero
    slot.qty[book] = kept
    slot.avg_price[book] = slot.avg_price[book] / ratio if kept != 0.0 else 0.0
    return whole - kept


@compiled
def receive_nb(run, book, cash):
    """Add cash (negative: a payment) that no fill moved, account currency."""
    run.cash[book] = run.cash[book] + cash
