"""Keel's orders in Binance's words: types, lifetimes, decimals."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from keel.domain.orders import OrderSide, OrderType, TimeInForce
from keel.domain.venue_messages import OrderTicket
from keel.venues.wording import NotHeldError, plain
from keel.wire.binance_rules import BinanceRules

_BIPS: Final = Decimal(10_000)
_GTC, _IOC, _FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK
_HELD: Final[dict[OrderType, tuple[TimeInForce, ...]]] = {
    OrderType.MARKET: (_GTC, _IOC),
    OrderType.LIMIT: (_GTC, _IOC, _FOK),
    OrderType.STOP: (_GTC,),
    OrderType.STOP_LIMIT: (_GTC, _IOC, _FOK),
    OrderType.TAKE_PROFIT: (_GTC,),
    OrderType.TRAILING_STOP: (_GTC,),
}
"""Lifetimes that Binance keeps of each type. An order at market takes none: what the book lacks expires at once."""
_TYPES: Final = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
    OrderType.TAKE_PROFIT: "TAKE_PROFIT",
    OrderType.TRAILING_STOP: "STOP_LOSS",
}
_LIMITED: Final = (OrderType.LIMIT, OrderType.STOP_LIMIT)
_TRIGGERED: Final = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT)


def held(kind: OrderType, time_in_force: TimeInForce) -> bool:
    """Say whether Binance keeps such an order."""
    return time_in_force in _HELD[kind]


def order_parameters(ticket: OrderTicket, rules: BinanceRules) -> dict[str, str]:
    """Return the parameters of POST /api/v3/order. Raises NotHeldError for an order that Binance does not keep.

    Source: the new order page of Binance's spot documentation, and its page on trailing stops: these carry
    `trailingDelta` alone, so they follow the price from the next trade on.
    """
    if not held(ticket.type, ticket.time_in_force):
        raise NotHeldError(f"Binance keeps no {ticket.type.name} {ticket.time_in_force.name} orders")
    parameters = {
        "symbol": rules.wire_symbol,
        "side": ticket.side.name,
        "type": _TYPES[ticket.type],
        "quantity": plain(ticket.qty),
        "newClientOrderId": ticket.client_order_id,
        "newOrderRespType": "ACK",
    }
    if ticket.type in _LIMITED:
        parameters |= {"price": _needed(ticket.limit_price, "limit price"), "timeInForce": ticket.time_in_force.name}
    if ticket.type in _TRIGGERED:
        parameters["stopPrice"] = _needed(ticket.trigger_price, "trigger price")
    if ticket.type is OrderType.TRAILING_STOP:
        parameters["trailingDelta"] = str(trailing_bips(ticket, rules))
    return parameters


def pair_parameters(stop: OrderTicket, target: OrderTicket, rules: BinanceRules) -> dict[str, str]:
    """Return the parameters of POST /api/v3/orderList/oco: a stop and a limit order for the same coins.

    Raises NotHeldError for two that Binance does not take as a pair. Source: the order lists page of its spot
    documentation; of a pair that sells the stop is the lower one, of one that buys the upper.
    """
    fits = stop.type in (OrderType.STOP, OrderType.TRAILING_STOP) and target.type is OrderType.LIMIT
    if not fits or (stop.symbol, stop.side, stop.qty) != (target.symbol, target.side, target.qty):
        raise NotHeldError("Binance keeps a stop and a limit order of one symbol, side and quantity as a pair")
    at_stop, at_target = ("below", "above") if stop.side is OrderSide.SELL else ("above", "below")
    parameters = {
        "symbol": rules.wire_symbol,
        "side": stop.side.name,
        "quantity": plain(stop.qty),
        "newOrderRespType": "ACK",
        f"{at_stop}Type": "STOP_LOSS",
        f"{at_stop}ClientOrderId": stop.client_order_id,
        f"{at_target}Type": "LIMIT_MAKER",
        f"{at_target}ClientOrderId": target.client_order_id,
        f"{at_target}Price": _needed(target.limit_price, "limit price"),
    }
    if stop.type is OrderType.TRAILING_STOP:
        parameters[f"{at_stop}TrailingDelta"] = str(trailing_bips(stop, rules))
    else:
        parameters[f"{at_stop}StopPrice"] = _needed(stop.trigger_price, "trigger price")
    return parameters


def trailing_bips(ticket: OrderTicket, rules: BinanceRules) -> int:
    """Return a trailing stop's distance in bips, rounded. Raises NotHeldError where the symbol's filter forbids it."""
    if ticket.trail_rate is None:
        raise NotHeldError("Binance keeps a trailing distance as a rate only, not in currency")
    bips = int((ticket.trail_rate * _BIPS).to_integral_value(ROUND_HALF_EVEN))
    least, most = rules.trailing_above_bips if ticket.side is OrderSide.BUY else rules.trailing_below_bips
    if not least <= bips <= most:
        raise NotHeldError(f"{rules.symbol}: a trailing distance of {bips} bips is outside Binance's {least} to {most}")
    return bips


def _needed(value: Decimal | None, what: str) -> str:
    if value is None:
        raise NotHeldError(f"the order has no {what}")
    return plain(value)
