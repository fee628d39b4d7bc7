"""How a row begins and closes for the books: bars, marks, equity, latches (docs/execution.md, rule 14)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled, spliced
from keel.domain.layout import BAR_EXTENDED, BAR_PRESENT, LOCAL, VENUE
from keel.domain.orders import RunStatus
from keel.portfolio.books_nb import equity_nb
from keel.risk.limits_nb import update_latches_nb
from keel.sim.costs_nb import update_true_range_nb, update_volatility_nb


@compiled
def open_bar_nb(slot, bar, row):
    """Let the instrument begin the bar it has in the row."""
    slot.bar_row = row
    slot.bar_count += 1
    slot.bar_filled = 0.0
    slot.opens_session = 0
    if not bar.flags & BAR_EXTENDED and slot.session_day != bar.day + 1:
        slot.opens_session = 1
        slot.session_day = bar.day + 1


@compiled
def mark_slot_nb(run, slot, bar):
    """Move volatility, true range and mark to the close of the instrument's bar."""
    if run.needs_volatility and slot.bar_count > 1:
        update_volatility_nb(run, slot, bar.close)
    if run.atr_bars > 0:
        update_true_range_nb(run, slot, bar)
    slot.mark = bar.close


@compiled
def value_slot_nb(rates, slot, row, i):
    """Take the row's rate and set what one unit is worth to the account."""
    if len(rates) > 0:
        slot.rate = rates[row, i]
    slot.value = slot.mark * slot.rate


@spliced
def mark_slots_nb(bars, rates, run, slots, row):
    """Move every instrument to the row's close."""
    for i in range(len(slots)):
        if bars[row, i].flags & BAR_PRESENT:
            mark_slot_nb(run, slots[i], bars[row, i])
        value_slot_nb(rates, slots[i], row, i)


@spliced
def reckon_books_nb(run, slots):
    """Return (venue equity, local equity, gross, net of the venue): each a sum in index order."""
    equity, gross, net = run.cash[VENUE], 0.0, 0.0
    for i in range(len(slots)):
        qty, value = slots[i].qty[VENUE], slots[i].value
        equity = equity + qty * value
        gross = gross + abs(qty) * value
        net = net + qty * value
    return equity, equity_nb(run, slots, LOCAL), gross, net


@compiled
def close_row_nb(bars, marks, run, row, equity, local_equity, gross, net):
    """Close the row at what both books come to: bankruptcy, latches and the row's mark; then the next row is due."""
    close_ts_ms = bars[row, 0].close_ts_ms
    run.equity[VENUE] = equity
    run.equity[LOCAL] = local_equity
    if equity <= 0.0:
        run.status = RunStatus.BANKRUPT
    update_latches_nb(run, bars[row, 0].day, close_ts_ms, row == run.first_row)
    run.last_close_ts_ms = close_ts_ms
    # A caller that asks for each row's mark at once keeps a single record.
    mark = marks[row if len(marks) > 1 else 0]
    mark.ts_ms = close_ts_ms
    mark.equity = equity
    mark.local_equity = local_equity
    mark.cash = run.cash[VENUE]
    mark.gross = gross
    mark.net = net
    run.row = row + 1
