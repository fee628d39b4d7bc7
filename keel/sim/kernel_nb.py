"""The simulator's step (docs/execution.md, rule 14): one row of bars, one decision.

`advance_nb` lets the venue play row k and closes its books; `decide_nb` turns the weights decided at its close into
orders: size_order_nb -> check_order_nb, and at the venue match_order_nb -> apply_fill_nb. The backtest calls `run_nb`,
one long loop over both; a training environment or a live dry run calls them a row at a time.
"""

from __future__ import annotations

from keel.domain.compile_nb import compiled
from keel.domain.layout import BAR_PRESENT, LOCAL, VENUE
from keel.domain.orders import EventKind, OrderStatus, OrderType, Reason, RunStatus, TradingState
from keel.domain.rng_nb import CANCEL_JITTER, ENTRY_JITTER
from keel.portfolio.books_nb import equity_nb, gross_nb, margin_rate_nb, net_nb
from keel.portfolio.sizing_nb import (
    CANCEL_LIVE,
    DENY_SHORT,
    PURSUED,
    SEND,
    SUSPENDED,
    size_order_nb,
    take_targets_nb,
)
from keel.risk.limits_nb import check_order_nb, update_latches_nb
from keel.sim.costs_nb import update_volatility_nb
from keel.sim.latency_nb import latency_ms_nb
from keel.sim.tape_nb import deliver_responses_nb, tape_room_nb, write_event_nb, write_order_event_nb
from keel.sim.venue_nb import cancel_all_nb, trade_row_nb

_EVENTS_PER_ORDER = 3
"""Most events of one order in one row: accepted, filled, ended."""


@compiled
def run_nb(bars, fine, targets, marks, runs, slots, orders, tape, stop):
    """Play rows from the run's next row up to `stop`, deciding by `targets` (rows, N); stop early for want of room."""
    run = runs[0]
    while run.row < stop and run.status == RunStatus.RUNNING:
        row = run.row
        if advance_nb(bars, fine, marks, runs, slots, orders, tape):
            decide_nb(bars, targets[row], runs, slots, orders, tape, row)


@compiled
def advance_nb(bars, fine, marks, runs, slots, orders, tape):
    """Play the run's next row up to its close; False, and status NO_ROOM, if orders or tape must grow first."""
    run = runs[0]
    row = run.row
    n = len(slots)
    if tape_room_nb(run, tape) < _EVENTS_PER_ORDER * run.n_orders + n or run.n_orders + n > len(orders):
        run.status = RunStatus.NO_ROOM
        return False
    for i in range(n):
        if bars[row, i].flags & BAR_PRESENT:
            slots[i].bar_row = row
            slots[i].bar_count += 1
            slots[i].bar_filled = 0.0
    if run.n_orders > 0:
        trade_row_nb(bars, fine, run, slots, orders, tape, row)
    _close_row_nb(bars, marks, run, slots, orders, tape, row)
    run.row = row + 1
    return True


@compiled
def _close_row_nb(bars, marks, run, slots, orders, tape, row):
    for i in range(len(slots)):
        bar = bars[row, i]
        if bar.flags & BAR_PRESENT:
            if slots[i].bar_count > 1:
                update_volatility_nb(run, slots[i], bar.close)
            slots[i].mark = bar.close
    ts_ms = bars[row, 0].close_ts_ms
    run.equity[VENUE] = equity_nb(run, slots, VENUE)
    if run.equity[VENUE] <= 0.0:
        run.status = RunStatus.BANKRUPT
    if run.tape_head < run.tape_tail:
        deliver_responses_nb(run, slots, orders, tape, ts_ms)
    run.equity[LOCAL] = equity_nb(run, slots, LOCAL)
    update_latches_nb(run, bars[row, 0].day, ts_ms, row == run.first_row)
    mark = marks[row]
    mark.ts_ms = ts_ms
    mark.equity = run.equity[VENUE]
    mark.local_equity = run.equity[LOCAL]
    mark.cash = run.cash[VENUE]
    mark.gross = gross_nb(slots, VENUE)
    mark.net = net_nb(slots, VENUE)


