"""A live run from its start to its end: one loop, a few watchers, and one way out (design: the decision cycle)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from keel.config.modes import LiveRun
from keel.data.feed import BarFeed
from keel.domain.clock import Clock
from keel.domain.errors import HaltTradingError, KeelError, RetryableError, UsageError
from keel.domain.orders import TradingState
from keel.domain.sessions import Activity
from keel.domain.timeframe import MS_PER_DAY
from keel.journal.entries import Alarm, KillSwitchSeen, SessionEnded, TradingBegan
from keel.journal.journal import Journal
from keel.journal.texts import in_parts
from keel.live.bar_watch import BarWatch
from keel.live.blocks import Blocks
from keel.live.board import StatusBoard
from keel.live.clock_watch import ClockWatch
from keel.live.counts import Counts
from keel.live.ear import REPORTS, Ear
from keel.live.holders import HolderWatch
from keel.live.market_rules import RulesWatch
from keel.live.orders import OrderTracker
from keel.live.reconcile import Reconciler
from keel.live.rows import Row
from keel.live.sender import Sender
from keel.live.session_watch import SessionWatch
from keel.live.status import StatusMaker
from keel.live.stopping import Stopper
from keel.live.trader import Trader
from keel.live.warm_up import WarmUp
from keel.risk.kill_switch import KillSwitchSampler
from keel.venues.base import Venue

_LOG: Final = logging.getLogger(__name__)
_MS_PER_S: Final = 1000.0
_DOUBT_LOOK_S: Final = 0.3
"""Time to the next look at an account that differs from our book."""
Watch = Callable[[], Coroutine[Any, Any, None]]
_RETRY_S: Final = 1.0
_JOURNAL: Final = "journal"
"""Name of the journal in blocks, as the trader has it."""
_RULES_S: Final = 3600.0
_RULES_WRONG_S: Final = 10.0
"""Time between two looks at the venue's rules: usually, and where they are not ours."""


