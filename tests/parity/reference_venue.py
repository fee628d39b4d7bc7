"""What the venue does inside a row: arrivals, matches, cancels, expiries (docs/execution.md, rules 3, 7, 12, 14)."""

from __future__ import annotations

from keel.domain.orders import EventKind, OrderStatus, Reason, TimeInForce

from .case import Bar
from .reference_books import apply_fill, ceil_grid, floor_grid
from .reference_costs import fee_rate, fill_fee, half_spread, market_impact, newest_bar, response_ts_ms
from .reference_prices import fraction, reference_price
from .reference_state import Event, Order, State


def run_venue(state: State) -> None:
    """Do all venue events before D(k), merged by (time, instrument, order id) (rule 14.2)."""
    while True:
        due = [
            (ts, order.instrument, order.id)
            for order in state.orders
            if (ts := _next_event_ts(state, order)) is not None and ts < state.row.close_ts_ms
        ]
        if not due:
            return
        ts, _, order_id = min(due)
        _do_next_event(state, state.orders[order_id], ts)


def _match_ts(state: State, order: Order) -> int | None:
    """Return when the order is matched in this row: once in each bar of its instrument (rule 3)."""
    bar = state.row.bars[order.instrument]
    if bar is None or order.matched_row == state.row_index:
        return None
    return max(order.arrival_ts_ms, bar.open_ts_ms)


def _next_event_ts(state: State, order: Order) -> int | None:
    """Return the time of the order's one next event (rule 14.2)."""
    if order.status == OrderStatus.IN_FLIGHT:
        return order.arrival_ts_ms
    if order.status == OrderStatus.WORKING:
        times = [ts for ts in (_match_ts(state, order), order.cancel_ts_ms) if ts is not None]
        return min(times) if times else None
    return None


def _do_next_event(state: State, order: Order, ts: int) -> None:
    if order.status == OrderStatus.IN_FLIGHT:
        _arrive(state, order, ts)
    elif _match_ts(state, order) == ts:  # the match first at the same time
        _match(state, order, ts)
    else:
        end_order(state, order, ts, OrderStatus.CANCELED, order.cancel_reason)


def _record(state: State, order: Order, kind: EventKind, reason: Reason, ts: int, qty: float) -> Event:
    event = Event(
        kind=kind,
        reason=reason,
        side=order.side,
        instrument=order.instrument,
        order_id=order.id,
        row=state.row_index,
        ts_ms=ts,
        response_ts_ms=response_ts_ms(state, order, ts),
        qty=qty,
    )
    state.events.append(event)
    return event


def end_order(state: State, order: Order, ts: int, status: OrderStatus, reason: Reason) -> None:
    """Cancel or expire what is left of an order (rules 3, 6, 12, 16)."""
    order.status = status
    kind = EventKind.EXPIRED if status == OrderStatus.EXPIRED else EventKind.CANCELED
    _record(state, order, kind, reason, ts, order.qty - order.filled)


def expire_day_orders(state: State) -> None:
    """End every WORKING DAY order at the close of the day's last row, in id order (rule 3)."""
    if state.case.time_in_force != TimeInForce.DAY or not state.row.ends_day:
        return
    for order in state.orders:
        if order.status == OrderStatus.WORKING:
            end_order(state, order, state.row.close_ts_ms, OrderStatus.EXPIRED, Reason.SESSION_END)


def cancel_what_is_left(state: State) -> None:
    """Cancel every order that is not final at the venue, at the last D(k), in id order (rule 16)."""
    for order in state.orders:
        if order.is_open:
            end_order(state, order, state.row.close_ts_ms, OrderStatus.CANCELED, Reason.END_OF_RUN)


# Arrival: the venue's own check (rule 7)


def _arrive(state: State, order: Order, ts: int) -> None:
    reason = _refusal(state, order)
    if reason == Reason.NONE:
        order.status = OrderStatus.WORKING
        _record(state, order, EventKind.ACCEPTED, reason, ts, order.qty)
    else:
        order.status = OrderStatus.REJECTED
        _record(state, order, EventKind.REJECTED, reason, ts, order.qty)


def _refusal(state: State, order: Order) -> Reason:
    """Return why the venue refuses the order at its arrival, or NONE (rule 7)."""
    case, rules = state.case, state.case.instruments[order.instrument]
    others = [o for o in state.orders if o.status == OrderStatus.WORKING and o.id != order.id]
    if order.side < 0 and not (case.margin_account and rules.shortable) and _sells_too_much(state, order, others):
        return Reason.INSUFFICIENT_POSITION
    if case.margin_account:
        return Reason.INSUFFICIENT_FUNDS if _exceeds_margin(state, order, others) else Reason.NONE
    if order.side > 0 and _exceeds_cash(state, order, others):
        return Reason.INSUFFICIENT_FUNDS
    return Reason.NONE


