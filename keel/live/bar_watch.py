"""The watch over live bars: rows as they become complete, and questions for what the stream did not bring."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from keel.config.live import LiveSection
from keel.data.feed import BarFeed
from keel.domain.clock import Clock
from keel.domain.errors import RetryableError
from keel.domain.venue_messages import LiveBar, StreamState
from keel.journal.entries import FaultSeen, StreamChanged
from keel.journal.journal import Journal
from keel.live.blocks import Blocks
from keel.live.counts import Counts
from keel.live.rows import BarGate, Row

_MS_PER_S: Final = 1000.0
_AGAIN_S: Final = 1.0
BARS: Final = "bars"
"""Name of the stream of bars, in blocks and journal."""
_STALE: Final = "stale"
_MISSED: Final = "missed bars"
"""Apart from the stream's own name: an answer to a question does not bring the stream back."""


def _nowhere(_market_ms: int) -> None:
    """Do nothing: the market's clock is ours."""


@dataclass
class BarWatch:
    """Be the listener of one feed, and wait for its rows."""

    section: LiveSection
    symbols: tuple[str, ...]
    feed: BarFeed
    gate: BarGate
    clock: Clock
    journal: Journal
    blocks: Blocks
    counts: Counts
    reached: Callable[[int], None] = _nowhere
    """Told how far the market has come, by each bar that closes."""
    clock_look_s: float = 0.25
    """Longest wait for a bar by our clock: the market's may go faster."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _first_seen_s: float | None = None
    _asked_for: int = 0
    _due: tuple[int, float] = (0, 0.0)
    """The close that is due, and since when by our own clock."""

    def on_bar(self, bar: LiveBar) -> None:
        """Hear of a bar."""
        refused = self.gate.take(bar)
        if refused is not None:
            self.counts.bad_messages += 1
            self.journal.append_lazily(FaultSeen(BARS, refused))
        elif bar.closed:
            self._first_seen_s = self._first_seen_s or self.clock.monotonic_s()
            self.reached(bar.close_ts_ms)
            self._news.set()

    def on_feed(self, state: StreamState, reason: str) -> None:
        """Hear how the stream of bars stands."""
        self.journal.append_lazily(StreamChanged(BARS, state, reason))
        if state is StreamState.UP:
            self.blocks.lift(BARS)
            self._asked_for = 0
            self._news.set()
            return
        self.counts.stream_drops += 1
        self.blocks.put(BARS, f"the stream of bars is {state.value}: {reason}")

    async def next_row(self) -> Row:
        """Return the next row once it is complete, or when waiting for the rest of it is over."""
        while True:
            row = await self._look()
            if row is not None:
                return row

    @property
    def is_behind(self) -> bool:
        """Say whether the row after the one returned last is complete already."""
        return self.gate.is_complete()

    async def _look(self) -> Row | None:
        gate = self.gate
        if gate.is_complete():
            self._first_seen_s = None
            return gate.pop()
        wait_s = self._wait_s()
        if wait_s > 0:
            await self._wait_for_news(min(wait_s, self.clock_look_s))
            return None
        if self._asked_for < gate.next_close_ts_ms:
            self._asked_for = gate.closes.due_with(gate.next_close_ts_ms, self.clock.now_ms())
            await self._ask_for_bars()
            return None
        if gate.newest_close_ts_ms is None and not self._may_be_empty():
            await self._stay_stale()
            return None
        self.blocks.lift(_STALE)
        self._first_seen_s = None
        return gate.pop()

    def _wait_s(self) -> float:
        """Return how long to wait for the bars that are due: for the rest of a row, or for its close and that long."""
        wait_s = self.section.bar_wait_ms / _MS_PER_S
        newest = self.gate.newest_close_ts_ms
        if newest is not None and newest > self.gate.next_close_ts_ms:
            return 0.0  # a later bar is here: this one was missed
        if newest is not None and self._first_seen_s is not None:
            return self._first_seen_s + wait_s - self.clock.monotonic_s()
        if self._may_be_empty():
            wait_s = self.section.stale_after_ms / _MS_PER_S
        return wait_s - self._overdue_s()

    def _overdue_s(self) -> float:
        """Return how long the next close has been due, below 0 where it is still to come.

        By the market's clock or ours, whichever says more: the market's may stand still.
        """
        close_ts_ms, now_s = self.gate.next_close_ts_ms, self.clock.monotonic_s()
        overdue_s = (self.clock.now_ms() - close_ts_ms) / _MS_PER_S
        if overdue_s < 0.0:
            return overdue_s
        if self._due[0] != close_ts_ms:
            self._due = (close_ts_ms, now_s)
        return max(overdue_s, now_s - self._due[1])

    async def _wait_for_news(self, seconds: float) -> None:
        self._news.clear()
        if self.gate.is_complete():
            return
        news = asyncio.ensure_future(self._news.wait())
        timer = asyncio.ensure_future(self.clock.sleep(seconds))
        try:
            await asyncio.wait({news, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in (news, timer):
                waiter.cancel()

    async def _ask_for_bars(self) -> None:
        """Ask for the bars from the next row on to the newest that is due: each gap once."""
        first_ms = self.gate.closes.opening_of(self.gate.next_close_ts_ms)
        last_ms = max(self.gate.newest_close_ts_ms or 0, self.clock.now_ms()) + 1
        for symbol in self.symbols:
            try:
                bars = await self.feed.bars(symbol, first_ms, last_ms)
            except RetryableError as error:
                self.blocks.put(_MISSED, f"missed bars cannot be asked for: {error}")
                self._asked_for = 0
                await self.clock.sleep(_AGAIN_S)
                return
            for bar in bars:
                refused = self.gate.take(bar, confirmed=True)
                if refused is not None:
                    self.journal.append_lazily(FaultSeen(BARS, refused))
        self.blocks.lift(_MISSED)

    def _may_be_empty(self) -> bool:
        """Say whether the next row may well have no bars: nobody has to trade outside the regular session."""
        return self.gate.closes.is_thin(self.gate.next_close_ts_ms, self.clock.now_ms())

    async def _stay_stale(self) -> None:
        """No bar is to be had: nothing is opened on old ones, and the question is asked again."""
        late_ms = self.clock.now_ms() - self.gate.next_close_ts_ms
        if late_ms > self.section.stale_after_ms:
            self.blocks.put(_STALE, f"no bar has come for {late_ms / _MS_PER_S:.0f} s after it was due")
        self._asked_for = 0
        await self._wait_for_news(max(_AGAIN_S, self.section.bar_wait_ms / _MS_PER_S))
        if self.gate.newest_close_ts_ms is not None:
            self.blocks.lift(_STALE)