@dataclass(frozen=True)
class Ending:
    """Tell how a run ended: why, and the exit code."""

    why: str
    exit_code: int


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
    bars: BarWatch
    blocks: Blocks
    counts: Counts
    board: StatusBoard
    status: StatusMaker
    kill: KillSwitchSampler
    paced: Callable[[int], Awaitable[None]] | None = None
    """Told each close whose decision is on the disk and sent: a rehearsal in lockstep waits for it."""
    offset_ms: Callable[[], Awaitable[float]] | None = None
    """Asks how far our clock is ahead of the venue's."""
    rules: RulesWatch | None = None
    sessions: SessionWatch | None = None
    """Those of a market that closes."""
    holders: HolderWatch | None = None
    """Of a venue that tells of splits, dividends and fees."""
    _rules_doubted: asyncio.Event = field(default_factory=asyncio.Event)
    kill_look_s: float = 0.02
    beat_s: float = 0.1
    status_s: float = 0.5
    unknown_look_s: float = 0.5
    exits_look_s: float = 0.05
    flush_s: float = 1.0
    _look: asyncio.Event = field(default_factory=asyncio.Event)
    _ending: asyncio.Future[Ending] | None = None
    _watching: list[asyncio.Future[None]] = field(default_factory=list)
    _stopping: bool = False
    _copied_on: int | None = None
    """Day, since 1970, of the last copy of the journal."""

    async def run(self) -> Ending:
        """Trade until something ends the run; then let no order be forgotten. Raises what a failed start raises."""
        self._ending = asyncio.get_running_loop().create_future()
        beats = [asyncio.ensure_future(self._guard(beat)) for beat in self._beats()]
        try:
            await self._start()
            self._watching = [asyncio.ensure_future(self._guard(watch)) for watch in self._watches()]
            ending = await self._ending
            return await self._finish(ending)
        except BaseException as error:
            self._fail(str(error) or type(error).__name__)
            self._record_end(str(error) or type(error).__name__, getattr(error, "exit_code", 1))
            raise
        finally:
            await _let_go([*beats, *self._watching])
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

    def doubt_rules(self) -> None:
        """Have the venue's rules compared with ours soon."""
        self._rules_doubted.set()

    async def _start(self) -> None:
        self._publish("reconciling")
        await self.venue.open(self.ear)
        await self.reconciler.reconcile()
        if self.reconciler.is_in_doubt:
            await self.clock.sleep(_DOUBT_LOOK_S)
            await self.reconciler.reconcile()
        if self.rules is not None and self.rules.has_shorts:
            await self.rules.check()
        if self.ear.connection is not None:
            self.blocks.lift(REPORTS)
        self._publish("warming up")
        await self.feed.prepare()
        warm = await self.warm_up.run()
        # Only now: a market in lockstep goes on with the first who listens. What closes meanwhile is asked for.
        await self.feed.open(self.bars)
        book = json.dumps(self.trader.resumable.capture(), separators=(",", ":"))
        self.journal.append([*warm.unseen, TradingBegan(warm.close_ts_ms, warm.rows, in_parts(book))])
        self._tell_of_latch()
        if self.sessions is not None:
            self.sessions.look()
            self._follow_halt()
        self._publish("trading")
        if self.paced is not None:  # whoever was here before us may have gone without a word on this close
            await self.paced(warm.close_ts_ms)

    def _tell_of_latch(self) -> None:
        state = self.trader.desk.trading_state
        if state is TradingState.ACTIVE:
            return
        lifts = "scripts/reset_latch.py lifts it" if state is TradingState.HALTED else "it ends with the day"
        text = f"the risk guard is {state.name} since before this start: {lifts}"
        self.journal.append([Alarm(text)])
        _LOG.error(text)

    def _follow_halt(self) -> None:
        """Take the state of a halted day where the risk guard, or the kill switch, lets nothing through."""
        if self.sessions is None:
            return
        if self.kill.why is not None:
            self.sessions.halt(f"kill switch: {self.kill.why}")
        elif self.trader.desk.trading_state is TradingState.HALTED:
            self.sessions.halt("the risk guard is HALTED")

    async def _finish(self, ending: Ending) -> Ending:
        self._stopping = True
        self._publish("stopping")
        _LOG.info("stopping: %s", ending.why)
        await self.stopper.stop(ending.why, killed=self.kill.why is not None)
        await _let_go(self._watching)  # what a close that is still thought about has come to is written before the end
        if ending.exit_code == 0 and self.trader.desk.trading_state is TradingState.HALTED:
            ending = Ending(f"{ending.why}; the risk guard is HALTED", HaltTradingError.exit_code)
        self._record_end(ending.why, ending.exit_code)
        return ending

    def _record_end(self, why: str, exit_code: int) -> None:
        """Write how the session ended, and put a copy aside; a disk that refuses changes nothing about the end."""
        try:
            self.journal.append([SessionEnded(why, exit_code)])
        except UsageError as error:
            _LOG.error("the end of the session is not journalled: %s", error)
            return
        self._copy_journal()

    def _copy_journal(self) -> None:
        try:
            self.journal.save_copy()
        except UsageError as error:
            text = f"no copy of the journal could be put aside: {error}"
            _LOG.error(text)
            self.journal.append_lazily(Alarm(text))

    def _beats(self) -> Sequence[Watch]:
        return (self._watch_kill_switch, self._beat, self._show)

    def _watches(self) -> Sequence[Watch]:
        return (
            self._watch_bars,
            self._watch_orders,
            self._watch_unknown,
            self._watch_exits,
            self._watch_clock,
            self._watch_rules,
            self._keep_journal,
            *(() if self.sessions is None else (self._watch_sessions,)),
        )

    async def _guard(self, watch: Watch) -> None:
        """End the run where a watcher fails: none of them may be missing without anybody noticing."""
        try:
            await watch()
        except HaltTradingError as error:
            if self.sessions is not None:
                self.sessions.halt(str(error))
            self.ask_to_stop(str(error), error.exit_code)
        except KeelError as error:
            self._fail(str(error))
            code = HaltTradingError.exit_code if isinstance(error, RetryableError) else error.exit_code
            self.ask_to_stop(str(error), code)
        except Exception as error:  # noqa: BLE001 - whatever fails, the run ends in good order and says so
            _LOG.exception("a watcher of the live run failed")
            text = f"this is a bug in Keel: {type(error).__name__}: {error}"
            self._fail(text)
            self.ask_to_stop(text, 1)

    def _fail(self, why: str) -> None:
        if self.sessions is not None:
            self.sessions.fail(why)

    async def _watch_sessions(self) -> None:
        if self.sessions is not None:
            await self.sessions.run()

    async def _watch_kill_switch(self) -> None:
        while not self.kill.is_tripped():
            await self.clock.sleep(self.kill_look_s)
        why = self.kill.why or "the kill switch"
        self.trader.desk.trip_kill_switch()
        self.blocks.put("kill switch", why)
        self._follow_halt()
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
            row = await self.bars.next_row()
            self.status.last_close_ms = row.close_ts_ms
            if self.sessions is not None:
                self.sessions.look()
            if self.holders is not None:
                await self.holders.before_row(row.close_ts_ms)
            await self.trader.take_row(row, self._why_not(row), may_open=self._may_open(row))
            self._follow_halt()
            self._publish(self.status.phase)
            if self.paced is not None:
                await self.paced(row.close_ts_ms)
            self._copy_each_day(row.close_ts_ms)

    def _why_not(self, row: Row) -> str | None:
        """Return why nothing is decided at a close, None where something is."""
        if self._stopping or (self._ending is not None and self._ending.done()):
            return "the run is stopping"
        late_ms = self.clock.now_ms() - row.close_ts_ms
        if late_ms > self.config.live.stale_after_ms or self.bars.is_behind:
            return f"it came {late_ms / _MS_PER_S:.1f} s late"
        return None if self.sessions is None else self.sessions.why_watched(row.close_ts_ms)

    def _may_open(self, row: Row) -> bool:
        return self.sessions is None or self.sessions.activity(row.close_ts_ms) is Activity.TRADE

    async def _watch_rules(self) -> None:
        if self.rules is None:
            return
        right = True
        while True:
            await self._first_of(self._rules_doubted, _RULES_S if right else _RULES_WRONG_S)
            try:
                right = await self.rules.check()
            except RetryableError as error:
                _LOG.warning("the venue's rules cannot be read: %s", error)

    async def _first_of(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for an event, or so long at most; the event is taken."""
        waiters = (asyncio.ensure_future(event.wait()), asyncio.ensure_future(self.clock.sleep(seconds)))
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()
        event.clear()

    async def _watch_orders(self) -> None:
        while True:
            poll_s = self.config.live.poll_ms / _MS_PER_S
            await self._first_of(self._look, min(poll_s, _DOUBT_LOOK_S) if self.reconciler.is_in_doubt else poll_s)
            await self._compare()

    async def _compare(self) -> None:
        connection = self.ear.connection
        try:
            await self.reconciler.reconcile()
        except RetryableError as error:
            self.blocks.put("reconcile", f"orders and trades cannot be compared: {error}")
            await self.clock.sleep(_RETRY_S)
            self._look.set()
            return
        self.blocks.lift("reconcile")
        if connection is not None and connection == self.ear.connection:
            self.blocks.lift(REPORTS)  # what the stream missed before it was up has been asked for

    async def _watch_unknown(self) -> None:
        while True:
            # each is a question of its own: many are not asked for more often, together, than one is
            await self.clock.sleep(self.unknown_look_s * max(1, len(self.tracker.unknown())))
            if self.tracker.unknown():
                await self.reconciler.resolve_unknown()

    async def _keep_journal(self) -> None:
        """Write what waits in a quiet moment, so that little is lost with the process and no send waits for it."""
        while True:
            await self.clock.sleep(self.flush_s)
            try:
                self.journal.flush()
            except UsageError as error:
                self.blocks.put(_JOURNAL, f"the journal cannot be written: {error}")
            else:
                self.blocks.lift(_JOURNAL)

    def _copy_each_day(self, close_ts_ms: int) -> None:
        """Put a copy of the journal aside after the first decision of a day: there is time until the next close."""
        day = close_ts_ms // MS_PER_DAY
        if self._copied_on is not None and day > self._copied_on:
            self._copy_journal()
        self._copied_on = day

    async def _watch_exits(self) -> None:
        while True:
            await self.clock.sleep(self.exits_look_s)
            await self.trader.exits.tend()

    async def _watch_clock(self) -> None:
        if self.offset_ms is not None:
            section = self.config.clock_sync
            watch = ClockWatch(self.offset_ms, section, self.clock, self.journal, self.blocks, self.status)
            await watch.run()


async def _let_go(watchers: Sequence[asyncio.Future[None]]) -> None:
    for watcher in watchers:
        watcher.cancel()
    await asyncio.gather(*watchers, return_exceptions=True)
