"""All trades of a symbol from a time on, page by page, each with the name of its order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from keel.domain.timeframe import MS_PER_DAY
from keel.domain.venue_messages import VenueFill
from keel.venues.binance_reports import NameOf, venue_fill
from keel.venues.order_names import OrderNames
from keel.venues.wording import UnreadableError
from keel.wire.binance_faults import NO_SUCH_ORDER
from keel.wire.binance_link import BinanceLink
from keel.wire.link import RefusedError

_PAGE: Final = 1000
_TRADES_WEIGHT, _ORDERS_WEIGHT, _ORDER_WEIGHT = 20, 20, 4
_MOST_DAYS: Final = 30
"""Days that are looked through one by one; of a longer time all trades are read, from the first."""
_ASKED_ONE_BY_ONE: Final = 5
_Row: TypeAlias = Mapping[str, Any]


async def read_fills(
    link: BinanceLink, wire_symbol: str, since_ms: int, names: OrderNames, name_of: NameOf
) -> list[VenueFill]:
    """Return every trade of a symbol from a time on, oldest first. Raises as questions do."""
    trades = await _trades(link, wire_symbol, since_ms)
    await _learn_names(link, wire_symbol, {str(trade["orderId"]) for trade in trades}, names)
    fills = [venue_fill(each, name_of, names.get(wire_symbol, str(each["orderId"])) or "") for each in trades]
    return [fill for fill in fills if fill.ts_ms >= since_ms]


async def _trades(link: BinanceLink, wire_symbol: str, since_ms: int) -> list[_Row]:
    found = {int(trade["id"]): trade for trade in await _first_page(link, wire_symbol, since_ms)}
    while found:
        page = await _page(link, symbol=wire_symbol, fromId=max(found) + 1)
        found |= {int(trade["id"]): trade for trade in page}
        if len(page) < _PAGE:
            break
    return [found[number] for number in sorted(found)]


async def _first_page(link: BinanceLink, wire_symbol: str, since_ms: int) -> Sequence[_Row]:
    now_ms = link.clock.now_ms()
    if now_ms - since_ms > _MOST_DAYS * MS_PER_DAY:
        return await _page(link, symbol=wire_symbol, fromId=0)
    start_ms = since_ms
    # a question may span a day at most, and one without an end says nothing of how far it looks
    while start_ms + MS_PER_DAY <= now_ms:
        end_ms = start_ms + MS_PER_DAY - 1
        page = await _page(link, symbol=wire_symbol, startTime=start_ms, endTime=end_ms)
        if page:
            return page
        start_ms = end_ms + 1
    return await _page(link, symbol=wire_symbol, startTime=start_ms)


async def _page(link: BinanceLink, **parameters: object) -> Sequence[_Row]:
    page = await link.ask(_TRADES_WEIGHT, lambda client: client.get_my_trades(limit=_PAGE, **parameters))
    if not isinstance(page, list) or not all(isinstance(each, dict) and "orderId" in each for each in page):
        raise UnreadableError("Binance's trades are no list of trades")
    return page


async def _learn_names(link: BinanceLink, wire_symbol: str, order_ids: set[str], names: OrderNames) -> None:
    unknown = sorted((number for number in order_ids if names.get(wire_symbol, number) is None), key=int)
    if len(unknown) > _ASKED_ONE_BY_ONE:
        await _learn_from_history(link, wire_symbol, unknown, names)
        unknown = [number for number in unknown if names.get(wire_symbol, number) is None]
    for number in unknown:
        order = await _order(link, wire_symbol, number)
        if order is not None:
            names.learn(wire_symbol, number, str(order["clientOrderId"]))


async def _learn_from_history(link: BinanceLink, wire_symbol: str, unknown: Sequence[str], names: OrderNames) -> None:
    first, last = int(unknown[0]), int(unknown[-1])
    while first <= last:
        page = await _orders(link, wire_symbol, first)
        for order in page:
            names.learn(wire_symbol, str(order["orderId"]), str(order["clientOrderId"]))
        if len(page) < _PAGE:
            return
        first = int(page[-1]["orderId"]) + 1


async def _order(link: BinanceLink, wire_symbol: str, number: str) -> _Row | None:
    try:
        order: _Row = await link.ask(_ORDER_WEIGHT, lambda client: client.get_order(symbol=wire_symbol, orderId=number))
    except RefusedError as error:
        if error.code == NO_SUCH_ORDER:
            return None
        raise
    return order


async def _orders(link: BinanceLink, wire_symbol: str, first: int) -> Sequence[_Row]:
    page: Sequence[_Row] = await link.ask(
        _ORDERS_WEIGHT, lambda client: client.get_all_orders(symbol=wire_symbol, orderId=first, limit=_PAGE)
    )
    return page
