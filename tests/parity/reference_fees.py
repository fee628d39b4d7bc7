"""Fees, their tiers, and what an order sets aside: rules 7 and 15 of docs/execution.md."""

from __future__ import annotations

from keel.domain.orders import OrderType

from .case import Rules
from .reference_state import Order, State

DAYS_OF_VOLUME = 30


def reserved_fee_rate(state: State, instrument: int, side: int) -> float:
    """Return f: the higher of both fees, 0 for a buy whose fee is kept in base units (rule 7)."""
    if side > 0 and state.case.instruments[instrument].fee_in_base:
        return 0.0
    fees = state.markets[instrument].fees
    return max(fees.taker_rate, fees.maker_rate)


def margin_part(state: State) -> float:
    """Return m: the part of a position's value that its margin is (rule 7)."""
    return state.case.initial_margin if state.case.margin_account else 1.0


def trailing_trigger_of(order: Order, best: float) -> float:
    """Return a trailing stop's trigger for the best price so far (rule 10)."""
    distance = order.trail if order.trail != 0 else best * order.trail_rate
    return best - distance if order.side < 0 else best + distance


def basis(state: State, order: Order) -> float:
    """Return what a unit of an order is reckoned at, in the account's currency (rule 7)."""
    market = state.markets[order.instrument]
    if order.limit_price > 0:
        return order.limit_price * market.rate
    if order.trigger_price > 0:
        return order.trigger_price * market.rate
    if order.type == OrderType.TRAILING_STOP and order.best_price is not None:
        trigger = trailing_trigger_of(order, order.best_price)
        return trigger * market.rate if trigger > 0 else market.value
    return market.value


def reserve_per_unit(state: State, order: Order) -> float:
    """Return what one unit of an order's opening part sets aside (rule 7)."""
    slack = 0.0 if order.limit_price > 0 else state.case.reserve_rate
    f = reserved_fee_rate(state, order.instrument, order.side)
    return basis(state, order) * (1 + slack) * (margin_part(state) + f)


def base_fee_qty(state: State, order: Order, qty: float, rate: float) -> float:
    """Return what of a buy is kept as its fee (rule 15)."""
    return qty * rate if order.side > 0 and state.case.instruments[order.instrument].fee_in_base else 0.0


def fill_fee(state: State, order: Order, qty: float, price: float, rate: float) -> float:
    """Return the fee of one fill: what the order owes by now less what it has paid (rule 15)."""
    rules, currency = state.case.instruments[order.instrument], state.markets[order.instrument].rate
    order.rated = order.rated + qty * price * currency * rate
    due = max(order.rated, rules.min_fee)
    if order.side < 0:
        due = due + _regulators_fee(order, rules, qty, price, currency)
    fee = due - order.paid
    order.paid = due
    return fee


def _regulators_fee(order: Order, rules: Rules, qty: float, price: float, currency: float) -> float:
    order.regulated = order.regulated + qty * price * currency * rules.sell_fee_rate
    order.by_unit = order.by_unit + qty * rules.sell_fee_per_unit
    return order.regulated + min(order.by_unit, rules.sell_fee_per_unit_max)


def count_volume(state: State, qty: float, price: float, rate: float) -> None:
    """Add a fill to its day's volume (rule 15)."""
    state.volume_by_day[state.row.day] = state.volume_by_day[state.row.day] + qty * price * rate


def choose_tier(state: State) -> None:
    """Take the last tier that the volume of the 30 days before reaches (rule 15)."""
    day, volume = state.row.day, 0.0
    for past in range(day - DAYS_OF_VOLUME, day):
        volume = volume + state.volume_by_day.get(past, 0.0)
    reached = [tier for tier in state.case.tiers if tier.volume <= volume]
    for market in state.markets:
        market.fees = reached[-1] if reached else market.fees
