"""Binance's answers and events in Keel's words. What cannot be read raises UnreadableError, and is never guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from keel.domain.orders import OrderSide, OrderType
from keel.domain.venue_messages import AccountState, Balance, OrderReport, OrderState, VenueFill, VenueStatus
from keel.venues.wording import exact, reading

NameOf = Callable[[str], str]
"""Gives our symbol for Binance's."""
_STATUSES: Final = {
    "NEW": VenueStatus.WORKING,
    "PENDING_NEW": VenueStatus.WORKING,
    "PARTIALLY_FILLED": VenueStatus.PARTIAL,
    "PENDING_CANCEL": VenueStatus.WORKING,
    "FILLED": VenueStatus.FILLED,
    "CANCELED": VenueStatus.CANCELED,
    "REJECTED": VenueStatus.REJECTED,
    "EXPIRED": VenueStatus.EXPIRED,
    "EXPIRED_IN_MATCH": VenueStatus.EXPIRED,
}
_TYPES: Final = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "STOP_LOSS": OrderType.STOP,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT,
}
_CONTINGENT: Final = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


def order_state(order: Mapping[str, Any], name_of: NameOf) -> OrderState:
    """Return an order of GET /api/v3/order, openOrders or allOrders."""
    with reading("Binance", "order"):
        return OrderState(
            symbol=name_of(order["symbol"]),
            client_order_id=str(order["clientOrderId"]),
            venue_order_id=str(order["orderId"]),
            side=OrderSide[order["side"]],
            type=_type(order["type"], order.get("trailingDelta")),
            status=_STATUSES[order["status"]],
            qty=exact(order["origQty"]),
            filled_qty=exact(order["executedQty"]),
            limit_price=_price(order["price"]),
            trigger_price=_price(order.get("stopPrice", "0")),
            ts_ms=int(order.get("updateTime") or order["time"]),
        )


def order_report(event: Mapping[str, Any], name_of: NameOf) -> OrderReport:
    """Return what an executionReport tells. Of a cancel, `c` is the cancel's own name and `C` the order's."""
    with reading("Binance", "executionReport"):
        state = OrderState(
            symbol=name_of(event["s"]),
            client_order_id=str(event.get("C") or event["c"]),
            venue_order_id=str(event["i"]),
            side=OrderSide[event["S"]],
            type=_type(event["o"], event.get("d")),
            status=_STATUSES[event["X"]],
            qty=exact(event["q"]),
            filled_qty=exact(event["z"]),
            limit_price=_price(event["p"]),
            trigger_price=_price(event["P"]),
            ts_ms=int(event["T"]),
            reason="" if event.get("r") in (None, "NONE") else str(event["r"]),
        )
        traded = event["x"] == "TRADE"
        triggered = event["o"] in _CONTINGENT and (traded or event.get("w") is True)
        return OrderReport(state, int(event["E"]), _traded(event, state) if traded else None, triggered)


def account_event(event: Mapping[str, Any], *, can_trade: bool) -> AccountState:
    """Return the balances that an outboundAccountPosition names; whether the account trades it does not say."""
    with reading("Binance", "outboundAccountPosition"):
        balances = {str(each["a"]): Balance(exact(each["f"]), exact(each["l"])) for each in event["B"]}
        return AccountState(balances, can_trade, int(event["u"]))


def account_state(account: Mapping[str, Any], now_ms: int) -> AccountState:
    """Return the balances of GET /api/v3/account."""
    with reading("Binance", "account"):
        balances = {
            str(each["asset"]): Balance(exact(each["free"]), exact(each["locked"])) for each in account["balances"]
        }
        can_trade = account["canTrade"]
        if not isinstance(can_trade, bool):
            raise TypeError(f"canTrade is {can_trade!r}")
        return AccountState(balances, can_trade, int(account.get("updateTime") or now_ms))


def venue_fill(trade: Mapping[str, Any], name_of: NameOf, client_order_id: str) -> VenueFill:
    """Return a trade of GET /api/v3/myTrades, which names its order by Binance's number only."""
    with reading("Binance", "trade"):
        return VenueFill(
            trade_id=str(trade["id"]),
            symbol=name_of(trade["symbol"]),
            client_order_id=client_order_id,
            venue_order_id=str(trade["orderId"]),
            side=OrderSide.BUY if _flag(trade["isBuyer"]) else OrderSide.SELL,
            qty=exact(trade["qty"]),
            price=exact(trade["price"]),
            fee=exact(trade["commission"]),
            fee_currency=str(trade["commissionAsset"]),
            maker=_flag(trade["isMaker"]),
            ts_ms=int(trade["time"]),
        )


def _traded(event: Mapping[str, Any], state: OrderState) -> VenueFill:
    return VenueFill(
        trade_id=str(int(event["t"])),
        symbol=state.symbol,
        client_order_id=state.client_order_id,
        venue_order_id=state.venue_order_id,
        side=state.side,
        qty=exact(event["l"]),
        price=exact(event["L"]),
        fee=exact(event["n"] or "0"),
        fee_currency=str(event["N"] or ""),
        maker=_flag(event["m"]),
        ts_ms=int(event["T"]),
    )


def _type(text: str, trailing: object) -> OrderType | None:
    follows = text == "STOP_LOSS" and trailing not in (None, 0, "0", -1)
    return OrderType.TRAILING_STOP if follows else _TYPES.get(text)


def _price(text: object) -> Decimal | None:
    return exact(text) or None


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value