@compiled
def decide_nb(bars, weights, runs, slots, orders, tape, row):
    """Take the weights decided at the close of `row` (NaN: no new target) and send the orders they need.

    A run that has stopped takes no decision.
    """
    run = runs[0]
    if run.status != RunStatus.RUNNING:
        return
    n = len(slots)
    take_targets_nb(run, slots, bars[row], weights)
    if run.trading_state != TradingState.ACTIVE:
        _take_back_entries_nb(bars, run, slots, orders, row)
    closing_orders = _survey_nb(run, slots, orders)
    to_open = 0
    for i in range(n):
        slots[i].opens = 0
        if _is_pursued_nb(run, slots[i], bars[row, i]):
            action = size_order_nb(slots[i])
            if action == CANCEL_LIVE:
                _cancel_instrument_nb(bars, run, slots, orders, i, row)
            elif action == DENY_SHORT:
                _deny_nb(bars, run, slots, tape, i, row, Reason.NOT_SHORTABLE)
            elif action == SEND and slots[i].opening > 0.0:
                slots[i].opens = 1
                to_open += 1
            elif action == SEND:
                closing_orders += _send_nb(bars, run, slots, orders, tape, i, row, closing_orders)
    if to_open == 0:
        return
    for i in range(n):
        if slots[i].opens:
            closing_orders += _send_nb(bars, run, slots, orders, tape, i, row, closing_orders)


@compiled
def _is_pursued_nb(run, slot, bar):
    if not bar.flags & BAR_PRESENT:
        return False
    if slot.pursue == SUSPENDED and run.trading_state == TradingState.ACTIVE:
        slot.pursue = PURSUED
    return slot.pursue == PURSUED


@compiled
def _survey_nb(run, slots, orders):
    """Sum up live orders as known locally; return how many of them only close."""
    closing_orders = 0
    run.reserved = 0.0
    for i in range(len(slots)):
        slots[i].n_live = 0
        slots[i].live_qty = 0.0
        slots[i].cancelling = 0
    for at in range(run.n_orders):
        order = orders[at]
        if order.local_final:
            continue
        left = order.qty - order.local_filled_qty
        slot = slots[order.instrument]
        slot.n_live += 1
        slot.live_qty = slot.live_qty + order.side * left
        slot.cancelling |= order.cancel_requested
        run.reserved = run.reserved + order.reserve_per_unit * (left if left < order.opening_qty else order.opening_qty)
        closing_orders += order.opening_qty == 0.0
    run.projected_gross = 0.0
    for i in range(len(slots)):
        slot = slots[i]
        held, after = abs(slot.qty[LOCAL]), abs(slot.qty[LOCAL] + slot.live_qty)
        run.projected_gross = run.projected_gross + (held if held > after else after) * slot.mark
    return closing_orders


@compiled
def _send_nb(bars, run, slots, orders, tape, i, row, closing_orders):
    """Check the slot's order and send what may go; return 1 if it was sent and only closes."""
    slot = slots[i]
    qty, opened, reason = check_order_nb(run, slots, slot, bars[row, i].close_ts_ms)
    only_closes = qty > 0.0 and opened == 0.0
    if only_closes:
        closing_orders += 1
    funds_are_coming = (reason == Reason.BUYING_POWER or reason == Reason.MAX_GROSS) and closing_orders > 0
    if qty == 0.0:
        if not funds_are_coming:
            _deny_nb(bars, run, slots, tape, i, row, reason)
        return 0
    _submit_nb(bars, run, slots, orders, tape, i, row, qty, opened, reason)
    if reason == Reason.REDUCING:
        slot.pursue = SUSPENDED
    elif not slot.wait and not funds_are_coming:
        slot.pursue = 0
    return 1 if only_closes else 0


