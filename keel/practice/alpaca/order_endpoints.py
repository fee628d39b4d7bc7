"""Endpoints that place, tell, replace and cancel orders.

Source: https://docs.alpaca.markets/reference/postorder and its neighbours
"""

from __future__ import annotations

import secrets
from dataclasses import replace as changed
from decimal import Decimal
from typing import Any, Final

from keel.practice.alpaca.assets import Asset
from keel.practice.alpaca.endpoints import Answer, Call, Handler
from keel.practice.alpaca.entry import AUCTIONS, Entry, check_grid, read_amount, read_entry, read_name
from keel.practice.alpaca.orders import Order
from keel.practice.alpaca.power import check_opposites, check_power, check_short, opening_part, unit_value
from keel.practice.alpaca.refusals import forbidden, invalid, malformed, not_found
from keel.practice.alpaca.spelling import amount
from keel.practice.amounts import ZERO, exact, floored, is_multiple

_NEVER_MS: Final = 2**62
_PATIENCE_S: Final = 10.0
_LOOK_S: Final = 0.002
_OPENING_ORDERS_END, _CLOSING_ORDERS_END, _AUCTION_ORDERS_BEGIN = 9 * 60 + 28, 15 * 60 + 50, 19 * 60
"""Minutes of the day: from the first and the second to the third no order for that auction is taken."""
_BEFORE_CLOSE: Final = 10
"""Minutes before an early close from which on no order for its auction is taken."""
_LATE_ORDERS: Final = {
    "opg": "opg orders must be submitted after 7:00pm and before 9:28am",
    "cls": "cls orders must be submitted after 7:00pm and before 3:50pm",
}


async def place(call: Call) -> dict[str, Any]:
    """Take a new order. It is answered at once: what comes of it is told when the matching has it."""
    asset = call.state.needed(call.body.get("symbol"))
    return place_entry(call, asset, read_entry(call.body, asset)).as_json


def place_entry(call: Call, asset: Asset, entry: Entry, ending: tuple[str, ...] = ()) -> Order:
    """Take a new order that can be meant, if the account may place it beside those not in a status of `ending`."""
    _check_market(call, asset, entry)
    if entry.client_id is not None and entry.client_id in call.account.names:
        raise invalid("client_order_id must be unique")
    order = _checked(call, asset, entry, ending=ending)
    call.account.take(order, call.state.market.now_ms)
    call.replay.hurry()
    return order


def _check_market(call: Call, asset: Asset, entry: Entry) -> None:
    if not (call.account.can_trade and call.account.terms.trade):
        raise forbidden("account is blocked from trading")
    if not asset.tradable:
        raise malformed(f"asset {asset.symbol} is not tradable")
    if call.state.market.is_over:
        raise malformed("the market of the practice venue is over")
    if entry.life in AUCTIONS and not asset.is_crypto and _misses_auction(call, entry):
        raise forbidden(_LATE_ORDERS[entry.life])


def _misses_auction(call: Call, entry: Entry) -> bool:
    """Say whether an order for an auction comes at a time at which none is taken; in lockstep a night is no time."""
    hours, now_ms = call.state.hours, call.state.market.now_ms
    minute, ends = hours.minute_of_day(now_ms), _OPENING_ORDERS_END
    if entry.life == "cls":
        today = hours.session_on(now_ms)
        ends = _CLOSING_ORDERS_END if today is None else round(hours.minute_of_day(today.close_ts_ms)) - _BEFORE_CLOSE
    late = ends <= minute < _AUCTION_ORDERS_BEGIN
    return late and (hours.is_open(now_ms) or not call.state.config.is_lockstep)


def _starts_ms(call: Call, asset: Asset, entry: Entry) -> int | None:
    """Return when an order's market opens for it, None where it need not wait for that here."""
    hours, now_ms = call.state.hours, call.state.market.now_ms
    if call.state.is_open(asset) or entry.life in AUCTIONS:
        return None
    if entry.extended_hours:
        return None if hours.is_extended(now_ms) else hours.next_early_ms(now_ms)
    return hours.next_open_ms(now_ms)


def _checked(call: Call, asset: Asset, entry: Entry, own: Order | None = None, ending: tuple[str, ...] = ()) -> Order:
    """Return an order that the account may place, `own` being the one that it takes the place of."""
    account, last = call.account, call.state.last(asset)
    quantity = _quantity(asset, entry, last)
    others = [one for one in account.open_orders(asset.place) if one is not own and one.status not in ending]
    opening = opening_part(account, asset, entry, quantity, ending) if own is None else min(own.opening, quantity)
    if own is None and opening > 0 and entry.side == "sell":
        check_short(account, asset, entry, margin=call.state.config.account.type == "margin")
    check_opposites(others, entry, opening)
    value = unit_value(asset, entry, last)
    if opening > 0:
        held = ZERO if own is None else own.holds_back
        check_power(call.state.power(account), asset, opening, value, held)
    now_ms, opens_ms = call.state.market.now_ms, _starts_ms(call, asset, entry)
    return Order(
        number=next(account.numbers) if own is None else own.number,
        account=account.name,
        asset=asset,
        entry=entry,
        client_id=entry.client_id or secrets.token_urlsafe(16),
        quantity=quantity,
        opening=opening,
        value=value,
        created_ms=now_ms,
        status="pending_new" if call.state.is_open(asset) else "accepted",
        updated_ms=now_ms,
        opens_ms=opens_ms,
    )


