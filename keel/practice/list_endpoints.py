"""Endpoints of one-cancels-other pairs.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints (New Order list - OCO)
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from keel.practice.account import OrderList
from keel.practice.asked import Asked
from keel.practice.endpoints import Call, Endpoint
from keel.practice.order_endpoints import (
    answer,
    cancel_and_wait,
    check_account,
    check_open,
    made_up_name,
    new_order,
    told_canceled,
)
from keel.practice.order_entry import SIDES, Entry, check_entry, read_name, read_terms
from keel.practice.orders import Order
from keel.practice.refusals import BAD_LIST_PRICES, DUPLICATE, NAME_RANGE, SYMBOL_RANGE, Refusal, missing, rejected

_TYPES: Final = ("STOP_LOSS_LIMIT", "STOP_LOSS", "LIMIT_MAKER", "TAKE_PROFIT")
_STOPS: Final = ("STOP_LOSS", "STOP_LOSS_LIMIT")
_TERMS: Final = ("Type", "ClientOrderId", "Price", "StopPrice", "TrailingDelta", "TimeInForce")


async def place_pair(call: Call) -> dict[str, Any]:
    """Take two orders of which one cancels the other."""
    i = call.state.find(call.asked.text("symbol", SYMBOL_RANGE))
    rules, last, side = call.state.rules[i], call.state.last(i), call.asked.text("side")
    if side not in SIDES:
        raise Refusal(-1117, "Invalid side.")
    name = call.asked.optional("listClientOrderId", NAME_RANGE) or made_up_name()
    if any(one.is_open and one.name == name for one in call.owner.lists.values()):
        raise rejected(DUPLICATE)
    entries = [_leg(call, which, side, rules_of=i, last=last) for which in ("above", "below")]
    check_open(call, i)
    _check_prices(side, entries, last)
    for entry in entries:
        check_entry(entry, rules, last)
    list_id = next(call.state.numbers.lists)
    above, below = (
        new_order(call, i, entry, read_name(call.asked, f"{which}ClientOrderId"), list_id)
        for which, entry in zip(("above", "below"), entries, strict=True)
    )
    check_account(call, call.owner, (above, below))
    call.owner.limits.spend(2)
    pair = OrderList(list_id, name, (above, below), call.state.market.now_ms)
    call.owner.lists[list_id] = pair
    call.owner.take(pair.members, last, call.state.market.now_ms)
    call.replay.hurry()
    kind = call.asked.optional("newOrderRespType") or "RESULT"
    return pair.as_json | {"orderReports": [answer(one, kind) for one in pair.members]}


def _leg(call: Call, which: str, side: str, *, rules_of: int, last: Decimal) -> Entry:
    kind = call.asked.text(f"{which}Type")
    if kind not in _TYPES or (which == "below" and kind == "LIMIT_MAKER" and side == "SELL"):
        raise Refusal(-1158, "Order type not supported in OCO.")
    values = {"quantity": call.asked.text("quantity")}
    for term in _TERMS[2:]:
        value = call.asked.optional(which + term)
        if value is not None:
            values[term[0].lower() + term[1:]] = value
    return read_terms(Asked(values), call.state.rules[rules_of], last, side, kind)


def _check_prices(side: str, entries: list[Entry], last: Decimal) -> None:
    """Refuse a pair whose stop and target do not stand on their own sides of the market."""
    above, below = entries
    stop, target = (above, below) if side == "BUY" else (below, above)
    if stop.kind not in _STOPS or target.kind in _STOPS:
        raise Refusal(-1158, "Order type not supported in OCO.")
    high, low = (one.stop_price or one.price for one in (above, below))
    if (high and high <= last) or (low and low >= last):
        raise rejected(BAD_LIST_PRICES)


async def cancel_pair(call: Call) -> dict[str, Any]:
    """Cancel both orders of a pair."""
    symbol = call.asked.text("symbol", SYMBOL_RANGE)
    call.state.find(symbol)
    number, wanted = call.asked.whole("orderListId"), call.asked.optional("listClientOrderId", NAME_RANGE)
    if number is None and wanted is None:
        raise missing("orderListId")
    found = [
        one
        for one in call.owner.lists.values()
        if one.is_open and number in (None, one.list_id) and wanted in (None, one.name)
    ]
    name = call.asked.optional("newClientOrderId", NAME_RANGE) or made_up_name()
    if not found or not await cancel_and_wait(call, _members(found[0]), name):
        raise Refusal(-2011, "Unknown order list sent.")
    reports = [told_canceled(call, one, name) for one in found[0].members]
    return found[0].as_json | {"orderReports": reports}


def _members(pair: OrderList) -> list[Order]:
    return [one for one in pair.members if one.is_open]


_PAIR: Final = frozenset(
    {
        *("symbol", "side", "quantity", "listClientOrderId", "newOrderRespType", "selfTradePreventionMode"),
        *(which + term for which in ("above", "below") for term in _TERMS),
    }
)
LISTS: Final = {
    "POST /api/v3/orderList/oco": Endpoint(place_pair, _PAIR, signed=True, trades=True, orders=2),
    "DELETE /api/v3/orderList": Endpoint(
        cancel_pair,
        frozenset({"symbol", "orderListId", "listClientOrderId", "newClientOrderId"}),
        signed=True,
        trades=True,
    ),
}