@compiled
def _deny_nb(bars, run, slots, tape, i, row, reason):
    slot, ts_ms = slots[i], bars[row, i].close_ts_ms
    write_event_nb(run, tape, EventKind.DENIED, reason, slot.side, i, -1, row, ts_ms, ts_ms, slot.want)
    slot.pursue = SUSPENDED if reason == Reason.REDUCING or reason == Reason.ORDER_RATE else 0


@compiled
def _submit_nb(bars, run, slots, orders, tape, i, row, qty, opened, clip):
    slot, bar, order = slots[i], bars[row, i], orders[run.n_orders]
    run.n_orders += 1
    order.id = run.next_order_id
    run.next_order_id += 1
    order.instrument = i
    order.seq = 0
    order.side = slot.side
    order.type = OrderType.MARKET
    order.time_in_force = run.time_in_force
    order.status = OrderStatus.IN_FLIGHT
    order.local_final = 0
    order.cancel_requested = 0
    order.matched_row = row
    order.n_events = 0
    order.birth_ts_ms = bar.open_ts_ms
    order.submit_ts_ms = bar.close_ts_ms
    delay = latency_ms_nb(run, slot, order, bar, bar.close_ts_ms, run.entry_ms, ENTRY_JITTER, 0)
    order.arrival_ts_ms = bar.close_ts_ms + delay
    order.last_response_ts_ms = bar.close_ts_ms
    order.qty = qty
    order.opening_qty = opened
    order.filled_qty = 0.0
    order.local_filled_qty = 0.0
    order.rated_fee = 0.0
    order.paid_fee = 0.0
    order.reserve_per_unit = slot.mark * (1.0 + run.reserve_rate) * (margin_rate_nb(run) + slot.fee_rate)
    run.reserved = run.reserved + order.reserve_per_unit * opened
    run.projected_gross = run.projected_gross + opened * slot.mark
    run.rate_tokens = run.rate_tokens - 1.0
    write_order_event_nb(run, tape, order, EventKind.SUBMITTED, clip, row, order.submit_ts_ms, order.submit_ts_ms, qty)


@compiled
def _cancel_instrument_nb(bars, run, slots, orders, i, row):
    for at in range(run.n_orders):
        if orders[at].instrument == i and not orders[at].local_final and not orders[at].cancel_requested:
            _request_cancel_nb(bars, run, slots, orders[at], row, Reason.TARGET_CHANGED)


@compiled
def _take_back_entries_nb(bars, run, slots, orders, row):
    """Request the cancel of every live order that opens: a guard that is not ACTIVE lets no entry rest (rule 17)."""
    reason = Reason.HALTED if run.trading_state == TradingState.HALTED else Reason.REDUCING
    for at in range(run.n_orders):
        order = orders[at]
        if order.opening_qty > 0.0 and not order.local_final and not order.cancel_requested:
            _request_cancel_nb(bars, run, slots, order, row, reason)
            if slots[order.instrument].pursue == 0:
                slots[order.instrument].pursue = SUSPENDED


@compiled
def _request_cancel_nb(bars, run, slots, order, row, reason):
    slot, now_ms = slots[order.instrument], bars[row, order.instrument].close_ts_ms
    bar = bars[slot.bar_row, order.instrument]
    at_venue = now_ms + latency_ms_nb(run, slot, order, bar, now_ms, run.entry_ms, CANCEL_JITTER, 0)
    order.cancel_requested = 1
    order.cancel_reason = reason
    order.cancel_ts_ms = at_venue if at_venue > order.arrival_ts_ms else order.arrival_ts_ms


@compiled
def finish_nb(bars, runs, slots, orders, tape):
    """End the run after its last played row: open orders are cancelled, positions stay (rule 16)."""
    run = runs[0]
    if run.row > run.first_row:
        cancel_all_nb(bars, run, slots, orders, tape, run.row - 1)
