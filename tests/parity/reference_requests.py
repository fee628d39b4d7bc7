"""What an event-driven strategy asks for at D(k): rule 23 of docs/execution.md."""

from __future__ import annotations

import math
from collections.abc import Iterable

from keel.domain.orders import OrderType, Reason, RequestKind, TimeInForce

from .case import Request
from .reference_books import floor_grid, limit_on_grid, trigger_on_grid
from .reference_exits import requested_legs
from .reference_hours import decides_outside_hours
from .reference_latency import amend_latency_ms
from .reference_orders import Plan, Sheet, check, deny, request_cancel, send, split_want
from .reference_state import Amend, Order, State

NO_PAIR = -1


def take_requests(state: State, sheet: Sheet, requests: Iterable[Request]) -> None:
    """Handle a decision's requests in the order given, each with the sums as the ones before left them."""
    for request in requests:
        if request.kind == RequestKind.NEW:
            _place(state, sheet, request)
        elif request.kind == RequestKind.CANCEL:
            _cancel(state, request)
        else:
            _amend(state, request)


def _place(state: State, sheet: Sheet, request: Request) -> None:
    i = request.instrument
    order = _order_of(state, request)
    want = floor_grid(request.qty, state.case.instruments[i].step)
    if state.bar_now(i) is None:
        deny(state, order, Reason.NO_BAR, request.qty)
        return
    if want == 0:
        deny(state, order, Reason.MIN_QTY, request.qty)
        return
    outside = decides_outside_hours(state.row)
    if outside and order.type == OrderType.MARKET and not order.for_auction:
        deny(state, order, Reason.EXTENDED_HOURS, want)
        return
    order.extended_hours = outside and (order.type, order.time_in_force) == (OrderType.LIMIT, TimeInForce.DAY)
    plan = _plan(state, sheet, order, want)
    plan.legs = requested_legs(state, request)
    if plan.closing + plan.opening == 0:
        deny(state, order, plan.clip, want)
        return
    verdict = check(state, sheet, plan)
    if verdict.denial != Reason.NONE:
        deny(state, order, verdict.denial, want)
        return
    send(state, sheet, plan, verdict)
    state.markets[i].last_weight = math.nan
    _link(state, order)
    if not order.reduce_only:
        sheet.live[i] = sheet.live[i] + order.side * order.qty


def _order_of(state: State, request: Request) -> Order:
    tick = state.case.instruments[request.instrument].tick
    return Order(
        instrument=request.instrument,
        side=request.side,
        type=request.type,
        time_in_force=request.time_in_force,
        limit_price=limit_on_grid(request.limit_price, request.side, tick),
        trigger_price=trigger_on_grid(request.trigger_price, request.side, tick),
        trail=request.trail,
        trail_rate=request.trail_rate,
        expire_ts_ms=request.expire_ts_ms,
        reduce_only=request.reduce_only,
        pair=request.pair,
        tag=request.tag,
    )


def _plan(state: State, sheet: Sheet, order: Order, want: float) -> Plan:
    """Split a request, and take away the opening part where the instrument forbids it."""
    if order.reduce_only:
        return Plan(order, want, want, 0.0)
    i = order.instrument
    rules, p = state.case.instruments[i], state.local.qty[i]
    plan = split_want(state, order, want, sheet.live[i])
    if not rules.shortable and order.side < 0 and plan.opening > 0:
        plan.opening, plan.clip = 0.0, Reason.NOT_SHORTABLE
    elif not rules.can_flip and p * order.side < 0 and plan.opening > 0:
        plan.opening, plan.clip = 0.0, Reason.NO_FLIP
    return plan


def _link(state: State, order: Order) -> None:
    """Make the two orders of one pair partners (rule 24)."""
    if order.pair == NO_PAIR:
        return
    for other in state.orders:
        same = other.pair == order.pair and other.submitted_row == state.row_index
        if same and other is not order and other.instrument == order.instrument:
            other.partner, order.partner = order, other


def _find(state: State, tag: int) -> Order | None:
    """Return the order with the strategy's own number, while it is live to our knowledge and not being cancelled."""
    return next((o for o in state.live_orders() if o.tag == tag and o.cancel_ts_ms is None), None)


def _cancel(state: State, request: Request) -> None:
    order = _find(state, request.tag)
    if order is not None:
        request_cancel(state, order, Reason.CLIENT_REQUEST)


def _amend(state: State, request: Request) -> None:
    order, now = _find(state, request.tag), state.row.close_ts_ms
    if order is None or order.amend_on_its_way:
        return
    rules = state.case.instruments[order.instrument]
    ts = max(now + amend_latency_ms(state, order, now), order.arrival_ts_ms)
    order.amend = Amend(
        ts_ms=ts,
        qty=floor_grid(request.qty, rules.step) if order.parent is None else 0.0,
        limit_price=limit_on_grid(request.limit_price, order.side, rules.tick),
        trigger_price=trigger_on_grid(request.trigger_price, order.side, rules.tick),
    )
    order.amend_on_its_way = True
    order.amends_requested += 1
