"""The simulator's step (docs/execution.md, rule 14): one row of bars, one decision.

`play_nb` lets the venue play row k and closes its books; then what was decided at its close becomes orders:
size_order_nb -> check_order_nb, and at the venue match_order_nb -> apply_fill_nb. A backtest of given targets is one
long call; an event-driven strategy, a training environment or a live dry run calls `play_nb` row by row, and
`decide_nb` where it asks for more than targets.
"""

from __future__ import annotations

from keel.domain.compile_nb import compiled, compiled_apart, spliced
from keel.domain.layout import BAR_PRESENT, EXIT_NONE, LOCAL
from keel.domain.orders import OrderStatus, OrderType, Reason, RunStatus, TimeInForce, TradingState
from keel.portfolio.books_nb import gross_nb
from keel.portfolio.sizing_nb import (
    CANCEL_LIVE,
    DENY_SHORT,
    PURSUED,
    SEND,
    SUSPENDED,
    size_order_nb,
    take_targets_nb,
)
from keel.risk.limits_nb import check_order_nb, reserve_per_unit_nb
from keel.sim.actions_nb import apply_corporate_nb, skip_actions_nb, start_day_nb
from keel.sim.closing_nb import close_row_nb, mark_slots_nb, open_bar_nb, reckon_books_nb
from keel.sim.endings_nb import cancel_all_nb
from keel.sim.hours_nb import is_outside_hours_nb
from keel.sim.liquidation_nb import liquidate_nb
from keel.sim.quiet_nb import is_quiet_nb, play_quiet_rows_nb
from keel.sim.requests_nb import handle_requests_nb
from keel.sim.send_nb import (
    NO_TAG,
    attach_exits_nb,
    dispatch_nb,
    draft_order_nb,
    request_cancel_nb,
    submit_nb,
    write_denial_nb,
)
from keel.sim.tape_nb import deliver_responses_nb, tape_room_nb
from keel.sim.venue_nb import trade_row_nb

EVENTS_PER_ORDER = 9
"""Most events of one order in one row: accepted, amended twice, triggered, filled twice, ended, and two to spare."""
ORDERS_PER_DECISION = 3
"""Most orders sent for one target or request: itself and two legs."""


@compiled
def play_nb(bars, fine, actions, rates, weights, targets, marks, runs, slots, orders, tape, stop):
    """Decide by `weights` (N,) on the row last played, unless there are none, then play rows up to `stop`.

    The rows are decided by `targets` (rows, N); without, (0, N), nothing is decided and the caller asks for a row at a
    time. Say whether the run goes on: not without bars, without room, or once it has stopped.
    """
    run = runs[0]
    if len(weights) > 0:
        _decide_nb(bars, weights, run, slots, orders, tape, run.row - 1)
    if run.row >= stop or run.status != RunStatus.RUNNING:
        return False
    while run.row < stop and run.status == RunStatus.RUNNING:
        if len(targets) > 0 and is_quiet_nb(run, slots):
            play_quiet_rows_nb(bars, actions, rates, targets, marks, run, slots, stop)
            if run.row == stop or run.status != RunStatus.RUNNING:
                break
        row = run.row
        played = _advance_nb(bars, fine, actions, rates, marks, run, slots, orders, tape, row)
        if played and len(targets) > 0:
            _decide_nb(bars, targets[row], run, slots, orders, tape, row)
    return run.status == RunStatus.RUNNING


@compiled
def needed_events_nb(run, n, n_actions):
    """Return how many events the run's next row may write, its decision included."""
    return EVENTS_PER_ORDER * run.n_orders + (ORDERS_PER_DECISION + 2) * n + 1 + n_actions


