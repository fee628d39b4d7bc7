"""From target weights to orders at D(k): rules 6, 7 and 17 of docs/execution.md."""

from __future__ import annotations

from keel.domain.orders import Reason, TimeInForce, TradingState

from .case import Row
from .reference_books import floor_grid
from .reference_exits import exit_legs
from .reference_hours import decides_outside_hours
from .reference_orders import Plan, Sheet, check, deny, request_cancel, send, split_want, take_sheet
from .reference_requests import take_requests
from .reference_state import Order, State


def decide(state: State, row: Row) -> None:
    """Turn the requests and the target weights of one row into orders (rules 6, 7, 17, 23).

    Targets go in two passes. What the split itself refuses (NOT_SHORTABLE) is refused in the first, like steps a to c
    of rule 6.
    """
    there = [i for i, bar in enumerate(row.bars) if bar is not None]
    waits = decides_outside_hours(row) and state.case.time_in_force not in (TimeInForce.AT_OPEN, TimeInForce.AT_CLOSE)
    for i in there:
        _take_target(state, take_sheet(state), i, row.targets[i])
    if state.trading_state != TradingState.ACTIVE:
        _take_entries_back(state)
    take_requests(state, take_sheet(state), row.requests)
    sheet, opening_plans = take_sheet(state), []
    for i in there if not waits else []:
        market = state.markets[i]
        if market.suspended and state.trading_state == TradingState.ACTIVE:
            market.pursue, market.suspended = True, False
        plan = _plan(state, sheet, i) if market.pursue else None
        if plan is not None and plan.opening == 0:
            _carry_out(state, sheet, plan)
        elif plan is not None:
            opening_plans.append(plan)
    for plan in opening_plans:
        _carry_out(state, sheet, plan)


def _take_target(state: State, sheet: Sheet, i: int, weight: float | None) -> None:
    """Turn a new target weight into a quantity, once (rule 6)."""
    market = state.markets[i]
    if weight is None or not (state.case.every_bar or weight != market.last_weight):
        return
    market.last_weight = weight
    market.target_qty = weight * sheet.sizing_equity / market.value
    market.pursue = True
    market.suspended = False


def _take_entries_back(state: State) -> None:
    """Request the cancel of every live order that opens (rule 17)."""
    reason = Reason.HALTED if state.trading_state == TradingState.HALTED else Reason.REDUCING
    for o in state.live_orders():
        if o.opening_qty > 0 and o.cancel_ts_ms is None:
            request_cancel(state, o, reason)
            market = state.markets[o.instrument]
            market.suspended = market.suspended or (o.for_target and not market.pursue)


def _plan(state: State, sheet: Sheet, i: int) -> Plan | None:
    """Return what to send for a pursued instrument, if anything: steps a to c of rule 6, then the split of rule 7."""
    market, live, live_orders = state.markets[i], sheet.live[i], state.orders_for_targets(i)
    p = state.local.qty[i]
    d = market.target_qty - p
    if any(o.cancel_ts_ms is not None for o in live_orders):
        return None
    if live_orders and (live * d < 0 or abs(live) > abs(d) * (1 + 1e-9)):
        for o in live_orders:
            request_cancel(state, o, Reason.TARGET_CHANGED)
        return None
    need = d - live
    side = 1 if need > 0 else -1
    want = floor_grid(abs(need), state.case.instruments[i].step)
    if want == 0:
        market.pursue = False
        return None
    order = Order(i, side, time_in_force=state.case.time_in_force, for_target=True)
    plan = split_want(state, order, want, live)
    if not _is_allowed(state, plan):
        return None
    plan.legs = exit_legs(state, order)
    return plan if plan.closing + plan.opening != 0 else None


def _is_allowed(state: State, plan: Plan) -> bool:
    """Take away the opening part where the instrument forbids it (rule 7); say whether anything may be sent."""
    i, side = plan.order.instrument, plan.order.side
    rules, p = state.case.instruments[i], state.local.qty[i]
    if not rules.shortable and side < 0 and plan.opening > 0:
        if p <= 0 and not state.orders_for_targets(i):
            deny(state, plan.order, Reason.NOT_SHORTABLE, plan.want)
            state.markets[i].pursue = False
            return False
        plan.opening, plan.wait = 0.0, True
    elif not rules.can_flip and p * side < 0 and plan.opening > 0:
        plan.opening, plan.wait = 0.0, True
    return True


def _carry_out(state: State, sheet: Sheet, plan: Plan) -> None:
    """Deny a plan or send its order, and say what becomes of the target (rule 17, last paragraphs)."""
    market = state.markets[plan.order.instrument]
    verdict = check(state, sheet, plan)
    if verdict.denial == Reason.NONE:
        send(state, sheet, plan, verdict)
        market.pursue = plan.wait or _may_grow(sheet, verdict.clip)
        market.suspended = verdict.clip == Reason.REDUCING
    elif not _may_grow(sheet, verdict.denial):
        deny(state, plan.order, verdict.denial, plan.want)
        market.pursue = False
        market.suspended = verdict.denial in (Reason.REDUCING, Reason.ORDER_RATE)


def _may_grow(sheet: Sheet, clip: Reason) -> bool:
    """Say whether closing orders on their way may yet make room for what was clipped (rule 17)."""
    return clip in (Reason.BUYING_POWER, Reason.MAX_GROSS) and sheet.closing_on_the_way
