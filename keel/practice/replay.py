"""The market's course: rows of bars one after another, in step with the client or at a pace of real time.

Reports of what happened come before the bar in whose time they are heard closes; the closed bar comes last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol

from keel.config.faults import Fault
from keel.practice.core import Core
from keel.practice.sockets import Socket

_SHORTEST_NAP_S: Final = 0.001
_MOST_ROUND_TRIPS: Final = 8
_NEVER_MS: Final = 2**62
_SKIPPED: Final = ("kline_gap", "kline_out_of_order", "stale", "bad_price")
"""Kinds after which the client may have nothing to decide on: the market does not wait for it for ever."""


class Feed(Protocol):
    """Be what tells the market to those who listen."""

    @property
    def listening(self) -> Sequence[Socket]:
        """Return the sockets that reports of orders go to."""

    def hears_all(self) -> bool:
        """Say whether somebody listens to the bars of every symbol."""

    def publish_open(self) -> None:
        """Tell bars that are open, and prices now."""

    def publish_path(self, faults: list[Fault]) -> None:
        """Tell the prices of the bar that has just been played."""

    def publish_closes(self, faults: list[Fault]) -> None:
        """Tell the bars that close now."""

    def publish_late(self) -> None:
        """Tell what was held back until now."""

    def next_ms(self) -> int | None:
        """Return the market's time at which something is held back to."""


class Replay:
    """Play the rows that are left of a market."""

    def __init__(self, state: Core, feed: Feed) -> None:
        self._state, self._feed = state, feed
        self._decided_ms = 0
        self._ready, self._news = asyncio.Event(), asyncio.Event()
        self._started_s: float | None = None
        self._from_ms = state.market.now_ms

    @property
    def awaited_ms(self) -> int | None:
        """Return the close whose decision the market waits for, or None where it waits for none."""
        waits = self._state.config.is_lockstep and not self._state.market.is_over
        return self._state.market.now_ms if waits and self._decided_ms < self._state.market.now_ms else None

    def decided(self, close_ts_ms: int) -> bool:
        """Hear that the decision of a close is journalled; False for one that has not come yet."""
        if close_ts_ms > self._state.market.now_ms:
            return False
        self._decided_ms = max(self._decided_ms, close_ts_ms)
        self._ready.set()
        self._news.set()
        return True

    def look_at_streams(self) -> None:
        """Open a market in lockstep once somebody listens to the bars of every symbol."""
        if self._feed.hears_all():
            self._ready.set()

    def hurry(self) -> None:
        """Look again at what comes next: an order has arrived."""
        self._news.set()

    async def run(self) -> None:
        """Play to the end of the bars."""
        if self._state.config.is_lockstep:
            await self._run_in_step()
        else:
            await self._run_paced()
        for account in self._state.traders.values():  # nothing comes after the last bar: what is on its way arrives
            account.tell_due(_NEVER_MS, as_heard=not self._state.config.is_lockstep)

    # in step

    async def _run_in_step(self) -> None:
        await self._ready.wait()
        while not self._state.market.is_over:
            faults = await self._step()
            skipped = any(fault.kind in _SKIPPED for fault in faults)
            await self._until_decided(self._state.config.sockets.queue_s if skipped else None)

    async def _step(self) -> list[Fault]:
        market = self._state.market
        for account in self._state.traders.values():
            account.begin_row(market.bars[market.row], market.row_end_ms)
            account.end_row()
        market.now_ms = market.row_end_ms
        market.row += 1
        faults = self._state.faults.on_row(market.row - 1 - market.first_row, market.now_ms)
        self._feed.publish_late()
        told = sum(account.tell_due(market.now_ms, as_heard=False) for account in self._state.traders.values())
        if told:
            await self._until_read(told)
        self._feed.publish_path(faults)
        self._feed.publish_closes(faults)
        return faults

    async def _until_read(self, messages: int) -> None:
        """Wait until clients have their reports: a round trip for each gives their loops time to take it, too."""
        for socket in self._feed.listening:
            for _ in range(min(messages, _MOST_ROUND_TRIPS) + 1):
                if not await socket.is_read(self._state.config.sockets.queue_s):
                    break

    async def _until_decided(self, longest_s: float | None) -> None:
        ends_s = None if longest_s is None else self._state.clock.monotonic_s() + longest_s
        while self._decided_ms < self._state.market.now_ms:
            left = None if ends_s is None else ends_s - self._state.clock.monotonic_s()
            if left is not None and left <= 0:
                return
            await self._nap(left)

    # at a pace

    async def _run_paced(self) -> None:
        state, market = self._state, self._state.market
        self._started_s = state.clock.monotonic_s()
        self._begin_row()
        shown_s = self._started_s
        while not market.is_over:
            self.advance()
            now_s = state.clock.monotonic_s()
            if now_s - shown_s >= state.config.sockets.update_s:
                shown_s = now_s
                self._feed.publish_open()
            await self._nap(max(_SHORTEST_NAP_S, min(self._next_s(), shown_s + state.config.sockets.update_s - now_s)))

    def advance(self) -> None:
        """Bring a market that goes by real time to now: close rows that are over, tell what is due."""
        if self._started_s is None:
            return
        state, market = self._state, self._state.market
        passed_s = state.clock.monotonic_s() - self._started_s
        now_ms = self._from_ms + int(passed_s * 1000 * state.config.speed)
        while not market.is_over and market.row_end_ms <= now_ms:
            self._close_row()
        market.now_ms = max(market.now_ms, now_ms)
        self._tell()

    def _begin_row(self) -> None:
        market = self._state.market
        if not market.is_over:
            for account in self._state.traders.values():
                account.begin_row(market.bars[market.row], market.now_ms)

    def _close_row(self) -> None:
        market = self._state.market
        market.now_ms = market.row_end_ms
        self._tell()
        for account in self._state.traders.values():
            account.end_row()
        market.row += 1
        faults = self._state.faults.on_row(market.row - 1 - market.first_row, market.now_ms)
        self._feed.publish_closes(faults)
        self._begin_row()

    def _tell(self) -> None:
        self._feed.publish_late()
        for account in self._state.traders.values():
            account.tell_due(self._state.market.now_ms, as_heard=True)

    def _next_s(self) -> float:
        market = self._state.market
        if market.is_over:
            return 0.0
        times = [self._feed.next_ms(), *(account.next_ms() for account in self._state.traders.values())]
        upcoming = min([market.row_end_ms, *(one for one in times if one is not None)])
        return (upcoming - market.now_ms) / 1000 / self._state.config.speed

    async def _nap(self, seconds: float | None) -> None:
        """Wait for news, or so long at most."""
        self._news.clear()
        waiting: set[asyncio.Future[Any]] = {asyncio.ensure_future(self._news.wait())}
        if seconds is not None:
            waiting.add(asyncio.ensure_future(self._state.clock.sleep(seconds)))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