def _quantity(asset: Asset, entry: Entry, last: Decimal) -> Decimal:
    if entry.quantity is None:
        quantity = floored((entry.notional or ZERO) / (entry.price or last), asset.step)
    elif is_multiple(entry.quantity, asset.step):
        quantity = exact(entry.quantity)
    else:
        raise malformed(f"qty must be a multiple of {amount(asset.step)}")
    if quantity <= 0 or quantity < asset.min_qty:
        raise malformed(f"qty must be >= {amount(max(asset.min_qty, asset.step))}")
    return quantity


async def orders(call: Call) -> list[Any]:
    """Tell orders: open ones, the newest first, unless something else is asked for."""
    status = call.query.get("status", "open")
    if status not in ("open", "closed", "all"):
        raise invalid(f"invalid status: {status[:20]}")
    after, until = call.moment("after", -1), call.moment("until", _NEVER_MS)
    places = {call.state.needed(word).place for word in call.words("symbols")}
    found = [
        one.as_json
        for one in call.account.orders.values()
        if (status == "all" or one.is_open is (status == "open"))
        and after < one.created_ms < until
        and (not places or one.asset.place in places)
        and call.query.get("side", one.entry.side) == one.entry.side
        and not call.state.hides(one.client_id)
    ]
    return _directed(call, found)[: call.whole("limit", 50, 500)]


def _directed(call: Call, found: list[Any]) -> list[Any]:
    return found if call.query.get("direction") == "asc" else found[::-1]


async def order(call: Call) -> dict[str, Any]:
    """Tell one order by its id."""
    return _find(call).as_json


async def order_by_name(call: Call) -> dict[str, Any]:
    """Tell one order by the name it was given."""
    name = call.query.get("client_order_id", "")
    found = call.account.names.get(name)
    if found is None or call.state.hides(name):
        raise not_found(f"order not found for {name[:128]}")
    return found.as_json


def _find(call: Call) -> Order:
    number = call.path["order_id"]
    found = call.account.orders.get(number)
    if found is None or call.state.hides(found.client_id):
        raise not_found(f"order not found for {number[:64]}")
    return found


async def cancel(call: Call) -> Answer:
    """Ask for the end of an order; what comes of it is told when the matching has it."""
    found = _find(call)
    if found.status in ("pending_cancel", "pending_replace") or not found.is_open:
        raise malformed(f'order is already in "{found.status}" state')
    call.account.cancel(found, call.state.market.now_ms)
    call.replay.hurry()
    return Answer(204)


async def cancel_all(call: Call) -> Answer:
    """Ask for the end of every open order."""
    return Answer(207, cancel_open(call))


async def until_canceled(call: Call) -> None:
    """Wait for what comes of the cancels, in lockstep for nothing: the market stands still until a decision."""
    ends_s = call.state.clock.monotonic_s() + _PATIENCE_S
    while not call.state.config.is_lockstep and any(
        one.status == "pending_cancel" for one in call.account.open_orders()
    ):
        if call.state.clock.monotonic_s() > ends_s:
            return
        await call.state.clock.sleep(_LOOK_S)
        call.replay.advance()


def cancel_open(call: Call) -> list[dict[str, Any]]:
    """Ask for the end of every open order; return what becomes of each request."""
    told = []
    for one in call.account.open_orders():
        cancelable = one.status not in ("pending_cancel", "pending_replace")
        if cancelable:
            call.account.cancel(one, call.state.market.now_ms)
        told.append({"id": one.id, "status": 200 if cancelable else 500})
    call.replay.hurry()
    return told


async def replace(call: Call) -> dict[str, Any]:
    """Put another order in the place of an open one: with fewer units, or other prices."""
    old = _find(call)
    if old.status not in ("accepted", "new", "partially_filled"):
        raise malformed(f"cannot replace order in {old.status} status")
    name = read_name(call.body)
    if name is not None and name in call.account.names:
        raise invalid("client_order_id must be unique")
    made = _checked(call, old.asset, _changed_entry(call, old, name), old)
    made.status = "accepted"
    call.account.replace(old, made, call.state.market.now_ms)
    call.replay.hurry()
    return made.as_json


def _changed_entry(call: Call, old: Order, name: str | None) -> Entry:
    quantity = read_amount(call.body, "qty")
    price, stop = read_amount(call.body, "limit_price"), read_amount(call.body, "stop_price")
    if read_amount(call.body, "trail") is not None or call.body.get("time_in_force") not in (None, old.entry.life):
        raise malformed("the practice venue replaces neither trail nor time_in_force")
    if (price is not None and old.entry.price is None) or (stop is not None and old.entry.stop_price is None):
        raise malformed(f"{old.entry.kind} orders take no such price")
    for word, value in (("limit_price", price), ("stop_price", stop)):
        if value is not None and not old.asset.is_crypto:
            check_grid(word, value)
    if (quantity, price, stop, name) == (None,) * 4:
        raise malformed("order parameters are not changed")
    if quantity is not None and quantity <= old.executed:
        raise malformed("qty must be > filled_qty")
    if quantity is not None and quantity > old.quantity:
        raise malformed("the practice venue replaces no order by a larger one")
    left = (old.quantity if quantity is None else quantity) - old.executed
    price, stop = price or old.entry.price, stop or old.entry.stop_price
    return changed(old.entry, quantity=left, notional=None, client_id=name, price=price, stop_price=stop)


ORDERS: Final[dict[str, Handler]] = {
    "POST /v2/orders": place,
    "GET /v2/orders": orders,
    "DELETE /v2/orders": cancel_all,
    "GET /v2/orders:by_client_order_id": order_by_name,
    "GET /v2/orders/{order_id}": order,
    "PATCH /v2/orders/{order_id}": replace,
    "DELETE /v2/orders/{order_id}": cancel,
}
