"""What happens to holders: borrow, interest, splits, dividends, funding (rule 25 of docs/execution.md)."""

from __future__ import annotations

from keel.domain.orders import ActionKind, EventKind, OrderStatus, Reason

from .case import Bar
from .reference_books import floor_grid, limit_on_grid, split_position, split_qty, trigger_on_grid
from .reference_links import end_held_legs, end_what_reduces_nothing, record_told_at
from .reference_prices import fraction, path_price
from .reference_state import Event, Order, State

NO_INSTRUMENT = -1
NO_ORDER = -1
DAYS_A_YEAR = 365


def tell_account(state: State, kind: EventKind, instrument: int, ts: int, **figures: float) -> Event:
    """Put an event without an order on the tape; its response time is its own."""
    event = Event(kind, Reason.NONE, 1, instrument, NO_ORDER, state.row_index, ts, ts, **{"qty": 0.0, **figures})
    event.rate = 1.0 if instrument == NO_INSTRUMENT else state.markets[instrument].rate
    state.events.append(event)
    return event


def charge_for_days(state: State) -> None:
    """Take borrow for short positions, then interest on borrowed cash, at the first row of a day."""
    before, venue = state.row_before, state.venue
    assert before is not None
    days, ts = state.row.day - before.day, before.close_ts_ms
    for i, (market, rules) in enumerate(zip(state.markets, state.case.instruments, strict=True)):
        q = venue.qty[i]
        if q < 0 and rules.borrow_rate > 0:
            cost = abs(q) * market.value * rules.borrow_rate / DAYS_A_YEAR * days
            venue.cash = venue.cash - cost
            tell_account(state, EventKind.BORROW, i, ts, qty=q, price=market.mark, cash=-cost)
    if venue.cash < 0 and state.case.interest_rate > 0:
        cost = -venue.cash * state.case.interest_rate / DAYS_A_YEAR * days
        venue.cash = venue.cash - cost
        tell_account(state, EventKind.INTEREST, NO_INSTRUMENT, ts, cash=-cost)


# Splits and dividends


def apply_corporate_actions(state: State, instrument: int, bar: Bar) -> None:
    """Apply the splits and dividends that are due at a bar's opening."""
    market = state.markets[instrument]
    while market.corporate and market.corporate[0].ts_ms <= bar.open_ts_ms:
        action = market.corporate.pop(0)
        if action.kind == ActionKind.SPLIT:
            _split(state, instrument, bar, action.value)
        else:
            _pay_dividend(state, instrument, bar, action.value)


def _pay_dividend(state: State, i: int, bar: Bar, value: float) -> None:
    q = state.venue.qty[i]
    if q != 0:
        cash = q * value * state.markets[i].rate
        state.venue.cash = state.venue.cash + cash
        tell_account(state, EventKind.DIVIDEND, i, bar.open_ts_ms, qty=q, price=value, cash=cash)


def _split(state: State, i: int, bar: Bar, ratio: float) -> None:
    venue, market, rules = state.venue, state.markets[i], state.case.instruments[i]
    for event in state.events:
        if event.instrument == i and not event.delivered:
            event.response_ts_ms = min(event.response_ts_ms, bar.open_ts_ms)
    q0 = venue.qty[i]
    q1 = split_qty(q0, ratio, rules)
    in_lieu = (q0 * ratio - q1) * bar.open * market.rate
    venue.cash = venue.cash + in_lieu
    split_position(venue, i, ratio, rules)
    market.mark = market.mark / ratio
    market.average_true_range = market.average_true_range / ratio
    market.value = market.mark * market.rate
    for memory in market.memory.values():
        memory.qty, memory.volume = memory.qty * ratio, memory.volume * ratio
    market.target_qty = market.target_qty * ratio
    ts = bar.open_ts_ms
    tell_account(state, EventKind.SPLIT, i, ts, qty=q1, price=bar.open, reference_price=ratio, cash=in_lieu)
    for order in state.orders:
        if order.instrument == i and order.is_open:
            _split_order(state, order, ratio, ts)
    end_what_reduces_nothing(state, i, ts)


def _split_order(state: State, order: Order, ratio: float, ts: int) -> None:
    rules = state.case.instruments[order.instrument]
    left = floor_grid((order.qty - order.filled) * ratio, rules.step)
    order.filled, order.opening_qty = order.filled * ratio, order.opening_qty * ratio
    order.qty = order.filled + left
    order.limit_price = limit_on_grid(order.limit_price / ratio, order.side, rules.tick)
    order.trigger_price = trigger_on_grid(order.trigger_price / ratio, order.side, rules.tick)
    order.trail = order.trail / ratio
    order.best_price = None if order.best_price is None else order.best_price / ratio
    order.reserve_per_unit = order.reserve_per_unit / ratio
    if order.amend is not None:
        order.amend.qty = floor_grid(order.amend.qty * ratio, rules.step)
        order.amend.limit_price = limit_on_grid(order.amend.limit_price / ratio, order.side, rules.tick)
        order.amend.trigger_price = trigger_on_grid(order.amend.trigger_price / ratio, order.side, rules.tick)
    order.last_response_ts_ms = ts
    if left <= 0:
        order.status = OrderStatus.CANCELED
        record_told_at(state, order, EventKind.CANCELED, Reason.MIN_QTY, ts, 0.0, ts)
        end_held_legs(state, order, ts)
    else:
        event = record_told_at(state, order, EventKind.AMENDED, Reason.NONE, ts, order.qty, ts)
        event.price, event.reference_price = order.limit_price, order.trigger_price


# Funding


def next_funding_ts(state: State, instrument: int) -> int | None:
    """Return when the instrument's next funding is due."""
    funding = state.markets[instrument].funding
    return funding[0].ts_ms if funding else None


def pay_funding(state: State, i: int) -> None:
    """Pay or receive funding on the position at its moment."""
    market, bar, q = state.markets[i], state.bar_now(i), state.venue.qty[i]
    action = market.funding.pop(0)
    if q == 0:
        return
    price = market.mark
    if bar is not None and bar.open_ts_ms <= action.ts_ms:
        price = path_price(bar, fraction(bar, action.ts_ms))
    cost = q * price * market.rate * action.value
    state.venue.cash = state.venue.cash - cost
    tell_account(state, EventKind.FUNDING, i, action.ts_ms, qty=q, price=price, cash=-cost)


def hear_of(state: State, event: Event) -> None:
    """Change the local book, and what we know of its orders, by an account event that is delivered."""
    local = state.local
    local.cash = local.cash + event.cash
    if event.kind == EventKind.SPLIT:
        ratio = event.reference_price
        split_position(local, event.instrument, ratio, state.case.instruments[event.instrument])
        for order in state.orders:
            if order.instrument == event.instrument:
                order.local_filled = order.local_filled * ratio
