"""The venue's side of one row: arrivals, fills, amends, cancels, funding in time order (docs/execution.md, rule 14)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled, spliced
from keel.domain.orders import EventKind, OrderStatus, OrderType, Reason
from keel.portfolio.books_nb import reckon_exposure_nb
from keel.sim.actions_nb import fund_nb, next_funding_nb
from keel.sim.admission_nb import admit_order_nb
from keel.sim.amends_nb import amend_order_nb
from keel.sim.endings_nb import answer_nb, end_order_nb
from keel.sim.hours_nb import ends_with_row_nb, first_look_ts_nb, is_for_auction_nb, is_late_nb, trades_in_nb
from keel.sim.looks_nb import follow_best_nb, look_nb, reach_price_nb
from keel.sim.queue_nb import AMEND, ARRIVAL, CANCEL, LOOK, REACH, comes_first_nb, pop_nb, push_nb, schedule_nb


@spliced
def trade_row_nb(bars, fine, actions, run, slots, orders, tape, row):
    """Play every venue event of the row, then expire the orders whose time ends with it."""
    close_ts_ms = bars[row, 0].close_ts_ms
    if run.margin_account:
        reckon_exposure_nb(run, slots)
    run.n_queued = 0
    run.n_working = 0
    for at in range(run.n_orders):
        run.n_working += orders[at].status == OrderStatus.WORKING
        _queue_nb(bars, run, slots, orders, at, row, close_ts_ms)
    funding_ts_ms, funded = close_ts_ms, -1
    if len(actions) > 0:
        funding_ts_ms, funded = next_funding_nb(actions, slots, close_ts_ms)
    while run.n_queued > 0 or funded >= 0:
        if funded >= 0 and _is_first_nb(run, orders, funding_ts_ms, funded):
            fund_nb(bars, actions, run, slots, tape, funded, row)
            funding_ts_ms, funded = next_funding_nb(actions, slots, close_ts_ms)
            continue
        at = pop_nb(run, orders)
        while orders[at].status < OrderStatus.FILLED:
            _play_nb(bars, fine, run, slots, orders, tape, at, row)
            # What arrives is looked at in the same instant: most often it comes first again.
            if not _schedule_nb(bars, slots, orders, at, row, close_ts_ms):
                break
            if funded >= 0 or not comes_first_nb(run, orders, at):
                push_nb(run, orders, at)
                break
    _end_row_nb(bars, fine, run, slots, orders, tape, row, close_ts_ms)


@compiled
def _is_first_nb(run, orders, funding_ts_ms, funded):
    """Say whether the funding comes before the order that is first in the queue."""
    if run.n_queued == 0:
        return True
    first = orders[orders[0].queue]
    if first.next_ts_ms != funding_ts_ms:
        return funding_ts_ms < first.next_ts_ms
    return funded <= first.instrument


@spliced
def _play_nb(bars, fine, run, slots, orders, tape, at, row):
    order = orders[at]
    kind, ts_ms = order.next_kind, order.next_ts_ms
    if kind == LOOK:
        look_nb(bars, fine, run, slots, orders, tape, order, row)
    elif kind == ARRIVAL:
        _arrive_nb(bars, run, slots, orders, tape, order, row)
    elif kind == REACH:
        reach_price_nb(bars, fine, run, slots, orders, tape, order, row)
    elif kind == AMEND:
        amend_order_nb(bars, run, slots, orders, tape, order, row)
    elif kind == CANCEL:
        end_order_nb(bars, run, slots, orders, tape, order, row, ts_ms, EventKind.CANCELED, order.cancel_reason)
    else:
        end_order_nb(bars, run, slots, orders, tape, order, row, ts_ms, EventKind.EXPIRED, Reason.GOOD_TILL_DATE)


@compiled
def _queue_nb(bars, run, slots, orders, at, row, close_ts_ms):
    if _schedule_nb(bars, slots, orders, at, row, close_ts_ms):
        push_nb(run, orders, at)


@compiled
def _schedule_nb(bars, slots, orders, at, row, close_ts_ms):
    order = orders[at]
    bar = bars[row, order.instrument]
    trades = trades_in_nb(slots[order.instrument], order, bar)
    return schedule_nb(order, trades, first_look_ts_nb(order, bar, close_ts_ms), row, close_ts_ms)


@spliced
def _arrive_nb(bars, run, slots, orders, tape, order, row):
    ts_ms = order.arrival_ts_ms
    slot, bar = slots[order.instrument], bars[row, order.instrument]
    if is_for_auction_nb(order) and is_late_nb(slot, order, bar, bars[row, 0].close_ts_ms):
        reason = Reason.AUCTION_OVER
    else:
        reason = admit_order_nb(run, slots, orders, order, order.qty)
    if reason != Reason.NONE:
        end_order_nb(bars, run, slots, orders, tape, order, row, ts_ms, EventKind.REJECTED, reason)
        return
    order.status = OrderStatus.WORKING
    run.n_working += 1
    answer_nb(bars, run, slots, tape, order, row, ts_ms, EventKind.ACCEPTED, Reason.NONE, order.qty)
    if order.n_legs > 0:
        _hold_legs_nb(bars, run, slots, orders, tape, order, row, ts_ms)


@spliced
def _hold_legs_nb(bars, run, slots, orders, tape, parent, row, ts_ms):
    at = slots[parent.instrument].first_order
    while at > 0:
        position, leg = at - 1, orders[at - 1]
        at = leg.next_order
        if leg.parent_id == parent.id and leg.status == OrderStatus.IN_FLIGHT:
            leg.status = OrderStatus.HELD
            answer_nb(bars, run, slots, tape, leg, row, ts_ms, EventKind.ACCEPTED, Reason.NONE, leg.qty)
            _queue_nb(bars, run, slots, orders, position, row, bars[row, 0].close_ts_ms)


@spliced
def _end_row_nb(bars, fine, run, slots, orders, tape, row, close_ts_ms):
    """Let orders expire whose session, day or auction is over, then trailing stops note how far the price went."""
    for at in range(run.n_orders):
        order = orders[at]
        if order.status == OrderStatus.WORKING and ends_with_row_nb(order, bars[row, order.instrument]):
            reason = Reason.AUCTION_OVER if is_for_auction_nb(order) else Reason.SESSION_END
            end_order_nb(bars, run, slots, orders, tape, order, row, close_ts_ms, EventKind.EXPIRED, reason)
    for at in range(run.n_orders):
        order = orders[at]
        if order.type == OrderType.TRAILING_STOP and order.status == OrderStatus.WORKING:
            follow_best_nb(bars, fine, run, slots, order, row)
