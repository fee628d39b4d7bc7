"""Endpoints that place and cancel orders.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from keel.practice.account import Account
from keel.practice.account_endpoints import find_order
from keel.practice.endpoints import Call, Endpoint
from keel.practice.order_entry import ENTRY_NAMES, Entry, check_entry, read_entry, read_name
from keel.practice.orders import Order
from keel.practice.refusals import (
    CLOSED,
    DUPLICATE,
    INSUFFICIENT,
    MAY_NOT_TRADE,
    NAME_RANGE,
    SYMBOL_RANGE,
    Refusal,
    rejected,
    unknown_order,
)

ANSWERS: Final = ("ACK", "RESULT", "FULL")
_LONG_ANSWERS: Final = ("MARKET", "LIMIT")
_PATIENCE_S: Final = 10.0
_LOOK_S: Final = 0.002
_TIMEOUT: Final = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."


async def place(call: Call) -> dict[str, Any]:
    """Take a new order. It is answered at once: what comes of it is told when the matching has it."""
    entry, made = _checked(call)
    call.owner.limits.spend(1)
    call.owner.take((made,), call.state.last(made.instrument), call.state.market.now_ms)
    call.replay.hurry()
    usual = "FULL" if entry.kind in _LONG_ANSWERS else "ACK"
    return answer(made, call.asked.optional("newOrderRespType") or usual)


async def try_out(call: Call) -> dict[str, Any]:
    """Check a new order and do no more."""
    _checked(call)
    return {}


def _checked(call: Call) -> tuple[Entry, Order]:
    i = call.state.find(call.asked.text("symbol", SYMBOL_RANGE))
    rules, last = call.state.rules[i], call.state.last(i)
    if call.asked.optional("newOrderRespType") not in (None, *ANSWERS):
        raise Refusal(-1102, "Mandatory parameter 'newOrderRespType' was not sent, was empty/null, or malformed.")
    entry = read_entry(call.asked, rules, last)
    name = read_name(call.asked, "newClientOrderId")
    check_open(call, i)
    check_entry(entry, rules, last)
    made = new_order(call, i, entry, name)
    check_account(call, call.owner, (made,))
    return entry, made


def check_open(call: Call, i: int) -> None:
    """Refuse what needs a market that trades."""
    call.state.rules[i].check_open()
    if call.state.market.is_over:
        raise Refusal(-1013, CLOSED)


def new_order(call: Call, i: int, entry: Entry, name: str | None, list_id: int = -1) -> Order:
    """Return an order with its number, not taken yet."""
    now_ms = call.state.market.now_ms
    waits = entry.kind not in ("LIMIT", "MARKET", "LIMIT_MAKER")
    return Order(
        order_id=next(call.state.numbers.orders),
        instrument=i,
        symbol=call.state.market.names[i],
        client_id=name or made_up_name(),
        side=entry.side,
        kind=entry.kind,
        time_in_force=entry.time_in_force,
        quantity=entry.quantity,
        price=entry.price,
        stop_price=entry.stop_price,
        trailing_bips=entry.trailing_bips,
        quote_quantity=entry.quote_quantity,
        time_ms=now_ms,
        list_id=list_id,
        is_working=not waits,
        update_ms=now_ms,
        working_ms=-1 if waits else now_ms,
    )


def check_account(call: Call, owner: Account, orders: tuple[Order, ...]) -> None:
    """Refuse orders that the account may not place or cannot pay; a pair needs its funds once."""
    if not owner.can_trade:
        raise rejected(MAY_NOT_TRADE)
    first = orders[0]
    call.state.rules[first.instrument].check_count(len(owner.open_orders(first.symbol)) + len(orders))
    if any(owner.is_open_name(one.client_id) for one in orders):
        raise rejected(DUPLICATE)
    for one in orders:
        asset, amount = owner.needs(one, call.state.last(one.instrument))
        if amount > owner.ledger.free(asset):
            raise rejected(INSUFFICIENT)


def made_up_name() -> str:
    """Return a name for an order that was given none."""
    return secrets.token_urlsafe(16)


def answer(order: Order, kind: str) -> dict[str, Any]:
    """Return the answer to a new order of the kind that was asked for."""
    if kind == "ACK":
        return order.as_acknowledgement
    return order.as_full if kind == "FULL" else order.as_result


async def cancel(call: Call) -> dict[str, Any]:
    """Cancel an order, with its partner if it has one."""
    found = find_order(call)
    if found is None or not found.is_open:
        raise unknown_order()
    restriction = call.asked.optional("cancelRestrictions")
    if restriction not in (None, "ONLY_NEW", "ONLY_PARTIALLY_FILLED"):
        raise Refusal(-1145, "Invalid cancelRestrictions")
    if restriction is not None and restriction != f"ONLY_{found.status}":
        raise Refusal(-2011, "Order was not canceled due to cancel restrictions.")
    name = call.asked.optional("newClientOrderId", NAME_RANGE) or made_up_name()
    if not await cancel_and_wait(call, [found], name):
        raise unknown_order()
    return told_canceled(call, found, name)


async def cancel_all(call: Call) -> list[Any]:
    """Cancel every open order of a symbol."""
    symbol = call.asked.text("symbol", SYMBOL_RANGE)
    call.state.find(symbol)
    found, name = call.owner.open_orders(symbol), made_up_name()
    if not found or not await cancel_and_wait(call, found, name):
        raise unknown_order()
    return [told_canceled(call, one, name) for one in found]


async def cancel_and_wait(call: Call, orders: list[Order], name: str) -> bool:
    """Send cancels and wait for what comes of them; False where nothing was left to cancel.

    In lockstep the market stands still until the client has decided: nobody knows yet, and the answer says so by the
    status PENDING_CANCEL.
    """
    if call.state.market.is_over:
        raise Refusal(-1013, CLOSED)
    for one in orders:
        call.owner.cancel(one, name, call.state.market.now_ms)
    call.replay.hurry()
    if call.state.config.is_lockstep:
        return True
    ends_s = call.state.clock.monotonic_s() + _PATIENCE_S
    while any(one.is_open for one in orders):
        if call.state.clock.monotonic_s() > ends_s:
            raise Refusal(-1007, _TIMEOUT, 504)
        await call.state.clock.sleep(_LOOK_S)
        call.replay.advance()
    return any(one.status == "CANCELED" for one in orders)


def told_canceled(call: Call, order: Order, name: str) -> dict[str, Any]:
    """Return how a cancelled order is told."""
    told = order.as_canceled(name, call.state.market.now_ms)
    return told | {"status": "PENDING_CANCEL"} if order.is_open else told


_CANCEL: Final = frozenset({"symbol", "orderId", "origClientOrderId", "newClientOrderId", "cancelRestrictions"})
ORDERS: Final = {
    "POST /api/v3/order": Endpoint(place, ENTRY_NAMES, signed=True, trades=True, orders=1),
    "POST /api/v3/order/test": Endpoint(try_out, ENTRY_NAMES | {"computeCommissionRates"}, signed=True, trades=True),
    "DELETE /api/v3/order": Endpoint(cancel, _CANCEL, signed=True, trades=True),
    "DELETE /api/v3/openOrders": Endpoint(cancel_all, frozenset({"symbol"}), signed=True, trades=True),
}