@spliced
def _advance_nb(bars, fine, actions, rates, marks, run, slots, orders, tape, row):
    """Play the row up to its close; False, and status NO_ROOM, if orders or tape must grow first."""
    n = len(slots)
    too_few = run.n_orders + ORDERS_PER_DECISION * n > len(orders)
    if too_few or tape_room_nb(run, tape) < needed_events_nb(run, n, len(actions)):
        run.status = RunStatus.NO_ROOM
        return False
    if row == run.first_row:
        if len(actions) > 0:
            skip_actions_nb(actions, slots, bars[row, 0].close_ts_ms)
    elif bars[row, 0].day != run.day:
        start_day_nb(run, slots, tape, row, bars[row, 0].day)
    for i in range(n):
        if bars[row, i].flags & BAR_PRESENT:
            open_bar_nb(slots[i], bars[row, i], row)
            if slots[i].next_corporate < slots[i].action_end:
                apply_corporate_nb(bars, actions, run, slots, orders, tape, i, row)
    if run.n_orders > 0 or len(actions) > 0:
        trade_row_nb(bars, fine, actions, run, slots, orders, tape, row)
    if run.maintenance_margin > 0.0 and run.margin_account:
        liquidate_nb(bars, run, slots, orders, tape, row)
    mark_slots_nb(bars, rates, run, slots, row)
    if run.tape_head < run.tape_tail:
        deliver_responses_nb(run, slots, orders, tape, row, bars[row, 0].close_ts_ms)
    equity, local_equity, gross, net = reckon_books_nb(run, slots)
    close_row_nb(bars, marks, run, row, equity, local_equity, gross, net)
    return True


@compiled
def decide_nb(bars, weights, requests, runs, slots, orders, tape, row):
    """Take what was decided at the close of `row`, weights (NaN: no new target) and requests, and send the orders.

    A run that has stopped takes no decision.
    """
    run = runs[0]
    if run.status != RunStatus.RUNNING:
        return
    if len(requests) == 0:
        _decide_nb(bars, weights, run, slots, orders, tape, row)
        return
    _begin_decision_nb(bars, weights, run, slots, orders, row)
    _survey_nb(run, slots, orders)
    handle_requests_nb(bars, run, slots, orders, tape, requests, row)
    _pursue_targets_nb(bars, run, slots, orders, tape, row, _survey_nb(run, slots, orders))


@spliced
def _decide_nb(bars, weights, run, slots, orders, tape, row):
    if run.status != RunStatus.RUNNING:
        return
    _begin_decision_nb(bars, weights, run, slots, orders, row)
    for i in range(len(slots)):
        if slots[i].pursue != 0:
            _pursue_targets_nb(bars, run, slots, orders, tape, row, _survey_nb(run, slots, orders))
            return


@compiled
def _begin_decision_nb(bars, weights, run, slots, orders, row):
    for i in range(len(slots)):
        slots[i].n_sent = 0
    take_targets_nb(run, slots, bars[row], weights)
    if run.trading_state != TradingState.ACTIVE:
        _take_back_entries_nb(bars, run, slots, orders, row)


@compiled_apart
def _pursue_targets_nb(bars, run, slots, orders, tape, row, closing_orders):
    to_open = 0
    for i in range(len(slots)):
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
    for i in range(len(slots)):
        if slots[i].opens:
            closing_orders += _send_nb(bars, run, slots, orders, tape, i, row, closing_orders)


@compiled
def _is_pursued_nb(run, slot, bar):
    if not bar.flags & BAR_PRESENT:
        return False
    # What is at market waits for the session; what is for its auction does not.
    if is_outside_hours_nb(bar) and run.time_in_force < TimeInForce.AT_OPEN:
        return False
    if slot.pursue == SUSPENDED and run.trading_state == TradingState.ACTIVE:
        slot.pursue = PURSUED
    return slot.pursue == PURSUED


