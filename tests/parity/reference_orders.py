"""From a plan to an order: the limits of rule 17, the sums of rule 7, sending and denying (docs/execution.md)."""

from __future__ import annotations

from dataclasses import dataclass, field

from keel.domain.orders import EventKind, Reason, TradingState

from .reference_books import equity, floor_grid, gross_value
from .reference_costs import newest_bar
from .reference_fees import margin_part, reserve_per_unit
from .reference_latency import cancel_latency_ms, entry_latency_ms
from .reference_state import Event, Order, State


@dataclass
class Sheet:
    """Hold the figures from which every order of one decision is sized (rules 7, 17).

    `live` grows with each request; `reserved`, `gross` and `closing_on_the_way` with each order; the rest stands still.
    """

    equity: float
    sizing_equity: float
    margin_used: float
    live: list[float]
    reserved: float
    gross: float
    closing_on_the_way: bool


@dataclass
class Plan:
    """Hold one wish before risk: the order as it would be, and how much of it closes and opens (rule 7)."""

    order: Order
    want: float
    closing: float
    opening: float
    clip: Reason = Reason.NONE
    wait: bool = False
    legs: list[Order] = field(default_factory=list)


@dataclass
class Verdict:
    """Hold what risk lets through: a denial, or a quantity with the limit that clipped it (rule 17)."""

    denial: Reason = Reason.NONE
    clip: Reason = Reason.NONE
    qty: float = 0.0


def take_sheet(state: State) -> Sheet:
    """Sum up the local book and the live orders as they stand at D(k) (rules 6, 7, 17)."""
    markets = state.markets
    e = equity(state.local, markets)
    live = [_live_qty(state, i) for i in range(len(markets))]
    reserved = 0.0
    for o in state.live_orders():
        reserved = reserved + o.reserve_per_unit * min(o.opening_qty, o.qty - o.local_filled)
    gross = 0.0
    for p, market, alive in zip(state.local.qty, markets, live, strict=True):
        gross = gross + max(abs(p), abs(p + alive)) * market.value
    return Sheet(
        equity=e,
        sizing_equity=max(e, 0.0) * state.case.allocation,
        margin_used=gross_value(state.local, markets),
        live=live,
        reserved=reserved,
        gross=gross,
        closing_on_the_way=any(only_closes(o) for o in state.live_orders()),
    )


def _live_qty(state: State, instrument: int) -> float:
    """Return the signed quantity still on its way, as far as we know (rule 6, `live`)."""
    total = 0.0
    for o in state.orders_for_targets(instrument):
        total = total + o.side * (o.qty - o.local_filled)
    return total


def only_closes(order: Order) -> bool:
    """Say whether an order makes room for others (rule 17)."""
    return order.opening_qty == 0 and not order.reduce_only


def split_want(state: State, order: Order, want: float, live: float) -> Plan:
    """Split a quantity into the part that closes and the part that opens (rule 7)."""
    p, side = state.local.qty[order.instrument], order.side
    room = 0.0
    if p * side < 0:
        room = abs(p) - abs(live) if live * side > 0 else abs(p)
    closing = min(want, max(room, 0.0))
    return Plan(order, want, closing, want - closing)


# Rule 17


def check(state: State, sheet: Sheet, plan: Plan) -> Verdict:
    """Pass one plan through the limits, in their order."""
    case, order = state.case, plan.order
    rules = case.instruments[order.instrument]
    opening, clip = plan.opening, plan.clip
    if case.kill_switch:
        return Verdict(Reason.KILL_SWITCH)
    if state.trading_state == TradingState.HALTED:
        return Verdict(Reason.HALTED)
    if order.for_auction and not rules.has_auctions:
        return Verdict(Reason.NO_AUCTION)
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
    price = order.limit_price or order.trigger_price or state.markets[order.instrument].mark
    if qty * price < rules.min_notional:
        return Verdict(clip if clip != Reason.NONE else Reason.MIN_NOTIONAL)
    return Verdict(Reason.NONE, clip, qty)


