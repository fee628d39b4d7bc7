"""The match: how much, at what price, at what cost (rules 11, 12 and 15 of docs/execution.md)."""

from __future__ import annotations

from dataclasses import dataclass

from keel.domain.orders import EventKind, OrderStatus, Reason, TimeInForce

from .case import Bar
from .reference_books import apply_fill, fill_cash, fill_price, floor_grid
from .reference_costs import half_spread, market_impact, newest_bar
from .reference_fees import base_fee_qty, count_volume, fill_fee, reserved_fee_rate
from .reference_links import end_order, record, reducible, settle_links
from .reference_prices import fraction
from .reference_state import Order, State


@dataclass
class Price:
    """Hold a fill's price and what made it (rules 11, 12)."""

    reference: float
    half: float
    impact: float
    price: float


def match(state: State, order: Order, ts: int, reference: float, *, resting: bool = False) -> None:
    """Match an order once, then end what of it may not stay (rule 12)."""
    qty = _offered_qty(state, order, newest_bar(state, order.instrument), ts)
    starved = killed = _falls_short(order, qty)
    if not killed and qty > 0:
        affordable = _affordable_qty(state, order, qty, _price(state, order, ts, qty, reference, resting))
        starved = affordable < qty
        killed = starved and _falls_short(order, affordable)
        if not killed and affordable > 0:
            _fill(state, order, ts, affordable, _price(state, order, ts, affordable, reference, resting), resting)
    if not order.is_open:
        return
    if killed:
        end_order(state, order, ts, OrderStatus.CANCELED, Reason.FILL_OR_KILL)
    elif starved:
        end_order(state, order, ts, OrderStatus.CANCELED, Reason.INSUFFICIENT_FUNDS)
    elif order.time_in_force == TimeInForce.IOC:
        end_order(state, order, ts, OrderStatus.CANCELED, Reason.IMMEDIATE_OR_CANCEL)


def _falls_short(order: Order, qty: float) -> bool:
    """Say whether a fill-or-kill order is killed by what is there for it (rules 3, 12)."""
    return order.time_in_force == TimeInForce.FOK and qty < (order.qty - order.filled) * (1 - 1e-12)


def _offered_qty(state: State, order: Order, bar: Bar, ts: int) -> float:
    """Return what the position and the bar's volume let through (rule 12)."""
    case, rules = state.case, state.case.instruments[order.instrument]
    left = order.qty - order.filled
    if order.covers:
        left = reducible(state, order)
    elif order.reduce_only or (order.side < 0 and not (case.margin_account and rules.shortable)):
        left = min(left, reducible(state, order))
    if case.max_participation == 0:
        return left
    if not bar.volume > 0:
        return 0.0
    ours = state.markets[order.instrument].bar_filled
    part = 1 if order.for_auction else 1 - fraction(bar, ts)
    share = case.max_participation * bar.volume * part - ours
    return floor_grid(min(left, share), rules.step)


def _price(state: State, order: Order, ts: int, qty: float, reference: float, resting: bool) -> Price:
    """Return the price for a quantity (rules 10, 11, 12)."""
    limit, side, i = order.limit_price, order.side, order.instrument
    if resting:
        return Price(limit, 0.0, 0.0, limit)
    half = 0.0 if order.for_auction else half_spread(state, i, ts, reference)
    impact = market_impact(state, i, side, qty, reference)
    price = fill_price(reference + side * (half + impact), side, state.case.instruments[i].tick)
    if order.has_limit:
        price = min(price, limit) if side > 0 else max(price, limit)
    return Price(reference, half, impact, price)


def _affordable_qty(state: State, order: Order, qty: float, at: Price) -> float:
    """Return what of a quantity a cash account can pay for (rule 12)."""
    if order.side < 0 or state.case.margin_account:
        return qty
    i, rules = order.instrument, state.case.instruments[order.instrument]
    f = reserved_fee_rate(state, i, order.side)
    affordable = (state.venue.cash - rules.min_fee) / (at.price * state.markets[i].rate * (1 + f))
    return floor_grid(affordable, rules.step) if affordable < qty else qty


def _fill(state: State, order: Order, ts: int, qty: float, at: Price, resting: bool) -> None:
    i, side = order.instrument, order.side
    rules, market = state.case.instruments[i], state.markets[i]
    if state.case.impact_coefficient > 0 and not resting:
        market.memory[side].qty = market.memory[side].qty + qty
    order.filled = order.filled + qty
    market.bar_filled = market.bar_filled + qty
    market.last_match_ts_ms = ts
    count_volume(state, qty, at.price, market.rate)
    fee_rate = market.fees.maker_rate if resting else market.fees.taker_rate
    fee_qty = base_fee_qty(state, order, qty, fee_rate)
    in_base = side > 0 and rules.fee_in_base
    fee = fee_qty * at.price * market.rate if in_base else fill_fee(state, order, qty, at.price, fee_rate)
    if order.is_filled:
        order.status = OrderStatus.FILLED
    event = record(state, order, EventKind.FILLED, Reason.NONE, ts, qty)
    event.maker, event.final = resting, order.is_filled
    event.price, event.reference_price, event.rate = at.price, at.reference, market.rate
    event.fee, event.fee_qty = fee, fee_qty
    event.spread_cost, event.impact_cost = qty * at.half * market.rate, qty * at.impact * market.rate
    slippage = side * qty * (at.price - at.reference) * market.rate
    event.rounding_cost = slippage - event.spread_cost - event.impact_cost
    event.cash = fill_cash(event)
    held = state.venue.qty[i]
    apply_fill(state.venue, rules, event)
    state.net = state.net + (state.venue.qty[i] - held) * market.value
    state.gross = state.gross + (abs(state.venue.qty[i]) - abs(held)) * market.value
    settle_links(state, order, qty, ts)
