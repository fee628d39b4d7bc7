"""From target weights to orders at D(k): rules 6, 7 and 17 of docs/execution.md."""

from __future__ import annotations

from dataclasses import dataclass

from keel.domain.orders import EventKind, Reason, TradingState

from .reference_books import equity, floor_grid, gross_value
from .reference_costs import cancel_latency_ms, entry_latency_ms, fee_rate, newest_bar
from .reference_state import Event, Order, State


@dataclass
class Sheet:
    """Hold the figures from which every order of one decision is sized (rules 7, 17).

    `reserved`, `gross` and `closing_on_the_way` grow with each order sent at this decision; the rest stands still.
    """

    equity: float
    sizing_equity: float
    m: float
    margin_used: float
    live: list[float]
    reserved: float
    gross: float
    closing_on_the_way: bool


@dataclass
class Plan:
    """Hold one instrument's wish after rules 6 and 7, before risk."""

    instrument: int
    side: int
    want: float
    closing: float
    opening: float
    wait: bool = False


def decide(state: State, targets: tuple[float | None, ...]) -> None:
    """Turn the target weights of one row into orders, in two passes (rules 6, 7, 17).

    What the split itself refuses (NOT_SHORTABLE) is refused in the first pass, like steps a to c of rule 6.
    """
    sheet = _take_sheet(state)
    opening_plans = []
    there = [i for i, bar in enumerate(state.row.bars) if bar is not None]
    for i in there:
        _take_target(state, sheet, i, targets[i])
    if state.trading_state != TradingState.ACTIVE:
        _take_entries_back(state)
    for i in there:
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


def _take_entries_back(state: State) -> None:
    """Request the cancel of every live order that opens (rule 17)."""
    reason = Reason.HALTED if state.trading_state == TradingState.HALTED else Reason.REDUCING
    for o in state.live_orders():
        if o.opening_qty > 0 and o.cancel_ts_ms is None:
            _request_cancel(state, o, reason)
            market = state.markets[o.instrument]
            market.suspended = market.suspended or not market.pursue


def _take_sheet(state: State) -> Sheet:
    case, markets = state.case, state.markets
    e = equity(state.local, markets)
    live = [_live_qty(state, i) for i in range(len(markets))]
    reserved = 0.0
    for o in state.live_orders():
        reserved = reserved + o.reserve_per_unit * min(o.opening_qty, o.qty - o.local_filled)
    gross = 0.0
    for p, market, alive in zip(state.local.qty, markets, live, strict=True):
        gross = gross + max(abs(p), abs(p + alive)) * market.mark
    return Sheet(
        equity=e,
        sizing_equity=max(e, 0.0) * case.allocation,
        m=case.initial_margin if case.margin_account else 1.0,
        margin_used=gross_value(state.local, markets),
        live=live,
        reserved=reserved,
        gross=gross,
        closing_on_the_way=any(o.opening_qty == 0 for o in state.live_orders()),
    )


def _live_qty(state: State, instrument: int) -> float:
    """Return the signed quantity still on its way, as far as we know (rule 6, `live`)."""
    total = 0.0
    for o in state.live_orders(instrument):
        total = total + o.side * (o.qty - o.local_filled)
    return total


def _take_target(state: State, sheet: Sheet, i: int, weight: float | None) -> None:
    """Turn a new target weight into a quantity, once (rule 6)."""
    market = state.markets[i]
    if weight is None or not (state.case.every_bar or weight != market.last_weight):
        return
    market.last_weight = weight
    market.target_qty = weight * sheet.sizing_equity / market.mark
    market.pursue = True
    market.suspended = False


def _plan(state: State, sheet: Sheet, i: int) -> Plan | None:
    """Return what to send for a pursued instrument, if anything: steps a to c of rule 6, then the split of rule 7."""
    market, live, live_orders = state.markets[i], sheet.live[i], state.live_orders(i)
    p = state.local.qty[i]
    d = market.target_qty - p
    if any(o.cancel_ts_ms is not None for o in live_orders):
        return None
    if live_orders and (live * d < 0 or abs(live) > abs(d) * (1 + 1e-9)):
        for o in live_orders:
            _request_cancel(state, o, Reason.TARGET_CHANGED)
        return None
    need = d - live
    side = 1 if need > 0 else -1
    want = floor_grid(abs(need), state.case.instruments[i].step)
    if want == 0:
        market.pursue = False
        return None
    return _split(state, i, side, want, live)


