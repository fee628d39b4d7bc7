"""The Binance adapter, through the real SDK, against the practice venue in lockstep; what the other shares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import aiohttp
import numpy as np
from rig import HIGH, LOW, MIN_NOTIONAL, PRICE, QUOTE, START, STEP, SYMBOL, TICK, Recorder, until

from keel.app.wiring import instruments_of
from keel.config.practice import PracticeConfig
from keel.domain.clock import WallClock
from keel.domain.layout import BAR, BAR_PRESENT
from keel.domain.venue_messages import OrderTicket, SubmitResult
from keel.practice.server import PracticeVenue
from keel.venues.alpaca import AlpacaVenue
from keel.venues.binance import BinanceVenue
from keel.wire.alpaca_link import AlpacaLink
from keel.wire.binance_link import BinanceLink, BinanceSettings

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000 // MINUTE_MS * MINUTE_MS
WARM_UP, EVERY, ROWS = 3, 4, 120
"""Bars of history; one bar of every EVERY swings."""


class MarketClock(WallClock):
    """Tell the practice market's time beside our own."""

    stands_ms = START_MS

    def now_ms(self) -> int:
        return self.stands_ms

    def market_ms(self, _offset_ms: float, /) -> int:
        return self.stands_ms


@dataclass
class PracticeRig:
    """Hold an adapter and the practice venue that it trades on."""

    venue: BinanceVenue | AlpacaVenue
    heard: Recorder
    link: BinanceLink | AlpacaLink
    practice: PracticeVenue
    clock: MarketClock
    http: aiohttp.ClientSession
    keeps_history: ClassVar[bool] = True

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        return await self.venue.submit(ticket)

    async def pass_bars(self, *, swing: bool = False) -> None:
        for _ in range(EVERY if swing else 1):
            await self._pass_bar()
        while not swing and (await self._clock())["row"] % EVERY == EVERY - 1:
            await self._pass_bar()  # the next would swing: leave it to those who want it

    async def _pass_bar(self) -> None:
        before = await self._clock()
        told = {"close_ts_ms": before["market_ms"]}
        async with self.http.post(f"{self.practice.address}/practice/decided", json=told) as answer:
            assert answer.status == 200, await answer.text()
        await self._until_row(before["row"] + 1)
        # a question that was answered came after every report before it
        (connection,) = self.venue._stream._open  # type: ignore[union-attr]
        await connection.probe()

    async def _until_row(self, row: int) -> None:
        while (now := await self._clock())["row"] < row:
            pass
        self.clock.stands_ms = now["market_ms"]

    async def _clock(self) -> dict[str, Any]:
        async with self.http.get(f"{self.practice.address}/practice/clock") as answer:
            return await answer.json()  # type: ignore[no-any-return]


@asynccontextmanager
async def practice_rig(timeout_s: float = 3.0, idle_s: float = 30.0, **changes: Any) -> AsyncIterator[PracticeRig]:
    """Start the practice venue and open the adapter on it; `changes` are keys of the practice config."""
    config = PracticeConfig.model_validate(CONFIG | changes)
    account = config.simulated(next(iter(config.accounts.values())))
    practice = PracticeVenue(config, made_bars(), instruments_of(account))
    await practice.start()
    clock, pair = MarketClock(), next(iter(practice.keys.values()))
    clock.stands_ms = START_MS + WARM_UP * MINUTE_MS
    link = BinanceLink(_settings(practice.address, pair.key, pair.secret, timeout_s), clock)
    heard, http = Recorder(), aiohttp.ClientSession()
    venue = BinanceVenue(link, idle_s=idle_s)
    try:
        await venue.open(heard)
        await until(lambda: heard.streams)
        yield PracticeRig(venue, heard, link, practice, clock, http)
    finally:
        await venue.close()
        await http.close()
        await practice.stop()


CONFIG: dict[str, Any] = {
    "port": 0,
    "pace": "lockstep",
    "warm_up_bars": WARM_UP,
    "data": {"venue": "synthetic", "symbols": [SYMBOL], "timeframe": "1m"},
    "market": {
        "instrument": {
            "tick_size": str(TICK),
            "step_size": str(STEP),
            "min_qty": str(STEP),
            "min_notional": str(MIN_NOTIONAL),
            "fee_currency": "base",
        }
    },
    "account": {"currency": QUOTE, "initial_cash": float(START[QUOTE])},
    "accounts": {"practice": {"balances": {asset: str(amount) for asset, amount in START.items()}}},
    "execution": {"price_model": "path"},
    "fees": {"maker_bps": 10.0, "taker_bps": 10.0},
    "spread": {"half_spread_bps": 0.0},
    "impact": {"coefficient": 0.0},
    "latency": {"base_ms": 10.0, "response_ms": 10.0, "jitter_ms": 0.0, "spike_probability": 0.0},
}


def _settings(address: str, key: str, secret: str, timeout_s: float) -> BinanceSettings:
    return BinanceSettings(
        environment="practice",
        practice_address=address,
        recv_window_ms=5000,
        timeout_s=timeout_s,
        retries=1,
        cancel_share=0.2,
        backoff_base_s=0.01,
        max_backoff_s=0.05,
        clock_refresh_s=60.0,
        seed=1,
        state_dir=None,
        key=key,
        secret=secret,
    )


def made_bars() -> np.ndarray:
    """Return BAR (ROWS, 1): a quiet market that swings in every EVERY-th bar after the history."""
    bars = np.zeros((ROWS, 1), dtype=BAR)
    quiet, rows = float(PRICE), np.arange(ROWS)
    swings = (rows - WARM_UP) % EVERY == EVERY - 1
    bars["open"] = bars["close"] = quiet
    bars["high"], bars["low"] = quiet, quiet
    bars["high"][swings], bars["low"][swings] = float(HIGH), float(LOW)
    bars["volume"], bars["flags"] = 1e6, BAR_PRESENT
    bars["open_ts_ms"] = (START_MS + rows * MINUTE_MS)[:, None]
    bars["close_ts_ms"] = bars["open_ts_ms"] + MINUTE_MS
    bars["day"] = bars["open_ts_ms"] // 86_400_000
    bars["minute_of_week"] = (bars["open_ts_ms"] // MINUTE_MS + 3 * 1440) % 10_080
    return bars
