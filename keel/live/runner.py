"""A live run from its start to its end: one loop, a few watchers, and one way out (design: the decision cycle)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from keel.config.modes import LiveRun
from keel.data.feed import BarFeed
from keel.domain.clock import Clock
from keel.domain.errors import HaltTradingError, KeelError, RetryableError
from keel.domain.orders import TradingState
from keel.domain.timeframe import timeframe_ms
from keel.domain.venue_messages import LiveBar, StreamState
from keel.journal.entries import ClockDrift, FaultSeen, KillSwitchSeen, Note, SessionEnded, StreamChanged
from keel.journal.journal import Journal
from keel.live.blocks import Blocks
from keel.live.board import StatusBoard
from keel.live.counts import Counts
from keel.live.ear import REPORTS, Ear
from keel.live.orders import OrderTracker
from keel.live.reconcile import Reconciler
from keel.live.rows import BarGate, Row
from keel.live.sender import Sender
from keel.live.status import StatusMaker
from keel.live.stopping import Stopper
from keel.live.trader import Trader
from keel.live.warm_up import WarmUp
from keel.risk.kill_switch import KillSwitchSampler
from keel.venues.base import Venue

_LOG: Final = logging.getLogger(__name__)
_MS_PER_S: Final = 1000.0
Watch = Callable[[], Coroutine[Any, Any, None]]
BARS: Final = "bars"
"""Name of the stream of bars, in blocks and journal."""
_RETRY_S: Final = 1.0


@dataclass(frozen=True)
class Ending:
    """Tell how a run ended: why, and the exit code."""

    why: str
    exit_code: int


def _nowhere(_market_ms: int) -> None:
    """Do nothing: the market's clock is ours."""


