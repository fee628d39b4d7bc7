"""Somebody else with the account's keys, through the SDK of its exchange: bars as they are there, orders not ours."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from keel.practice.server import PracticeVenue

from .scene import COINS, Exchange

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDKs import what their WebSocket library is giving up
    from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
    from alpaca.trading.client import TradingClient
    from binance import AsyncClient

Row = tuple[int, float, float, float, float]
"""Close, UTC epoch milliseconds; open, high, low, close."""
_MINUTE_MS = 60_000


class Stranger(Protocol):
    """Trade the first symbol of an exchange and look at its bars."""

    async def bars(self) -> list[Row]:
        """Return the bars as the venue's REST interface tells them."""

    async def buy(self, qty: float, limit: float | None = None) -> None:
        """Place an order; at market without a limit."""


class _OnBinance:
    def __init__(self, client: AsyncClient, symbol: str) -> None:
        self._client, self._symbol = client, symbol.replace("/", "")

    async def bars(self) -> list[Row]:
        rows = await self._client.get_klines(symbol=self._symbol, interval="1m", limit=1000)
        return [(row[6] + 1, float(row[1]), float(row[2]), float(row[3]), float(row[4])) for row in rows]

    async def buy(self, qty: float, limit: float | None = None) -> None:
        terms: dict[str, Any] = {"type": "MARKET"}
        if limit is not None:
            terms = {"type": "LIMIT", "timeInForce": "GTC", "price": f"{limit:.2f}"}
        await self._client.create_order(symbol=self._symbol, side="BUY", quantity=f"{qty}", **terms)


class _OnAlpaca:
    """The SDK waits where it asks: each question is asked on a thread."""

    def __init__(self, venue: PracticeVenue, exchange: Exchange) -> None:
        pair, self._symbol = venue.keys["practice"], exchange.symbols[0]
        keys = {"api_key": pair.key, "secret_key": pair.secret, "raw_data": True, "url_override": venue.address}
        self._trading = TradingClient(**keys)
        self._is_coin = exchange is COINS
        self._data: Any = (CryptoHistoricalDataClient if self._is_coin else StockHistoricalDataClient)(**keys)

    async def bars(self) -> list[Row]:
        path = "/crypto/us/bars" if self._is_coin else "/stocks/bars"
        asked = {"symbols": self._symbol, "timeframe": "1Min", "start": "2024-01-01", "limit": 10_000}
        answer = await asyncio.to_thread(self._data.get, path, asked)
        return [_row(bar) for bar in answer["bars"][self._symbol]]

    async def buy(self, qty: float, limit: float | None = None) -> None:
        terms = {"type": "market"} if limit is None else {"type": "limit", "limit_price": f"{limit:.2f}"}
        body = {"symbol": self._symbol, "side": "buy", "qty": f"{qty:g}", "time_in_force": "gtc"} | terms
        await asyncio.to_thread(self._trading.post, "/orders", body)


def _row(bar: dict[str, Any]) -> Row:
    opened = datetime.fromisoformat(str(bar["t"])).astimezone(UTC)
    return (int(opened.timestamp() * 1000) + _MINUTE_MS, *(float(bar[name]) for name in "ohlc"))  # type: ignore[return-value]


@asynccontextmanager
async def stranger(venue: PracticeVenue, exchange: Exchange) -> AsyncIterator[Stranger]:
    """Give the SDK with the account's keys."""
    if exchange.kind == "alpaca":
        yield _OnAlpaca(venue, exchange)
        return
    socket, pair = venue.address.replace("http", "ws", 1), venue.keys["practice"]
    places = {"API_URL": f"{venue.address}/api", "WS_API_URL": f"{socket}/ws-api/v3"}
    client = await type("Stranger", (AsyncClient,), places).create(pair.key, pair.secret)
    try:
        yield _OnBinance(client, exchange.symbols[0])
    finally:
        await client.close_connection()
