"""Quiet rows: nothing is under way and nothing new is wanted, so only prices move (docs/execution.md, rule 14).

Most rows of a backtest are quiet. They take the steps of any row but those that would have nothing to do, in a loop so
short that a bar costs a few nanoseconds.
"""

from __future__ import annotations

from keel.domain.compile_nb import compiled, compiled_apart, spliced
from keel.domain.layout import BAR_PRESENT, LOCAL, VENUE
from keel.domain.orders import RunStatus
from keel.portfolio.sizing_nb import is_new_target_nb
from keel.sim.closing_nb import close_row_nb, mark_slot_nb, open_bar_nb, value_slot_nb

_NEVER = 9223372036854775807


@compiled
def is_quiet_nb(run, slots):
    """Say whether nothing is under way: no order, no response, no pursued target, no margin to watch."""
    if run.n_orders > 0 or run.tape_head < run.tape_tail or run.row == run.first_row:
        return False
    if run.maintenance_margin > 0.0 and run.margin_account:
        return False
    for i in range(len(slots)):
        if slots[i].pursue != 0:
            return False
    return True


@compiled_apart
def play_quiet_rows_nb(bars, actions, rates, targets, marks, run, slots, stop):
    """Play rows of a quiet run up to `stop`, or to one with a new target, an action, or a day that costs something."""
    days_cost = _days_cost_nb(run, slots)
    until_ms = _next_action_ms_nb(actions, slots)
    while run.row < stop and run.status == RunStatus.RUNNING:
        row = run.row
        if bars[row, 0].close_ts_ms > until_ms or (days_cost and bars[row, 0].day != run.day):
            return
        for i in range(len(slots)):
            if is_new_target_nb(run, slots[i], bars[row, i], targets[row, i]):
                return
        equity, local_equity, gross, net = _move_slots_nb(bars, rates, run, slots, row)
        close_row_nb(bars, marks, run, row, equity, local_equity, gross, net)


@spliced
def _move_slots_nb(bars, rates, run, slots, row):
    """Open the row's bars, move to their closes and reckon both books in one walk over the instruments."""
    equity, local_equity, gross, net = run.cash[VENUE], run.cash[LOCAL], 0.0, 0.0
    for i in range(len(slots)):
        slot, bar = slots[i], bars[row, i]
        if bar.flags & BAR_PRESENT:
            open_bar_nb(slot, bar, row)
            mark_slot_nb(run, slot, bar)
        value_slot_nb(rates, slot, row, i)
        equity = equity + slot.qty[VENUE] * slot.value
        local_equity = local_equity + slot.qty[LOCAL] * slot.value
        gross = gross + abs(slot.qty[VENUE]) * slot.value
        net = net + slot.qty[VENUE] * slot.value
    return equity, local_equity, gross, net


@compiled
def _days_cost_nb(run, slots):
    """Say whether a new day brings fees of another tier, borrow or interest: nothing of it changes in quiet rows."""
    if run.n_tiers > 0 or (run.interest_rate > 0.0 and run.cash[VENUE] < 0.0):
        return True
    for i in range(len(slots)):
        if slots[i].borrow_rate > 0.0 and slots[i].qty[VENUE] < 0.0:
            return True
    return False


@compiled
def _next_action_ms_nb(actions, slots):
    """Return when something happens to holders next; rows that close by then know nothing of it."""
    until_ms = _NEVER
    for i in range(len(slots)):
        slot = slots[i]
        if slot.next_corporate < slot.action_end and actions[slot.next_corporate].ts_ms < until_ms:
            until_ms = actions[slot.next_corporate].ts_ms
        if slot.next_funding < slot.action_end and actions[slot.next_funding].ts_ms < until_ms:
            until_ms = actions[slot.next_funding].ts_ms
    return until_ms