@dataclass
class LiveRunner:
    """Run the parts that `keel.app` has put together, until something ends the run."""

    config: LiveRun
    clock: Clock
    venue: Venue
    feed: BarFeed
    journal: Journal
    tracker: OrderTracker
    ear: Ear
    reconciler: Reconciler
    sender: Sender
    trader: Trader
    stopper: Stopper
    warm_up: WarmUp
    gate: BarGate
    blocks: Blocks
    counts: Counts
    board: StatusBoard
    status: StatusMaker
    kill: KillSwitchSampler
    paced: Callable[[int], Awaitable[None]] | None = None
    """Told each close whose decision is on the disk and sent: a rehearsal in lockstep waits for it."""
    reached: Callable[[int], None] = _nowhere
    """Told how far the market has come, by each bar that closes."""
    offset_ms: Callable[[], Awaitable[float]] | None = None
    """Asks how far our clock is ahead of the venue's."""
    kill_look_s: float = 0.02
    beat_s: float = 0.1
    status_s: float = 0.5
    unknown_look_s: float = 0.5
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _look: asyncio.Event = field(default_factory=asyncio.Event)
    _ending: asyncio.Future[Ending] | None = None
    _first_seen_s: float | None = None
    _asked_for: int = 0
    _stopping: bool = False
    _faults: list[str] = field(default_factory=list)

    async def run(self) -> Ending:
        """Trade until something ends the run; then let no order be forgotten. Raises what a failed start raises."""
        self._ending = asyncio.get_running_loop().create_future()
        watchers = [asyncio.ensure_future(self._guard(beat)) for beat in self._beats()]
        try:
            await self._start()
            watchers += [asyncio.ensure_future(self._guard(watch)) for watch in self._watches()]
            ending = await self._ending
            return await self._finish(ending)
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
            await self.feed.close()
            await self.venue.close()
            self._publish("stopped")

    def ask_to_stop(self, why: str, exit_code: int = 0) -> None:
        """End the run in good order; the first reason counts."""
        if self._ending is not None and not self._ending.done():
            self._ending.set_result(Ending(why, exit_code))

    def wake(self) -> None:
        """Have orders and trades compared soon."""
        self._look.set()

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

    async def _start(self) -> None:
        self._publish("reconciling")
        await self.venue.open(self.ear)
        await self.reconciler.reconcile()
        self.blocks.lift(REPORTS)
        self._publish("warming up")
        await self.feed.open(self)
        rows = await self.warm_up.run()
        self._publish("trading")
        self.journal.append([Note(f"trading, with {rows} bars to look back on")])

    async def _finish(self, ending: Ending) -> Ending:
        self._stopping = True
        self._publish("stopping")
        _LOG.info("stopping: %s", ending.why)
        await self.stopper.stop(ending.why, killed=self.kill.why is not None)
        if ending.exit_code == 0 and self.trader.desk.trading_state is TradingState.HALTED:
            ending = Ending(f"{ending.why}; the risk guard is HALTED", HaltTradingError.exit_code)
        self.journal.append([SessionEnded(ending.why, ending.exit_code)])
        return ending

    def _beats(self) -> Sequence[Watch]:
        return (self._watch_kill_switch, self._beat, self._show)

    def _watches(self) -> Sequence[Watch]:
        return (self._watch_bars, self._watch_orders, self._watch_unknown, self._watch_clock)

    async def _guard(self, watch: Watch) -> None:
        """End the run where a watcher fails: none of them may be missing without anybody noticing."""
        try:
            await watch()
        except HaltTradingError as error:
            self.ask_to_stop(str(error), error.exit_code)
        except KeelError as error:
            self.ask_to_stop(str(error), error.exit_code)
        except Exception as error:  # noqa: BLE001 - whatever fails, the run ends in good order and says so
            _LOG.exception("a watcher of the live run failed")
            self.ask_to_stop(f"this is a bug in Keel: {type(error).__name__}: {error}", 1)

    async def _watch_kill_switch(self) -> None:
        while not self.kill.is_tripped():
            await self.clock.sleep(self.kill_look_s)
        why = self.kill.why or "the kill switch"
        self.trader.desk.trip_kill_switch()
        self.blocks.put("kill switch", why)
        self.ask_to_stop(f"kill switch: {why}", 3)
        self.journal.append([KillSwitchSeen(why)])

    async def _beat(self) -> None:
        while True:
            self.board.beat()
            if self.board.stop_asked is not None:
                self.ask_to_stop(f"asked to by {self.board.stop_asked}")
            await self.clock.sleep(self.beat_s)

    async def _show(self) -> None:
        while True:
            self._publish(self.status.phase)
            await self.clock.sleep(self.status_s)

    def _publish(self, phase: str) -> None:
        self.status.phase = phase
        self.board.publish(self.status.make())

    async def _watch_bars(self) -> None:
        while True:
            row = await self._next_row()
            if row is None:
                continue
            self.status.last_close_ms = row.close_ts_ms
            await self.trader.take_row(row, self._why_not(row))
            self._publish(self.status.phase)
            if self.paced is not None:
                await self.paced(row.close_ts_ms)

    def _why_not(self, row: Row) -> str | None:
        """Return why nothing is decided at a close, None where something is."""
        if self._stopping or (self._ending is not None and self._ending.done()):
            return "the run is stopping"
        late_ms = self.clock.now_ms() - row.close_ts_ms
        if late_ms > self.config.live.stale_after_ms or self.gate.is_complete():
            return f"it came {late_ms / _MS_PER_S:.1f} s late"
        return None

    async def _next_row(self) -> Row | None:
        """Return the next row once it is complete, or when waiting for the rest of it is over."""
        gate = self.gate
        if gate.is_complete():
            self._first_seen_s = None
            return gate.pop()
        wait_s = self._wait_s()
        if wait_s > 0:
            await self._wait_for_news(wait_s)
            return None
        if self._asked_for != gate.next_close_ts_ms:
            self._asked_for = gate.next_close_ts_ms
            await self._ask_for_bars()
            return None
        newest = gate.newest_close_ts_ms
        if newest is None:
            await self._stay_stale()
            return None
        self._first_seen_s = None
        return gate.pop()

    def _wait_s(self) -> float:
        """Return how long to wait for the bars that are due: for the rest of a row, or for its close and that long."""
        wait_s = self.config.live.bar_wait_ms / _MS_PER_S
        newest = self.gate.newest_close_ts_ms
        if newest is not None and newest > self.gate.next_close_ts_ms:
            return 0.0  # a later bar is here: this one was missed
        if newest is not None and self._first_seen_s is not None:
            return self._first_seen_s + wait_s - self.clock.monotonic_s()
        return (self.gate.next_close_ts_ms - self.clock.now_ms()) / _MS_PER_S + wait_s

    async def _wait_for_news(self, seconds: float) -> None:
        self._news.clear()
        if self.gate.is_complete():
            return
        await self._either(self._news, seconds)

    async def _either(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for an event, or until the time is over."""
        waiters: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(event.wait()),
            asyncio.ensure_future(self.clock.sleep(seconds)),
        ]
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()

    async def _ask_for_bars(self) -> None:
        """Ask for the bars from the next row on to the newest that is due: each gap once."""
        span_ms = timeframe_ms(self.config.data.timeframe)
        first_ms = self.gate.next_close_ts_ms - span_ms
        last_ms = max(self.gate.newest_close_ts_ms or 0, self.clock.now_ms()) + 1
        for symbol in self.config.data.symbols:
            try:
                bars = await self.feed.bars(symbol, first_ms, last_ms)
            except RetryableError as error:
                self.blocks.put(BARS, f"missed bars cannot be asked for: {error}")
                self._asked_for = 0
                await self.clock.sleep(_RETRY_S)
                return
            for bar in bars:
                refused = self.gate.take(bar, confirmed=True)
                if refused is not None:
                    self.journal.append_lazily(FaultSeen(BARS, refused))
        self.blocks.lift(BARS)

    async def _stay_stale(self) -> None:
        """No bar is to be had: nothing is opened on old ones, and the question is asked again."""
        late_ms = self.clock.now_ms() - self.gate.next_close_ts_ms
        if late_ms > self.config.live.stale_after_ms:
            self.blocks.put("stale", f"no bar has come for {late_ms / _MS_PER_S:.0f} s after it was due")
        self._asked_for = 0
        await self._wait_for_news(max(_RETRY_S, self.config.live.bar_wait_ms / _MS_PER_S))
        if self.gate.newest_close_ts_ms is not None:
            self.blocks.lift("stale")

    async def _watch_orders(self) -> None:
        while True:
            await self._either(self._look, self.config.live.poll_ms / _MS_PER_S)
            self._look.clear()
            await self._compare()

    async def _compare(self) -> None:
        try:
            await self.reconciler.reconcile()
        except RetryableError as error:
            self.counts.request_errors += 1
            self.blocks.put("reconcile", f"orders and trades cannot be compared: {error}")
            await self.clock.sleep(_RETRY_S)
            self._look.set()
            return
        self.blocks.lift("reconcile")
        self.blocks.lift(REPORTS)

    async def _watch_unknown(self) -> None:
        while True:
            await self.clock.sleep(self.unknown_look_s)
            if self.tracker.unknown():
                await self.reconciler.resolve_unknown()

    async def _watch_clock(self) -> None:
        if self.offset_ms is None:
            return
        section = self.config.clock_sync
        while True:
            try:
                offset_ms = await self.offset_ms()
            except RetryableError as error:
                self.blocks.put("clock", f"the venue's clock cannot be read: {error}")
            else:
                self._judge_clock(offset_ms)
            await self.clock.sleep(section.refresh_sec)

    def _judge_clock(self, offset_ms: float) -> None:
        section = self.config.clock_sync
        self.status.clock_offset_ms = offset_ms
        drift = ClockDrift(offset_ms, section.warn_threshold_ms, section.kill_threshold_ms)
        self.journal.append_lazily(drift)
        self.blocks.lift("clock")
        if abs(offset_ms) >= section.kill_threshold_ms:
            raise HaltTradingError(f"our clock is {offset_ms:+.0f} ms off the venue's: set it, then start again")
        if abs(offset_ms) >= section.warn_threshold_ms:
            _LOG.warning("our clock is %+.0f ms off the venue's", offset_ms)