@compiled
def _survey_nb(run, slots, orders):
    """Sum up live orders as known locally, but for those that only reduce; return how many of them only close."""
    closing_orders = 0
    run.reserved = 0.0
    for i in range(len(slots)):
        slots[i].n_live = 0
        slots[i].live_qty = 0.0
        slots[i].cancelling = 0
    for at in range(run.n_orders):
        order = orders[at]
        if order.local_final or order.reduce_only:
            continue
        left = order.qty - order.local_filled_qty
        slot = slots[order.instrument]
        slot.n_live += 1
        slot.live_qty = slot.live_qty + order.side * left
        slot.cancelling |= order.cancel_requested
        run.reserved = run.reserved + order.reserve_per_unit * (left if left < order.opening_qty else order.opening_qty)
        closing_orders += order.opening_qty == 0.0
    run.held_gross = gross_nb(slots, LOCAL)
    run.projected_gross = 0.0
    for i in range(len(slots)):
        slot = slots[i]
        held, after = abs(slot.qty[LOCAL]), abs(slot.qty[LOCAL] + slot.live_qty)
        run.projected_gross = run.projected_gross + (held if held > after else after) * slot.value
    return closing_orders


@compiled_apart
def _send_nb(bars, run, slots, orders, tape, i, row, closing_orders):
    """Check the slot's order and send what may go; return 1 if it was sent and only closes."""
    slot = slots[i]
    order = draft_order_nb(run, orders, i, slot.side)
    order.reserve_per_unit = reserve_per_unit_nb(run, slot, order)
    qty, opened, reason = check_order_nb(run, slot, order, Reason.NONE, bars[row, i].close_ts_ms)
    only_closes = qty > 0.0 and opened == 0.0
    if only_closes:
        closing_orders += 1
    funds_are_coming = (reason == Reason.BUYING_POWER or reason == Reason.MAX_GROSS) and closing_orders > 0
    if qty == 0.0:
        if not funds_are_coming:
            _deny_nb(bars, run, slots, tape, i, row, reason)
        return 0
    submit_nb(bars, run, slots, orders, tape, order, row, qty, opened, reason)
    dispatch_nb(bars, run, slots, order, row)
    if opened > 0.0 and (run.stop_kind != EXIT_NONE or run.take_kind != EXIT_NONE):
        attach_exits_nb(bars, run, slots, orders, tape, order, row)
    if reason == Reason.REDUCING:
        slot.pursue = SUSPENDED
    elif not slot.wait and not funds_are_coming:
        slot.pursue = 0
    return 1 if only_closes else 0


@compiled
def _deny_nb(bars, run, slots, tape, i, row, reason):
    slot = slots[i]
    write_denial_nb(bars, run, tape, i, row, slot.side, OrderType.MARKET, slot.want, reason)
    slot.pursue = SUSPENDED if reason == Reason.REDUCING or reason == Reason.ORDER_RATE else 0


@compiled_apart
def _cancel_instrument_nb(bars, run, slots, orders, i, row):
    at = slots[i].first_order
    while at > 0:
        order = orders[at - 1]
        at = order.next_order
        if not order.reduce_only and not order.local_final and not order.cancel_requested:
            request_cancel_nb(bars, run, slots, order, row, Reason.TARGET_CHANGED)


@compiled_apart
def _take_back_entries_nb(bars, run, slots, orders, row):
    """Request the cancel of every live order that opens: a guard that is not ACTIVE lets no entry rest (rule 17)."""
    reason = Reason.HALTED if run.trading_state == TradingState.HALTED else Reason.REDUCING
    for at in range(run.n_orders):
        order = orders[at]
        if order.opening_qty > 0.0 and not order.local_final and not order.cancel_requested:
            request_cancel_nb(bars, run, slots, order, row, reason)
            if slots[order.instrument].pursue == 0 and order.tag == NO_TAG:
                slots[order.instrument].pursue = SUSPENDED


@compiled
def finish_nb(bars, runs, slots, orders, tape):
    """End the run after its last played row: open orders are cancelled, positions stay (rule 16)."""
    run = runs[0]
    if run.row > run.first_row:
        row = run.row - 1
        ts_ms = bars[row, 0].close_ts_ms
        cancel_all_nb(bars, run, slots, orders, tape, row, ts_ms, OrderStatus.IN_FLIGHT, Reason.END_OF_RUN)
