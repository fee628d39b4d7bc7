"""Keel's orders in Alpaca's words: types, lifetimes, decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from keel.domain.orders import AUCTIONS, OrderSide, OrderType, TimeInForce
from keel.domain.venue_messages import OrderTicket
from keel.venues.wording import NotHeldError, plain
from keel.wire.alpaca_assets import AlpacaAsset

_GTC, _IOC, _FOK, _DAY = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.DAY
_STOCKS: Final[dict[OrderType, tuple[TimeInForce, ...]]] = {
    OrderType.MARKET: (_GTC, _DAY, _IOC, _FOK, *AUCTIONS),
    OrderType.LIMIT: (_GTC, _DAY, _IOC, _FOK, *AUCTIONS),
    OrderType.STOP: (_GTC, _DAY),
    OrderType.STOP_LIMIT: (_GTC, _DAY),
    OrderType.TRAILING_STOP: (_GTC, _DAY),
}
_CRYPTO: Final[dict[OrderType, tuple[TimeInForce, ...]]] = {
    OrderType.MARKET: (_GTC, _IOC),
    OrderType.LIMIT: (_GTC, _IOC),
    OrderType.STOP_LIMIT: (_GTC,),
}
"""Lifetimes that Alpaca keeps of each type. Source: its pages on placing orders and on crypto orders."""
_TYPES: Final = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP: "stop",
    OrderType.STOP_LIMIT: "stop_limit",
    OrderType.TRAILING_STOP: "trailing_stop",
}
_LIFETIMES: Final = {TimeInForce.AT_OPEN: "opg", TimeInForce.AT_CLOSE: "cls"}
"""Those that Alpaca calls by another name than ours."""
_PERCENT: Final = Decimal(100)


def held(asset: AlpacaAsset, kind: OrderType, time_in_force: TimeInForce) -> bool:
    """Say whether Alpaca keeps such an order of an asset."""
    return time_in_force in (_CRYPTO if asset.is_crypto else _STOCKS).get(kind, ())


def order_body(ticket: OrderTicket, asset: AlpacaAsset) -> dict[str, str | bool]:
    """Return the body of POST /v2/orders. Raises NotHeldError for an order that Alpaca does not keep.

    Quantities and prices are texts: the SDK's own request would make floats of them.
    """
    if not held(asset, ticket.type, ticket.time_in_force):
        kind = f"{ticket.type.name} {ticket.time_in_force.name}"
        raise NotHeldError(f"Alpaca keeps no {kind} orders of {'crypto' if asset.is_crypto else 'stocks'}")
    body: dict[str, str | bool] = {
        "symbol": asset.symbol,
        "side": "buy" if ticket.side is OrderSide.BUY else "sell",
        "type": _TYPES[ticket.type],
        "time_in_force": _lifetime(ticket, asset),
        "qty": plain(ticket.qty),
        "client_order_id": ticket.client_order_id,
    }
    if ticket.extended_hours:
        body["extended_hours"] = _for_extended_hours(ticket, asset)
    if ticket.type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        body["limit_price"] = _needed(ticket.limit_price, "limit price")
    if ticket.type in (OrderType.STOP, OrderType.STOP_LIMIT):
        body["stop_price"] = _needed(ticket.trigger_price, "trigger price")
    if ticket.type is OrderType.TRAILING_STOP:
        body |= _trail(ticket)
    return body


def _lifetime(ticket: OrderTicket, asset: AlpacaAsset) -> str:
    """Return an order's lifetime; one of a part of a share lives a day at most (its page on fractional trading)."""
    name = _LIFETIMES.get(ticket.time_in_force, ticket.time_in_force.name.lower())
    if asset.is_crypto or ticket.qty == ticket.qty.to_integral_value() or ticket.time_in_force is _DAY:
        return name
    if ticket.time_in_force is _GTC and ticket.type is not OrderType.TRAILING_STOP:
        return "day"  # at market it is filled at once, or at the next open; the others are placed anew each day
    raise NotHeldError(f"{asset.symbol}: Alpaca keeps orders of a part of a share for a day only, not {name}")


def ends_daily(ticket: OrderTicket, asset: AlpacaAsset) -> bool:
    """Say whether Alpaca keeps an order to the day's end only, though it is to live on: one of a part of a share."""
    is_part = not asset.is_crypto and ticket.qty != ticket.qty.to_integral_value()
    return is_part and ticket.time_in_force is _GTC and ticket.type is not OrderType.MARKET


def _for_extended_hours(ticket: OrderTicket, asset: AlpacaAsset) -> bool:
    if asset.is_crypto or (ticket.type, ticket.time_in_force) != (OrderType.LIMIT, _DAY):
        kind = f"{ticket.type.name} {ticket.time_in_force.name}"
        raise NotHeldError(f"{asset.symbol}: Alpaca takes limit orders of the day in extended hours only, not {kind}")
    return True


def _trail(ticket: OrderTicket) -> dict[str, str]:
    if ticket.trail_rate is not None:
        return {"trail_percent": plain(ticket.trail_rate * _PERCENT)}
    return {"trail_price": _needed(ticket.trail, "trailing distance")}


def _needed(value: Decimal | None, what: str) -> str:
    if value is None:
        raise NotHeldError(f"the order has no {what}")
    return plain(value)