def _split(state: State, i: int, side: int, want: float, live: float) -> Plan | None:
    """Split a quantity into the part that closes and the part that opens (rule 7)."""
    rules, p = state.case.instruments[i], state.local.qty[i]
    room = 0.0
    if p * side < 0:
        room = abs(p) - abs(live) if live * side > 0 else abs(p)
    closing = min(want, max(room, 0.0))
    plan = Plan(i, side, want, closing, want - closing)
    if not rules.shortable and side < 0 and plan.opening > 0:
        if p <= 0 and not state.live_orders(i):
            _deny(state, plan, Reason.NOT_SHORTABLE)
            state.markets[i].pursue = False
            return None
        plan.opening, plan.wait = 0.0, True
    elif not rules.can_flip and p * side < 0 and plan.opening > 0:
        plan.opening, plan.wait = 0.0, True
    return plan if plan.closing + plan.opening != 0 else None


def _request_cancel(state: State, order: Order, reason: Reason) -> None:
    """Send a cancel after an order (rule 6)."""
    now = state.row.close_ts_ms
    order.cancel_reason = reason
    order.cancel_ts_ms = max(now + cancel_latency_ms(state, order, now), order.arrival_ts_ms)


def _carry_out(state: State, sheet: Sheet, plan: Plan) -> None:
    """Deny a plan or send its order, and say what becomes of the target (rule 17, last paragraphs)."""
    market = state.markets[plan.instrument]
    verdict = _check(state, sheet, plan)
    if verdict.denial == Reason.NONE:
        _send(state, sheet, plan, verdict)
        market.pursue = plan.wait or _may_grow(sheet, verdict.clip)
        market.suspended = verdict.clip == Reason.REDUCING
    elif not _may_grow(sheet, verdict.denial):
        _deny(state, plan, verdict.denial)
        market.pursue = False
        market.suspended = verdict.denial in (Reason.REDUCING, Reason.ORDER_RATE)


def _may_grow(sheet: Sheet, clip: Reason) -> bool:
    """Say whether closing orders on their way may yet make room for what was clipped (rule 17)."""
    return clip in (Reason.BUYING_POWER, Reason.MAX_GROSS) and sheet.closing_on_the_way


@dataclass
class Verdict:
    """Hold what risk lets through: a denial, or a quantity with the limit that clipped it (rule 17)."""

    denial: Reason = Reason.NONE
    clip: Reason = Reason.NONE
    qty: float = 0.0
    opening_qty: float = 0.0


def _check(state: State, sheet: Sheet, plan: Plan) -> Verdict:
    """Pass one plan through the limits, in their order (rule 17)."""
    case, rules = state.case, state.case.instruments[plan.instrument]
    opening, clip = plan.opening, Reason.NONE
    if case.kill_switch:
        return Verdict(Reason.KILL_SWITCH)
    if state.trading_state == TradingState.HALTED:
        return Verdict(Reason.HALTED)
    if state.trading_state == TradingState.REDUCING and opening > 0:
        if plan.closing == 0:
            return Verdict(Reason.REDUCING)
        opening, clip = 0.0, Reason.REDUCING
    if not _rate_allows(state, opening):
        return Verdict(Reason.ORDER_RATE)
    for name, cap in _caps(state, sheet, plan):
        if opening > 0 and cap < opening:
            opening, clip = max(cap, 0.0), name
    qty = floor_grid(plan.closing + opening, rules.step)
    if qty <= 0 or qty < rules.min_qty:
        return Verdict(clip if clip != Reason.NONE else Reason.MIN_QTY)
    if qty * state.markets[plan.instrument].mark < rules.min_notional:
        return Verdict(clip if clip != Reason.NONE else Reason.MIN_NOTIONAL)
    return Verdict(Reason.NONE, clip, qty, max(0.0, qty - plan.closing))