def _exceeds_cash(state: State, order: Order, others: list[Order]) -> bool:
    rules, mark = state.case.instruments[order.instrument], state.markets[order.instrument].mark
    need = order.qty * mark * (1 + fee_rate(rules)) + rules.min_fee
    free = state.venue.cash
    for o in others:
        if o.side > 0:
            its_mark, its_rate = (
                state.markets[o.instrument].mark,
                fee_rate(state.case.instruments[o.instrument]),
            )
            free = free - (o.qty - o.filled) * its_mark * (1 + its_rate)
    return need > free + 1e-9 * abs(free)


def _sells_too_much(state: State, order: Order, others: list[Order]) -> bool:
    free = state.venue.qty[order.instrument]
    for o in others:
        if o.side < 0 and o.instrument == order.instrument:
            free = free - (o.qty - o.filled)
    return order.qty > free + 1e-9 * (1 + abs(free))


def _exceeds_margin(state: State, order: Order, others: list[Order]) -> bool:
    m, rules, venue = state.case.initial_margin, state.case.instruments[order.instrument], state.venue
    opening = order.qty - max(0.0, min(order.qty, -order.side * venue.qty[order.instrument]))
    if opening <= 0:
        return False
    need = opening * state.markets[order.instrument].mark * (m + fee_rate(rules)) + rules.min_fee
    free = venue.cash
    for qty, market in zip(venue.qty, state.markets, strict=True):
        free = free + qty * market.mark
    for qty, market in zip(venue.qty, state.markets, strict=True):
        free = free - m * abs(qty) * market.mark
    free = free + m * (order.qty - opening) * state.markets[order.instrument].mark
    for o in others:
        its_mark, its_rate = state.markets[o.instrument].mark, fee_rate(state.case.instruments[o.instrument])
        free = free - min(o.opening_qty, o.qty - o.filled) * its_mark * (m + its_rate)
    return need > free + 1e-9 * abs(free)


# The match (rules 9, 11, 12, 15)


def _match(state: State, order: Order, ts: int) -> None:
    order.matched_row = state.row_index
    qty = _matchable_qty(state, order, newest_bar(state, order.instrument), ts)
    starved = qty > 0 and _fill(state, order, ts, qty)
    if order.is_filled:
        order.status = OrderStatus.FILLED
    elif starved:
        end_order(state, order, ts, OrderStatus.CANCELED, Reason.INSUFFICIENT_FUNDS)
    elif state.case.time_in_force == TimeInForce.IOC:
        end_order(state, order, ts, OrderStatus.CANCELED, Reason.IMMEDIATE_OR_CANCEL)


def _matchable_qty(state: State, order: Order, bar: Bar, ts: int) -> float:
    """Return what the bar's volume lets through (rule 12)."""
    left = order.qty - order.filled
    if state.case.max_participation == 0:
        return left
    if not bar.volume > 0:
        return 0.0
    ours = state.markets[order.instrument].bar_filled
    share = state.case.max_participation * bar.volume * (1 - fraction(bar, ts)) - ours
    return floor_grid(min(left, share), state.case.instruments[order.instrument].step)


def _fill(state: State, order: Order, ts: int, qty: float) -> bool:
    """Fill what can be paid for; return whether that was less than `qty` (rule 12)."""
    i, side = order.instrument, order.side
    rules, market = state.case.instruments[i], state.markets[i]
    reference = reference_price(state.case, i, newest_bar(state, i), side, ts)
    half = half_spread(state, i, ts, reference)
    impact = market_impact(state, i, side, qty, reference)
    price = _fill_price(state, order, reference + side * (half + impact))
    affordable = qty
    if side > 0 and not state.case.margin_account:
        affordable = (state.venue.cash - rules.min_fee) / (price * (1 + fee_rate(rules)))
    starved = affordable < qty
    if starved:
        qty = floor_grid(affordable, rules.step)
        if qty <= 0:
            return True
        impact = market_impact(state, i, side, qty, reference)
        price = _fill_price(state, order, reference + side * (half + impact))
    if state.case.impact_coefficient > 0:
        market.memory[side].qty = market.memory[side].qty + qty
    fee = fill_fee(rules, order, qty, price)
    apply_fill(state.venue, i, rules.step, side, qty, price, fee)
    order.filled = order.filled + qty
    market.bar_filled = market.bar_filled + qty
    event = _record(state, order, EventKind.FILLED, Reason.NONE, ts, qty)
    event.price, event.reference_price, event.fee = price, reference, fee
    event.spread_cost, event.impact_cost = qty * half, qty * impact
    event.rounding_cost = side * qty * (price - reference) - event.spread_cost - event.impact_cost
    return starved


def _fill_price(state: State, order: Order, price: float) -> float:
    """Return the price rounded against us to the tick, and above 0 (rule 12)."""
    tick = state.case.instruments[order.instrument].tick
    rounded = ceil_grid(price, tick) if order.side > 0 else floor_grid(price, tick)
    return rounded if rounded > 0 else tick.mantissa / tick.scale
