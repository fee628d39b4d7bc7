"""The venue closes what margin no longer carries (docs/execution.md, rule 26)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled, compiled_apart, spliced
from keel.domain.layout import BAR_PRESENT, VENUE
from keel.domain.orders import EventKind, OrderStatus, Reason
from keel.portfolio.books_nb import apply_fill_nb
from keel.sim.costs_nb import half_spread_nb, hour_of_week_nb
from keel.sim.endings_nb import cancel_all_nb, newest_bar_nb
from keel.sim.fills_nb import price_event_nb
from keel.sim.intrabar_nb import fraction_nb, path_price_nb, worst_price_nb
from keel.sim.matching_nb import round_against_us_nb
from keel.sim.tape_nb import write_event_nb


@compiled_apart
def liquidate_nb(bars, run, slots, orders, tape, row):
    """Test the account at the worst prices that the row has for it; close every position where margin fails."""
    margin = run.maintenance_margin
    first_equity, first_margin = run.cash[VENUE], 0.0
    worst_equity, worst_margin = run.cash[VENUE], 0.0
    held = False
    for i in range(len(slots)):
        qty = slots[i].qty[VENUE]
        if qty != 0.0:
            held = True
            start, end = _range_nb(slots[i], bars[row, i], qty)
            first_equity = first_equity + qty * start * slots[i].rate
            first_margin = first_margin + abs(qty) * start * slots[i].rate
            worst_equity = worst_equity + qty * end * slots[i].rate
            worst_margin = worst_margin + abs(qty) * end * slots[i].rate
    if not held or worst_equity >= margin * worst_margin:
        return
    part = 0.0
    first_excess = first_equity - margin * first_margin
    if first_excess > 0.0:
        part = first_excess / (first_excess - (worst_equity - margin * worst_margin))
    ts_ms = bars[row, 0].close_ts_ms
    cancel_all_nb(bars, run, slots, orders, tape, row, ts_ms, OrderStatus.WORKING, Reason.LIQUIDATION)
    for i in range(len(slots)):
        qty = slots[i].qty[VENUE]
        if qty != 0.0:
            start, end = _range_nb(slots[i], bars[row, i], qty)
            _close_nb(bars, run, slots, tape, i, row, ts_ms, start + part * (end - start))


@compiled
def _range_nb(slot, bar, qty):
    """Return the prices of an instrument after its last match in the row and at the worst of what is then left."""
    if not bar.flags & BAR_PRESENT:
        return slot.mark, slot.mark
    fraction = fraction_nb(bar, slot.match_ts_ms) if slot.bar_filled > 0.0 else 0.0
    return path_price_nb(bar, fraction), worst_price_nb(bar, fraction, -1.0 if qty > 0.0 else 1.0)


@spliced
def _close_nb(bars, run, slots, tape, i, row, ts_ms, reference):
    slot = slots[i]
    side = -1.0 if slot.qty[VENUE] > 0.0 else 1.0
    qty, rate = abs(slot.qty[VENUE]), slot.rate
    half = half_spread_nb(run, slot, hour_of_week_nb(newest_bar_nb(bars, slots, i), ts_ms), reference)
    price = round_against_us_nb(slot, side, reference + side * half)
    fee = qty * price * rate * (slot.fee_rate + run.liquidation_fee_rate)
    apply_fill_nb(run, slot, VENUE, side, qty, price, fee, 0.0, rate)
    run.volume_today = run.volume_today + qty * price * rate
    event = write_event_nb(run, tape, EventKind.FILLED, Reason.LIQUIDATION, side, i, -1, row, ts_ms, ts_ms, qty)
    event.final = 1
    event.fee = fee
    price_event_nb(event, price, reference, rate)
    event.spread_cost = qty * half * rate
    event.rounding_cost = side * qty * (price - reference) * rate - event.spread_cost
