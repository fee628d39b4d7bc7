"""Endpoints that tell an account: balances, orders, trades, permissions.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints
"""

from __future__ import annotations

from typing import Any, Final

from keel.domain.timeframe import MS_PER_DAY
from keel.practice.account import Account
from keel.practice.amounts import text
from keel.practice.asked import Asked
from keel.practice.endpoints import Call, Endpoint
from keel.practice.orders import Order
from keel.practice.refusals import NAME_RANGE, SYMBOL_RANGE, Refusal, missing, no_such_order

_BPS: Final = 10_000.0


async def account(call: Call) -> dict[str, Any]:
    """Tell balances and what the account may do."""
    owner = call.owner
    maker, taker = _fees(call, owner)
    return {
        "makerCommission": round(maker * _BPS),
        "takerCommission": round(taker * _BPS),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": text(maker), "taker": text(taker), "buyer": text(0.0), "seller": text(0.0)},
        "canTrade": owner.can_trade and owner.terms.trade,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": owner.updated_ms,
        "accountType": "SPOT",
        "balances": owner.ledger.as_json(zeros=call.asked.optional("omitZeroBalances") != "true"),
        "permissions": ["SPOT"],
        "uid": 354_937_868,
    }


async def commission(call: Call) -> dict[str, Any]:
    """Tell the fees of a symbol."""
    i = call.state.find(call.asked.text("symbol", SYMBOL_RANGE))
    maker, taker = _fees(call, call.owner)
    nothing = dict.fromkeys(("maker", "taker", "buyer", "seller"), text(0.0))
    return {
        "symbol": call.state.market.names[i],
        "standardCommission": nothing | {"maker": text(maker), "taker": text(taker)},
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": text(0.0),
        },
    }


def _fees(call: Call, owner: Account) -> tuple[float, float]:
    fees = owner.terms.fees or call.state.config.fees
    first = fees.tiers[0] if fees.tiers else fees
    return first.maker_bps / _BPS * (1 - fees.discount), first.taker_bps / _BPS * (1 - fees.discount)


async def restrictions(call: Call) -> dict[str, Any]:
    """Tell what the key may do."""
    terms = call.owner.terms
    return {
        "ipRestrict": False,
        "createTime": 1_698_645_219_000,
        "enableReading": True,
        "enableWithdrawals": terms.withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": terms.trade,
        "enablePortfolioMarginTrading": False,
    }


async def order(call: Call) -> dict[str, Any]:
    """Tell one order, open or not."""
    found = find_order(call)
    if found is None or call.state.hides(found.client_id):
        raise no_such_order()
    return found.as_state


def find_order(call: Call) -> Order | None:
    """Return the order that a request names by number or name."""
    symbol = call.asked.text("symbol", SYMBOL_RANGE)
    call.state.find(symbol)
    number, name = call.asked.whole("orderId"), call.asked.optional("origClientOrderId", NAME_RANGE)
    if number is None and name is None:
        raise Refusal(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    return call.owner.find(symbol, number, name)


async def open_orders(call: Call) -> list[Any]:
    """Tell open orders of a symbol, or of all."""
    symbol = call.asked.optional("symbol", SYMBOL_RANGE)
    if symbol is not None:
        call.state.find(symbol)
    return [one.as_state for one in call.owner.open_orders(symbol)]


async def all_orders(call: Call) -> list[Any]:
    """Tell orders of a symbol, whatever became of them."""
    symbol, first = _symbol(call), call.asked.whole("orderId")
    since, until = _span(call)
    orders = [
        one
        for one in call.owner.orders.values()
        if one.symbol == symbol and since <= one.time_ms <= until and (first is None or one.order_id >= first)
    ]
    return [
        one.as_state for one in _some(call, orders, from_the_start=first is not None or call.asked.has("startTime"))
    ]


async def trades(call: Call) -> list[Any]:
    """Tell trades of a symbol."""
    symbol, first, number = _symbol(call), call.asked.whole("fromId"), call.asked.whole("orderId")
    if first is not None and (call.asked.has("startTime") or call.asked.has("endTime")):
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    since, until = _span(call)
    found = [
        one
        for one in call.owner.trades
        if one.symbol == symbol
        and since <= one.time_ms <= until
        and (first is None or one.trade_id >= first)
        and number in (None, one.order_id)
    ]
    return [one.as_json for one in _some(call, found, from_the_start=first is not None or call.asked.has("startTime"))]


def _symbol(call: Call) -> str:
    symbol = call.asked.text("symbol", SYMBOL_RANGE)
    call.state.find(symbol)
    return symbol


def _span(call: Call) -> tuple[int, int]:
    since, until = call.asked.whole("startTime"), call.asked.whole("endTime")
    if since is not None and until is not None and until - since > MS_PER_DAY:
        raise Refusal(-1127, "More than 24 hours between startTime and endTime.")
    return since or 0, 2**62 if until is None else until


def _some(call: Call, found: list[Any], *, from_the_start: bool) -> list[Any]:
    limit = call.asked.limit()
    return found[:limit] if from_the_start else found[-limit:]


async def order_counts(call: Call) -> list[Any]:
    """Tell how many orders were placed, by window."""
    return call.owner.limits.as_json


async def order_list(call: Call) -> dict[str, Any]:
    """Tell one pair."""
    number, name = call.asked.whole("orderListId"), call.asked.optional("origClientOrderId", NAME_RANGE)
    if number is None and name is None:
        raise missing("orderListId")
    for one in call.owner.lists.values():
        if number in (None, one.list_id) and name in (None, one.name):
            return one.as_json
    raise Refusal(-2018, "Order list does not exist.")


async def open_lists(call: Call) -> list[Any]:
    """Tell open pairs."""
    return [one.as_json for one in call.owner.lists.values() if one.is_open]


def _open_weight(asked: Asked) -> int:
    return 6 if asked.has("symbol") else 80


def _trades_weight(asked: Asked) -> int:
    return 5 if asked.has("orderId") else 20


_ONE: Final = frozenset({"symbol", "orderId", "origClientOrderId"})
_MANY: Final = frozenset({"symbol", "orderId", "startTime", "endTime", "limit"})
ACCOUNT: Final = {
    "GET /api/v3/account": Endpoint(account, frozenset({"omitZeroBalances"}), weight=20, signed=True),
    "GET /api/v3/account/commission": Endpoint(commission, frozenset({"symbol"}), weight=20, signed=True),
    "GET /sapi/v1/account/apiRestrictions": Endpoint(restrictions, signed=True),
    "GET /api/v3/order": Endpoint(order, _ONE, weight=4, signed=True),
    "GET /api/v3/openOrders": Endpoint(open_orders, frozenset({"symbol"}), weight=_open_weight, signed=True),
    "GET /api/v3/allOrders": Endpoint(all_orders, _MANY, weight=20, signed=True),
    "GET /api/v3/myTrades": Endpoint(trades, _MANY | {"fromId"}, weight=_trades_weight, signed=True),
    "GET /api/v3/rateLimit/order": Endpoint(order_counts, weight=40, signed=True),
    "GET /api/v3/orderList": Endpoint(
        order_list, frozenset({"orderListId", "origClientOrderId"}), weight=4, signed=True
    ),
    "GET /api/v3/openOrderList": Endpoint(open_lists, weight=6, signed=True),
}
