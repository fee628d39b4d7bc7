"""The practice venue's market: its clock, and the word that a decision is taken, which lockstep waits for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

import aiohttp

from keel.domain.clock import WallClock
from keel.domain.errors import RetryableError, reason_of

_ASK_AGAIN_S: Final = 0.5
_TIMEOUT_S: Final = 5.0
LOCKSTEP: Final = "lockstep"


class PracticeClock(WallClock):
    """Follow the practice market's time, which may run faster than ours or stand still; the rest is the machine's."""

    def __init__(self, set_loose: Callable[[], float] | None = None) -> None:
        self._monotonic_s = set_loose or super().monotonic_s
        self._market_ms = 0.0
        self._read_s = 0.0
        self._pace = 0.0

    def now_ms(self) -> int:
        """Return the market's time as it was told last, carried on at its pace."""
        return int(self._market_ms + (self._monotonic_s() - self._read_s) * 1000 * self._pace)

    def market_ms(self, _offset_ms: float, /) -> int:
        """Return the market's time: told by the venue, it needs no correction of our own clock's."""
        return self.now_ms()

    def follow(self, market_ms: int, pace: float) -> None:
        """Take the market's time, told now, and its pace: 0 stands still."""
        self._market_ms, self._read_s, self._pace = float(market_ms), self._monotonic_s(), pace

    def reach(self, market_ms: int) -> None:
        """Know that the market has come as far as this."""
        if self.now_ms() < market_ms:
            self.follow(market_ms, self._pace)


class PracticeMarket:
    """Ask one practice venue for its clock, and tell it of decisions."""

    def __init__(self, address: str, clock: PracticeClock) -> None:
        self._address = address
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._following: asyncio.Task[None] | None = None
        self._lockstep = False

    async def open(self) -> None:
        """Read the market's clock, and go on reading it. Raises RetryableError where there is no practice venue."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S))
        await self._read()
        self._following = asyncio.ensure_future(self._follow())

    @property
    def is_in_step(self) -> bool:
        """Say whether the market waits for our decisions, and no time passes while it is closed."""
        return self._lockstep

    async def close(self) -> None:
        """Let go."""
        if self._following is not None:
            self._following.cancel()
        if self._session is not None:
            await self._session.close()

    async def decided(self, close_ts_ms: int) -> None:
        """Tell that the decision on a close is journalled and sent; only a market in lockstep listens."""
        if self._lockstep:
            told = await self._ask("POST", "/practice/decided", {"close_ts_ms": close_ts_ms})
            self._clock.reach(int(told["market_ms"]))

    async def _follow(self) -> None:
        while True:
            await self._clock.sleep(_ASK_AGAIN_S)
            try:
                await self._read()
            except RetryableError:
                continue  # the streams will tell, if it is gone

    async def _read(self) -> None:
        told = await self._ask("GET", "/practice/clock", None)
        self._lockstep = told["pace"] == LOCKSTEP
        pace = 0.0 if self._lockstep or told.get("over") else float(told["pace"])
        self._clock.follow(int(told["market_ms"]), pace)

    async def _ask(self, method: str, path: str, body: dict[str, int] | None) -> dict[str, Any]:
        if self._session is None:
            raise RetryableError("the practice market is not open")
        try:
            async with self._session.request(method, self._address + path, json=body) as answer:
                told = await answer.json()
        except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError, OSError) as error:
            raise RetryableError(
                f"there is no practice venue at {self._address} ({reason_of(error)}): start it with "
                "python -m services.practice_venue --config, with configs/practice.yaml or practice_alpaca.yaml"
            ) from None
        if answer.status >= 400 or not isinstance(told, dict):
            raise RetryableError(f"the practice venue refuses {path}: {told}")
        return told
