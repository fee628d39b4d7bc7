"""Alpaca's answers and events in Keel's words. What cannot be read raises UnreadableError, and is never guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from keel.domain.orders import OrderSide, OrderType
from keel.domain.venue_messages import AccountState, Balance, OrderReport, OrderState, VenueFill, VenueStatus
from keel.venues.wording import exact, plain, reading
from keel.wire.alpaca_times import epoch_ms

NameOf = Callable[[str], str]
"""Gives our symbol for Alpaca's."""
FILLS: Final = ("fill", "partial_fill")
_ACTIVE: Final = "ACTIVE"
_STATUSES: Final = {
    "filled": VenueStatus.FILLED,
    "canceled": VenueStatus.CANCELED,
    "replaced": VenueStatus.CANCELED,
    "expired": VenueStatus.EXPIRED,
    "rejected": VenueStatus.REJECTED,
}
_ALIVE: Final = frozenset(
    {
        "new",
        "accepted",
        "pending_new",
        "accepted_for_bidding",
        "partially_filled",
        "pending_cancel",
        "pending_replace",
        "pending_review",
        "stopped",
        "suspended",
        "calculated",
        "done_for_day",
        "held",
    }
)
"""Statuses from which more may come: an order that is done for the day goes on with the next one."""
_TYPES: Final = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "stop": OrderType.STOP,
    "stop_limit": OrderType.STOP_LIMIT,
    "trailing_stop": OrderType.TRAILING_STOP,
}
_TRIGGERED: Final = (OrderType.STOP, OrderType.TRAILING_STOP, OrderType.STOP_LIMIT)
_QTY_OF_A_SUM: Final = Decimal(0)
"""Quantity of an order for a sum of money, which only others place: it is not known before it is filled."""


def order_state(order: Mapping[str, Any], name_of: NameOf) -> OrderState:
    """Return an order of GET /v2/orders and of a trade update."""
    with reading("Alpaca", "order"):
        filled = exact(order["filled_qty"])
        trailing = order["type"] == "trailing_stop"
        return OrderState(
            symbol=name_of(order["symbol"]),
            client_order_id=str(order["client_order_id"]),
            venue_order_id=str(order["id"]),
            side=_side(order["side"]),
            type=_TYPES.get(order["type"]),
            status=_status(order["status"], filled),
            qty=_QTY_OF_A_SUM if order["qty"] is None else exact(order["qty"]),
            filled_qty=filled,
            limit_price=_price(order.get("limit_price")),
            # of a trailing stop it is where the price has brought it, not what was asked for
            trigger_price=None if trailing else _price(order.get("stop_price")),
            ts_ms=epoch_ms(order.get("updated_at") or order["created_at"]),
        )


def order_report(event: Mapping[str, Any], name_of: NameOf) -> OrderReport:
    """Return what a trade update tells."""
    with reading("Alpaca", "trade update"):
        state = order_state(event["order"], name_of)
        traded = event["event"] in FILLS
        ts_ms = epoch_ms(event.get("timestamp") or event["order"]["updated_at"])
        fill = _traded(event, state, ts_ms) if traded else None
        return OrderReport(state, ts_ms, fill, triggered=traded and state.type in _TRIGGERED)


def venue_fill(activity: Mapping[str, Any], name_of: NameOf, client_order_id: str, quote: str) -> VenueFill:
    """Return a trade of GET /v2/account/activities/FILL, which names its order by Alpaca's number only."""
    with reading("Alpaca", "fill"):
        return VenueFill(
            trade_id=_trade_id(str(activity["order_id"]), exact(activity["cum_qty"])),
            symbol=name_of(activity["symbol"]),
            client_order_id=client_order_id,
            venue_order_id=str(activity["order_id"]),
            side=_side(activity["side"]),
            qty=exact(activity["qty"]),
            price=exact(activity["price"]),
            fee=Decimal(0),
            fee_currency=quote,
            maker=False,
            ts_ms=epoch_ms(activity["transaction_time"]),
        )


def account_state(
    account: Mapping[str, Any], positions: Sequence[Mapping[str, Any]], name_of: NameOf, now_ms: int
) -> AccountState:
    """Return the balances of GET /v2/account and /v2/positions: cash, and each asset by its symbol, shorts below 0.

    Cash is locked as far as open orders have taken it from what may be spent without borrowing.
    """
    with reading("Alpaca", "account"):
        balances = {str(account["currency"]): _cash(account)}
        for position in positions:
            name = name_of(position["symbol"])
            qty = exact(position["qty"])
            free = exact(position.get("qty_available", position["qty"]))
            balances[name.partition("/")[0]] = Balance(free, qty - free)
        return AccountState(balances, may_trade(account), now_ms)


def may_trade(account: Mapping[str, Any]) -> bool:
    """Say whether orders of an account are taken."""
    blocked = (account[name] for name in ("trading_blocked", "account_blocked", "trade_suspended_by_user"))
    return account["status"] == _ACTIVE and not any(_flag(each) for each in blocked)


def quote_of(symbol: str) -> str:
    """Return the currency of a symbol's price: a pair names it, stocks are in dollars."""
    return symbol.partition("/")[2] or "USD"


def _cash(account: Mapping[str, Any]) -> Balance:
    total = exact(account["cash"])
    spendable = account.get("non_marginable_buying_power")
    free = total if spendable is None else min(total, max(exact(spendable), Decimal(0)))
    return Balance(free, total - free)


def _traded(event: Mapping[str, Any], state: OrderState, ts_ms: int) -> VenueFill:
    return VenueFill(
        trade_id=_trade_id(state.venue_order_id, state.filled_qty),
        symbol=state.symbol,
        client_order_id=state.client_order_id,
        venue_order_id=state.venue_order_id,
        side=state.side,
        qty=exact(event["qty"]),
        price=exact(event["price"]),
        fee=Decimal(0),
        fee_currency=quote_of(state.symbol),
        maker=False,
        ts_ms=ts_ms,
    )


def _trade_id(venue_order_id: str, cumulative: Decimal) -> str:
    """Return what a trade is known by. The stream and the activities give it different ids; what was filled of its
    order with it is the same in both, and grows with each trade.
    """
    return f"{venue_order_id}:{plain(cumulative)}"


def _status(text: str, filled: Decimal) -> VenueStatus:
    if text in _ALIVE:
        return VenueStatus.PARTIAL if filled > 0 else VenueStatus.WORKING
    return _STATUSES[text]


def _side(text: str) -> OrderSide:
    if text not in ("buy", "sell", "sell_short"):
        raise ValueError(f"{text!r} is no side")
    return OrderSide.BUY if text == "buy" else OrderSide.SELL


def _price(text: object) -> Decimal | None:
    return None if text is None else exact(text) or None


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value
