"""The Binance adapter on a server that a test tells what to say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from wire_server import WireServer, settings, wire_server

from keel.domain.clock import WallClock
from keel.domain.venue_messages import StreamState
from keel.venues.binance import BinanceVenue
from keel.wire.binance_link import BinanceLink


class Heard:
    def __init__(self) -> None:
        self.reports: list[Any] = []
        self.accounts: list[Any] = []
        self.states: list[StreamState] = []
        self.faults: list[str] = []

    def on_report(self, report: Any) -> None:
        self.reports.append(report)

    def on_account(self, account: Any) -> None:
        self.accounts.append(account)

    def on_stream(self, state: StreamState, reason: str) -> None:
        self.states.append(state)

    def on_fault(self, reason: str) -> None:
        self.faults.append(reason)


Scenario = Callable[[WireServer, BinanceVenue, Heard], Awaitable[Any]]


def with_venue(scenario: Scenario, *scripts, **changes) -> Any:
    async def run() -> Any:
        async with wire_server() as server:
            server.users.extend(scripts)
            venue, heard = BinanceVenue(BinanceLink(settings(server.address, **changes), WallClock()), 5.0), Heard()
            try:
                await venue.open(heard)
                return await scenario(server, venue, heard)
            finally:
                await venue.close()

    return asyncio.run(run())


async def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + 5
    while not what():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


def order_json(number: int, name: str = "k1", **changes: object) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "orderId": number,
        "clientOrderId": name,
        "price": "0.0",
        "origQty": "1.0",
        "executedQty": "0.0",
        "status": "NEW",
        "type": "LIMIT",
        "side": "BUY",
        "stopPrice": "0.0",
        "time": 5,
        "updateTime": 6,
    } | changes