def _rate_allows(state: State, opening: float) -> bool:
    """Refill the bucket and look into it; an order too many latches REDUCING."""
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
    """Return the limits that are on, each with the largest opening quantity it allows."""
    case, i, side, closing = state.case, plan.order.instrument, plan.order.side, plan.closing
    rules, value = case.instruments[i], state.markets[i].value
    ea, m = sheet.sizing_equity, margin_part(state)
    caps = []
    if case.max_order_weight > 0:
        caps.append((Reason.MAX_ORDER, case.max_order_weight * ea / value))
    if case.max_order_notional > 0:
        caps.append((Reason.MAX_ORDER, case.max_order_notional / value))
    held = max(0.0, side * (state.local.qty[i] + sheet.live[i]))
    if case.max_position_weight > 0:
        caps.append((Reason.MAX_POSITION, case.max_position_weight * ea / value - held))
    if case.max_position_notional > 0:
        caps.append((Reason.MAX_POSITION, case.max_position_notional / value - held))
    if case.max_gross_weight > 0:
        caps.append((Reason.MAX_GROSS, (case.max_gross_weight * ea - sheet.gross + closing * value) / value))
    per_unit = reserve_per_unit(state, plan.order)
    if case.margin_account:
        free = sheet.equity - m * sheet.margin_used - sheet.reserved
        caps.append((Reason.BUYING_POWER, (free + m * closing * value - rules.min_fee) / per_unit))
    else:
        free = state.local.cash - sheet.reserved
        caps.append((Reason.BUYING_POWER, (free - rules.min_fee) / per_unit))
    return caps


# What goes out


def send(state: State, sheet: Sheet, plan: Plan, verdict: Verdict) -> None:
    """Send one order and its legs: arrivals, reservation, SUBMITTED events (rules 3, 7, 13, 23, 24)."""
    order, now = plan.order, state.row.close_ts_ms
    order.qty = verdict.qty
    order.opening_qty = max(0.0, order.qty - plan.closing)
    order.reserve_per_unit = reserve_per_unit(state, order)
    _put_on_the_wire(state, order)
    order.arrival_ts_ms = now + entry_latency_ms(state, order, now)
    sheet.reserved = sheet.reserved + order.reserve_per_unit * order.opening_qty
    sheet.gross = sheet.gross + order.opening_qty * state.markets[order.instrument].value
    sheet.closing_on_the_way = sheet.closing_on_the_way or only_closes(order)
    if state.case.max_orders_per_minute > 0:
        state.tokens = state.tokens - 1
    _tell(state, order, EventKind.SUBMITTED, verdict.clip, order.qty)
    if order.opening_qty > 0:
        _send_legs(state, order, plan.legs)


def _send_legs(state: State, parent: Order, legs: list[Order]) -> None:
    for leg in legs:
        leg.qty, leg.parent = parent.opening_qty, parent
        leg.partner = next((other for other in legs if other is not leg), None)
        _put_on_the_wire(state, leg)
        leg.arrival_ts_ms = parent.arrival_ts_ms
        _tell(state, leg, EventKind.SUBMITTED, Reason.NONE, leg.qty)


def _put_on_the_wire(state: State, order: Order) -> None:
    """Give an order its number among all and among its instrument's of this decision (rule 13)."""
    of_this_decision = [
        o for o in state.orders if o.instrument == order.instrument and o.submitted_row == state.row_index
    ]
    order.id, order.seq = len(state.orders), len(of_this_decision)
    order.birth_ts_ms = newest_bar(state, order.instrument).open_ts_ms
    order.submitted_row, order.last_response_ts_ms = state.row_index, state.row.close_ts_ms
    state.orders.append(order)


def request_cancel(state: State, order: Order, reason: Reason) -> None:
    """Send a cancel after an order (rule 6)."""
    now = state.row.close_ts_ms
    order.cancel_reason = reason
    order.cancel_ts_ms = max(now + cancel_latency_ms(state, order, now), order.arrival_ts_ms)


def deny(state: State, order: Order, reason: Reason, qty: float) -> None:
    """Record that an order is not sent."""
    _tell(state, order, EventKind.DENIED, reason, qty)


def _tell(state: State, order: Order, kind: EventKind, reason: Reason, qty: float) -> None:
    """Record one of our own events; it needs no response (rule 13, last line)."""
    now = state.row.close_ts_ms
    event = Event(
        *(kind, reason, order.side, order.instrument, order.id, state.row_index, now, now, qty),
        type=order.type,
        delivered=True,
    )
    if kind == EventKind.SUBMITTED:
        event.price, event.reference_price = order.limit_price, order.trigger_price
    state.events.append(event)
