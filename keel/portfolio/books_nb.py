"""Money and positions: the only place where a fill changes a book (docs/execution.md, rule 5)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled
from keel.domain.grid_nb import grid_nearest_nb
from keel.domain.layout import VENUE

_FLAT = 1e-12
"""A position this small beside the quantities that made it is rounding, not a holding."""


@compiled
def apply_fill_nb(run, slot, book, side, qty, price, fee, fee_qty, rate):
    """Book one fill: cash, position and average price of `book` (VENUE or LOCAL). `qty` is base units, above zero.

    `fee` is account currency; where `fee_qty` (base units) is kept from what is bought, no cash is paid for it.
    """
    signed = side * qty
    net = signed - fee_qty
    before = slot.qty[book]
    after = _snap_nb(before + net, abs(before) + abs(net), slot)
    run.cash[book] = run.cash[book] - signed * price * rate - paid_fee_nb(fee, fee_qty)
    if before == 0.0 or before * net > 0.0:
        held = abs(before) * slot.avg_price[book]
        slot.avg_price[book] = (held + abs(net) * price) / (abs(before) + abs(net))
    elif after == 0.0:
        slot.avg_price[book] = 0.0
    elif before * after < 0.0:
        slot.avg_price[book] = price
    slot.qty[book] = after


@compiled
def paid_fee_nb(fee, fee_qty):
    """Return the part of a fee that is paid in cash, account currency: all or nothing."""
    return 0.0 if fee_qty > 0.0 else fee


@compiled
def _snap_nb(position, size, slot):
    if has_qty_grid_nb(slot):
        return grid_nearest_nb(position, slot.step_mantissa, slot.step_scale)
    return 0.0 if abs(position) <= _FLAT * size else position


@compiled
def has_qty_grid_nb(slot):
    """Say whether positions stay on the quantity grid: not where fees are kept from what is bought."""
    return slot.step_mantissa != 0.0 and not slot.fee_in_base


@compiled
def equity_nb(run, slots, book):
    """Return cash plus every position at its value, account currency."""
    total = run.cash[book]
    for i in range(len(slots)):
        total = total + slots[i].qty[book] * slots[i].value
    return total


@compiled
def gross_nb(slots, book):
    """Return the sum of all positions' absolute values, account currency."""
    total = 0.0
    for i in range(len(slots)):
        total = total + abs(slots[i].qty[book]) * slots[i].value
    return total


@compiled
def reckon_exposure_nb(run, slots):
    """Sum up what the venue's positions come to, net and gross, account currency, in index order."""
    run.venue_net = 0.0
    run.venue_gross = 0.0
    for i in range(len(slots)):
        add_exposure_nb(run, slots[i], 0.0)


@compiled
def add_exposure_nb(run, slot, before):
    """Bring the venue's net and gross up to a position that was `before`, base units, until now."""
    run.venue_net = run.venue_net + (slot.qty[VENUE] - before) * slot.value
    run.venue_gross = run.venue_gross + (abs(slot.qty[VENUE]) - abs(before)) * slot.value


@compiled
def margin_rate_nb(run):
    """Return the fraction of a position's value that the account must hold: 1 in a cash account."""
    return run.initial_margin if run.margin_account else 1.0
