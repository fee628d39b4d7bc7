"""Endpoints that anybody may ask: time, rules, bars, prices.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints
"""

from __future__ import annotations

import json
from typing import Any, Final

from keel.practice.amounts import text
from keel.practice.asked import Asked
from keel.practice.endpoints import Call, Endpoint
from keel.practice.market_streams import kline_row
from keel.practice.refusals import SYMBOL_RANGE, Refusal, invalid_symbol

_RAW_REQUESTS: Final = {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000}
_KNOWN_INTERVALS: Final = ("1s", "1M")
_LEVELS: Final = 5
_DEPTH_WEIGHTS: Final = ((100, 5), (500, 25), (1000, 50), (5000, 250))


async def ping(_call: Call) -> dict[str, Any]:
    """Answer nothing."""
    return {}


async def server_time(call: Call) -> dict[str, Any]:
    """Tell the venue's own time, by which requests are judged; not the market's."""
    return {"serverTime": call.state.wire_ms}


async def exchange_info(call: Call) -> dict[str, Any]:
    """Tell limits and symbols with their filters."""
    limits = call.state.config.limits
    weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": limits.weight_1m}
    orders = [
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": limits.orders_10s},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": limits.orders_1d},
    ]
    return {
        "timezone": "UTC",
        "serverTime": call.state.wire_ms,
        "rateLimits": [weight, *orders, _RAW_REQUESTS],
        "exchangeFilters": [],
        "symbols": [call.state.rules[i].as_json for i in _wanted(call)],
    }


async def klines(call: Call) -> list[Any]:
    """Tell bars, the open one last."""
    i = call.state.find(call.asked.text("symbol", SYMBOL_RANGE))
    interval = call.asked.text("interval")
    if interval not in call.state.market.intervals():
        if interval in _KNOWN_INTERVALS:
            return []
        raise Refusal(-1120, "Invalid interval.")
    start, end = call.asked.whole("startTime"), call.asked.whole("endTime")
    candles = call.state.market.candles(i, interval, start, end, call.asked.limit())
    return [kline_row(candle) for candle in candles]


async def depth(call: Call) -> dict[str, Any]:
    """Tell a book made up around the newest price."""
    i = call.state.find(call.asked.text("symbol", SYMBOL_RANGE))
    levels = min(call.asked.limit(5000, 100), _LEVELS)
    bids, asks = ([[text(price), text(1.0)] for price in _side(call, i, sign, levels)] for sign in (-1, 1))
    return {"lastUpdateId": call.state.market.now_ms, "bids": bids, "asks": asks}


def _side(call: Call, i: int, sign: int, levels: int) -> list[float]:
    market, half = call.state.market, call.state.config.spread.half_spread_bps / 1e4
    last = market.last_price(i)
    return [market.on_tick(i, last * (1 + sign * half * (1 + level))) for level in range(levels)]


async def price(call: Call) -> Any:  # noqa: ANN401 - one or a list
    """Tell newest prices."""
    return _one_or_all(call, lambda i: {"price": text(call.state.market.last_price(i))})


async def book_ticker(call: Call) -> Any:  # noqa: ANN401 - one or a list
    """Tell best bids and asks."""

    def best(i: int) -> dict[str, Any]:
        bid, ask = _side(call, i, -1, 1)[0], _side(call, i, 1, 1)[0]
        return {"bidPrice": text(bid), "bidQty": text(1.0), "askPrice": text(ask), "askQty": text(1.0)}

    return _one_or_all(call, best)


def _one_or_all(call: Call, tell: Any) -> Any:  # noqa: ANN401 - one or a list
    told = [{"symbol": call.state.market.names[i], **tell(i)} for i in _wanted(call)]
    return told[0] if call.asked.has("symbol") else told


def _wanted(call: Call) -> list[int]:
    if call.asked.has("symbol"):
        return [call.state.find(call.asked.text("symbol", SYMBOL_RANGE))]
    if not call.asked.has("symbols"):
        return list(range(len(call.state.rules)))
    try:
        names = json.loads(call.asked.text("symbols"))
    except ValueError:
        raise Refusal(-1135, "Invalid JSON Request") from None
    if not isinstance(names, list):
        raise invalid_symbol()
    return [call.state.find(str(name)) for name in names]


def _depth_weight(asked: Asked) -> int:
    limit = asked.limit(5000, 100)
    return next(weight for most, weight in _DEPTH_WEIGHTS if limit <= most)


def _ticker_weight(asked: Asked) -> int:
    return 2 if asked.has("symbol") else 4


_MANY: Final = frozenset({"symbol", "symbols", "symbolStatus"})
PUBLIC: Final = {
    "GET /api/v3/ping": Endpoint(ping),
    "GET /api/v3/time": Endpoint(server_time),
    "GET /api/v3/exchangeInfo": Endpoint(exchange_info, _MANY | {"permissions", "showPermissionSets"}, weight=20),
    "GET /api/v3/klines": Endpoint(
        klines, frozenset({"symbol", "interval", "startTime", "endTime", "limit", "timeZone"}), weight=2
    ),
    "GET /api/v3/depth": Endpoint(depth, frozenset({"symbol", "limit"}), weight=_depth_weight),
    "GET /api/v3/ticker/price": Endpoint(price, _MANY, weight=_ticker_weight),
    "GET /api/v3/ticker/bookTicker": Endpoint(book_ticker, _MANY, weight=_ticker_weight),
}
