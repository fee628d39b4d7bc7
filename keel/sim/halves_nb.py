"""What the two halves of a simulation do by themselves: ours without a venue, the venue's without us (rule 5).

In a backtest both halves work on the same arrays. Live, our half works beside a real venue; in a dry run and in a
rehearsal the venue's half is a room of its own. The functions they are made of are the kernel's.
"""

from __future__ import annotations

from keel.domain.compile_nb import compiled
from keel.domain.layout import BAR_PRESENT, LOCAL
from keel.domain.orders import OrderStatus
from keel.domain.rng_nb import CANCEL_JITTER, ENTRY_JITTER
from keel.portfolio.books_nb import apply_fill_nb, equity_nb
from keel.sim.closing_nb import close_row_nb, mark_slots_nb, open_bar_nb
from keel.sim.latency_nb import latency_ms_nb
from keel.sim.tape_nb import deliver_responses_nb, link_order_nb


@compiled
def watch_row_nb(bars, rates, runs, slots, row):
    """Let a row pass before the run begins: marks and volatility move, nothing else."""
    run = runs[0]
    _open_bars_nb(bars, slots, row)
    mark_slots_nb(bars, rates, run, slots, row)
    run.row = row + 1
    run.first_row = row + 1
    run.last_close_ts_ms = bars[row, 0].close_ts_ms


@compiled
def close_local_row_nb(bars, rates, marks, runs, slots, orders, tape, row, now_ms):
    """Close a row for our half: marks, what was heard by `now_ms`, equity, latches; it knows of no other book.

    Only the venue can say that an account is bankrupt: a local book may be behind.
    """
    run = runs[0]
    status = run.status
    _open_bars_nb(bars, slots, row)
    mark_slots_nb(bars, rates, run, slots, row)
    deliver_responses_nb(run, slots, orders, tape, row, now_ms)
    equity = equity_nb(run, slots, LOCAL)
    close_row_nb(bars, marks, run, row, equity, equity, 0.0, 0.0)
    run.status = status


@compiled
def _open_bars_nb(bars, slots, row):
    for i in range(len(slots)):
        if bars[row, i].flags & BAR_PRESENT:
            open_bar_nb(slots[i], bars[row, i], row)


@compiled
def book_fill_nb(runs, slots, i, side, qty, price, fee, fee_qty, rate):
    """Book a fill to our half at once, whatever became of its order."""
    apply_fill_nb(runs[0], slots[i], LOCAL, side, qty, price, fee, fee_qty, rate)


@compiled
def take_order_nb(bars, runs, slots, orders, drafts, now_ms):
    """Take an order, drafts (1,), on its way to the venue's half, in id order; draw its way unless it is drawn.

    It arrives after `now_ms`.
    """
    run = runs[0]
    draft = drafts[0]
    if draft.arrival_ts_ms < 0:
        slot, bar = slots[draft.instrument], bars[slots[draft.instrument].bar_row, draft.instrument]
        delay = latency_ms_nb(run, slot, draft, bar, draft.submit_ts_ms, run.entry_ms, ENTRY_JITTER, 0)
        draft.arrival_ts_ms = _after_nb(draft.submit_ts_ms + delay, now_ms)
        draft.active_ts_ms = draft.arrival_ts_ms
    at = run.n_orders
    while at > 0 and orders[at - 1].id > draft.id:
        orders[at] = orders[at - 1]
        at -= 1
    orders[at] = draft
    run.n_orders += 1
    if draft.reduce_only or draft.pair != -1 or draft.parent_id != -1:
        run.has_linked = 1
    relink_nb(runs, slots, orders)


@compiled
def relink_nb(runs, slots, orders):
    """Link each instrument's orders in the order in which they stand."""
    for i in range(len(slots)):
        slots[i].first_order = 0
        slots[i].last_order = 0
    for place in range(runs[0].n_orders):
        link_order_nb(slots[orders[place].instrument], orders, place + 1)


@compiled
def take_cancel_nb(bars, runs, slots, orders, at, reason, decided_ts_ms, now_ms):
    """Take a cancel of the order at a place on its way to the venue's half; it arrives after `now_ms`."""
    run, order = runs[0], orders[at]
    slot, bar = slots[order.instrument], bars[slots[order.instrument].bar_row, order.instrument]
    if order.cancel_requested or order.status >= OrderStatus.FILLED:
        return
    delay = latency_ms_nb(run, slot, order, bar, decided_ts_ms, run.entry_ms, CANCEL_JITTER, 0)
    at_venue = _after_nb(decided_ts_ms + delay, now_ms)
    order.cancel_requested = 1
    order.cancel_reason = reason
    order.cancel_ts_ms = at_venue if at_venue > order.arrival_ts_ms else order.arrival_ts_ms


@compiled
def _after_nb(ts_ms, now_ms):
    return ts_ms if ts_ms > now_ms else now_ms + 1