def _rate_allows(state: State, opening: float) -> bool:
    """Refill the bucket and look into it; an order too many latches REDUCING (rule 17)."""
    limit = state.case.max_orders_per_minute
    if limit == 0:
        return True
    now = state.row.close_ts_ms
    state.tokens = min(limit, state.tokens + (now - state.last_refill_ts_ms) * limit / 60000)
    state.last_refill_ts_ms = now
    if state.tokens >= 1 + (state.case.close_order_reserve if opening > 0 else 0.0):
        return True
    if state.trading_state == TradingState.ACTIVE:
        state.trading_state = TradingState.REDUCING
    return False


def _caps(state: State, sheet: Sheet, plan: Plan) -> list[tuple[Reason, float]]:
    """Return the limits that are on, each with the largest opening quantity it allows (rule 17)."""
    case, i, side, closing = state.case, plan.instrument, plan.side, plan.closing
    rules, mark = case.instruments[i], state.markets[i].mark
    ea, m = sheet.sizing_equity, sheet.m
    caps = []
    if case.max_order_weight > 0:
        caps.append((Reason.MAX_ORDER, case.max_order_weight * ea / mark))
    if case.max_order_notional > 0:
        caps.append((Reason.MAX_ORDER, case.max_order_notional / mark))
    held = max(0.0, side * (state.local.qty[i] + sheet.live[i]))
    if case.max_position_weight > 0:
        caps.append((Reason.MAX_POSITION, case.max_position_weight * ea / mark - held))
    if case.max_position_notional > 0:
        caps.append((Reason.MAX_POSITION, case.max_position_notional / mark - held))
    if case.max_gross_weight > 0:
        caps.append((Reason.MAX_GROSS, (case.max_gross_weight * ea - sheet.gross + closing * mark) / mark))
    per_unit = mark * (1 + case.reserve_rate) * (m + fee_rate(rules))
    if case.margin_account:
        free = sheet.equity - m * sheet.margin_used - sheet.reserved
        caps.append((Reason.BUYING_POWER, (free + m * closing * mark - rules.min_fee) / per_unit))
    else:
        free = state.local.cash - sheet.reserved
        caps.append((Reason.BUYING_POWER, (free - rules.min_fee) / per_unit))
    return caps


def _send(state: State, sheet: Sheet, plan: Plan, verdict: Verdict) -> None:
    """Send one order: its arrival, its reservation, its SUBMITTED event (rules 3, 7, 13, 17)."""
    case, i, now = state.case, plan.instrument, state.row.close_ts_ms
    mark = state.markets[i].mark
    order = Order(
        id=len(state.orders),
        instrument=i,
        seq=0,  # one order an instrument and decision
        side=plan.side,
        qty=verdict.qty,
        opening_qty=verdict.opening_qty,
        reserve_per_unit=mark * (1 + case.reserve_rate) * (sheet.m + fee_rate(case.instruments[i])),
        birth_ts_ms=newest_bar(state, i).open_ts_ms,
        arrival_ts_ms=now,
        last_response_ts_ms=now,
    )
    order.arrival_ts_ms = now + entry_latency_ms(state, order, now)
    state.orders.append(order)
    sheet.reserved = sheet.reserved + order.reserve_per_unit * order.opening_qty
    sheet.gross = sheet.gross + order.opening_qty * mark
    sheet.closing_on_the_way = sheet.closing_on_the_way or order.opening_qty == 0
    if case.max_orders_per_minute > 0:
        state.tokens = state.tokens - 1
    _tell(state, plan, EventKind.SUBMITTED, verdict.clip, order.id, order.qty)


def _deny(state: State, plan: Plan, reason: Reason) -> None:
    _tell(state, plan, EventKind.DENIED, reason, -1, plan.want)


def _tell(state: State, plan: Plan, kind: EventKind, reason: Reason, order_id: int, qty: float) -> None:
    """Record one of our own events; it needs no response (rule 13, last line)."""
    now = state.row.close_ts_ms
    state.events.append(
        Event(kind, reason, plan.side, plan.instrument, order_id, state.row_index, now, now, qty, delivered=True)
    )
