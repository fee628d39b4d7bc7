"""Play one schedule: lives of a process one after another on one journal, then quiet, then the truth compared."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from keel.app.live_ways import Way
from keel.app.wire_live import LiveParts, wire_by
from keel.config.load import load_config
from keel.config.modes import LiveRun
from keel.domain.errors import KeelError
from keel.domain.layout import LOCAL
from keel.domain.venue_messages import Outcome
from keel.journal.entries import (
    Alarm,
    BarsSeen,
    BookAdjusted,
    Decision,
    FillBooked,
    Note,
    OrderIntent,
    OrderResolved,
    StreamChanged,
    SubmitAnswered,
)
from keel.live.closes import Closes
from keel.live.rows import bar_records
from keel.risk.kill_switch import KillSwitch

from .faults import Fault, Faults, Schedule
from .faulty import CrashError, FaultyFeed, FaultyVenue, FragileJournal, Life, Line
from .market import BAR_MS, HISTORY, MANNERS, START_MS, AccountBook, Market
from .trader import RandomTrader
from .virtual import VirtualClock, VirtualLoop, at_once

ROOT = Path(__file__).resolve().parents[2]
NAME = "chaos.journal.sqlite"
CASH = 100_000
COINS = ("AAA", "BBB")
WORLDS = {
    "binance": "kind: binance, environment: practice, recv_window_ms: 1000",
    "alpaca": "kind: alpaca, paper: true",
}
"""Section venue, but for the address."""
RESERVES_BPS = {"binance": 100, "alpaca": 200}
_CALM_BARS = 2
_RESTART_S = 3.0
_MOST_LIVES = 40
_RESTARTS = 2
_FOUND_WITHIN_MS = 30_000
_CENT = 1e-6
CONFIG = """
extends: {root}/configs/base/crypto.yaml
mode: live
dry_run: false
venue: {{ {world}, address: "http://127.0.0.1:1" }}
run: {{ name: chaos, seed: 3, state_dir: state, logs_dir: logs, artifacts_dir: artifacts }}
data: {{ store: bars, venue: synthetic, symbols: [{symbols}], timeframe: 1m }}
market:
  instrument: {{ tick_size: "0.01", step_size: "0.00001", min_qty: "0.00001", min_notional: 1 }}
strategy: {{ class: "chaos.trader:RandomTrader" }}
account: {{ initial_cash: 100000, currency: {quote} }}
execution: {{ time_in_force: gtc, reserve_bps: {reserve} }}
risk: {{ daily_loss: 0.9, max_drawdown: 0.9, max_orders_per_min: 1000, close_order_reserve: 5 }}
live: {{ history_bars: 10, bar_wait_ms: 2000, poll_ms: 10000, unknown_grace_ms: 12000, kill_policy: {policy} }}
throttle: {{ max_signals_per_sec: 1000 }}
health: {{ enabled: false }}
"""


@dataclass
class Stand:
    """Hold what serves all schedules: configs read once, a new journal to copy, and a folder in memory."""

    folder: Path
    configs: dict[tuple[int, str, str], tuple[LiveRun, Any]] = field(default_factory=dict)

    def config(self, symbols: int, policy: str, like: str) -> tuple[LiveRun, Any]:
        key = symbols, policy, like
        if key not in self.configs:
            path = self.folder / "chaos.yaml"
            more = {"quote": MANNERS[like].quote, "world": WORLDS[like], "reserve": RESERVES_BPS[like]}
            pairs = ", ".join(f"{coin}/{more['quote']}" for coin in COINS[:symbols])
            path.write_text(CONFIG.format(root=ROOT, symbols=pairs, policy=policy, **more))
            loaded = load_config(path, [], expect_mode="live")
            assert isinstance(loaded.config, LiveRun)
            run = loaded.config.run.model_copy(update={"state_dir": str(self.folder / "state")})
            self.configs[key] = loaded.config.model_copy(update={"run": run}), loaded.document
        return self.configs[key]

    def clear(self) -> Path:
        """Return an empty state folder with a new journal in it."""
        state, template = self.folder / "state", self.folder / NAME
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir()
        if not template.exists():
            loop = VirtualLoop()
            FragileJournal.open(template, clock=VirtualClock(loop), redact=str).close()
            loop.close()
        shutil.copy(template, state / NAME)
        return state / NAME


@dataclass
class Verdict:
    """Hold what was found wrong with a schedule, and what it met."""

    wrong: list[str] = field(default_factory=list)
    lives: int = 0
    orders: int = 0
    fills: int = 0
    met: Counter[str] = field(default_factory=Counter)


def play(stand: Stand, schedule: Schedule) -> Verdict:
    """Play a schedule on a loop of its own."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        trial = Trial(stand, schedule, loop)
        loop.run_until_complete(trial.run())
        if loop.errors:
            trial.verdict.wrong.append(f"an error in the loop: {loop.errors[0]}")
        return trial.verdict
    finally:
        asyncio.set_event_loop(None)
        loop.close()


class Trial:
    """Play one schedule."""

    def __init__(self, stand: Stand, schedule: Schedule, loop: VirtualLoop) -> None:
        self.loop = loop
        self.schedule = schedule
        self.config, self.document = stand.config(schedule.symbols, schedule.kill_policy, schedule.like)
        self.path = stand.clear()
        self.market = Market(self.config.data.symbols, schedule.bars + 40, schedule.seed)
        manners = MANNERS[schedule.like]
        self.book = AccountBook(loop, self.market, schedule.seed, Decimal(CASH), schedule.fee_in_base, manners)
        self.faults = Faults(schedule.faults)
        self.line = Line()
        self.switch = KillSwitch.of(self.config.run, fail_closed=True)
        self.killed: list[tuple[float, float]] = []
        self.verdict = Verdict()
        self.parts: LiveParts | None = None
        self.venue: FaultyVenue | None = None
        self.feed: FaultyFeed | None = None
        self.life: Life | None = None
        self.down_s = _RESTART_S
        RandomTrader.seed = schedule.seed
        RandomTrader.until_ms = START_MS + schedule.bars * BAR_MS

    async def run(self) -> None:
        """Live until the faults are over, be calm, stop, and compare."""
        for fault in self.faults.timed:
            self.loop.call_at(fault.at_s, self._strike, fault)
        ends_s = self.schedule.bars * BAR_MS / 1000
        self.loop.call_at(ends_s, self._calm)
        calm_s = ends_s + _CALM_BARS * BAR_MS / 1000 + 10.5
        while True:
            stopped = await self._live(calm_s)
            if self.loop.time() >= calm_s or self.verdict.lives > _MOST_LIVES:
                break
            await asyncio.sleep(self.down_s)
            self.down_s = _RESTART_S
            if self.switch.is_tripped():
                self.switch.own.path.unlink()
                self.killed[-1] = (self.killed[-1][0], self.loop.time())
        if not stopped:
            self.verdict.wrong.append("the run could not be started and stopped after the faults")
        await self._compare()

    async def _live(self, until_s: float) -> bool:
        """Live once; return whether the run ended by its own stop."""
        self.verdict.lives += 1
        self.life = life = Life(self.faults, self._kill)
        driver = asyncio.current_task()
        try:
            journal = self._wire(life)
        except KeelError as error:
            self.verdict.wrong.append(f"the run cannot be built again: {error}")
            return False
        assert self.parts is not None
        runner = self.parts.runner
        task = asyncio.ensure_future(runner.run())
        ended = asyncio.ensure_future(life.ended.wait())
        timer = self.loop.call_at(max(until_s, self.loop.time()), self._stop_calmly, runner)
        await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()
        life.ended.set()
        for other in asyncio.all_tasks() - {driver}:
            other.cancel()
            await asyncio.wait({other})
        failed = None if task.cancelled() else task.exception()
        if not isinstance(failed, KeelError | CrashError | None):
            self.verdict.wrong.append(f"the run failed: {failed!r}")
        stopped = not task.cancelled() and failed is None
        if stopped and task.result().exit_code == 1:
            self.verdict.wrong.append(f"the run ended by a bug: {task.result().why}")
        self._let_go(journal, flush=stopped)
        return stopped

    def _wire(self, life: Life) -> FragileJournal:
        clock = VirtualClock(self.loop)
        journal = FragileJournal.open(self.path, clock=clock, redact=str)
        self.venue = FaultyVenue(self.loop, self.book, self.line, life)
        self.feed = FaultyFeed(self.loop, self.market, self.line, life)
        way = Way(self.venue, self.feed)
        self.parts = wire_by(way, at_once, self.config, self.document, "chaos", "hash", journal, clock)
        runner = self.parts.runner
        runner.kill_look_s, runner.beat_s, runner.status_s = 1.0, 30.0, 60.0
        runner.unknown_look_s, runner.exits_look_s, runner.flush_s = 2.0, 1.0, 2.0
        journal.life = life
        return journal

    def _let_go(self, journal: FragileJournal, *, flush: bool) -> None:
        """Close the file as the end of a process does: what waits is lost, unless the run ended in good order."""
        journal.life = None
        if not flush:
            journal._waiting.clear()
        journal.close()

    def _stop_calmly(self, runner: Any) -> None:
        """Look whether all that is open is known, then stop."""
        known = {order.name for order in runner.tracker.live()}
        for order in self.book.open_orders():
            if order.ticket.client_order_id not in known:
                self.verdict.wrong.append(f"open at the venue and not tracked: {order.ticket.client_order_id}")
        for fill in self.book.fills:
            if fill.ts_ms < self.book.now_ms - _FOUND_WITHIN_MS and not runner.journal.has_fill(
                fill.symbol, fill.trade_id
            ):
                self.verdict.wrong.append(f"trade {fill.trade_id} was not found within {_FOUND_WITHIN_MS} ms")
        runner.ask_to_stop("the schedule is over")

    def _calm(self) -> None:
        self.faults.over = True
        for line in ("reports_broken_until", "bars_broken_until"):
            setattr(self.line, line, min(getattr(self.line, line), self.loop.time()))

    def _strike(self, fault: Fault) -> None:
        life = self.life
        if self.faults.over or life is None:
            return
        self.faults.met[f"time {fault.kind}"] += 1
        if fault.kind == "outage":
            self.line.outage_until = self.loop.time() + fault.seconds
        elif fault.kind == "kill":
            self._kill()
        elif life.ended.is_set() or self.parts is None or self.venue is None or self.feed is None:
            return
        elif fault.kind == "stream_down":
            self.venue.break_stream(fault)
        elif fault.kind == "feed_down":
            self.feed.break_stream(fault)
        elif fault.kind == "crash":
            self.down_s = fault.seconds
            life.ended.set()
        else:
            self.down_s = fault.seconds
            self.parts.runner.ask_to_stop("asked to")

    def _kill(self) -> None:
        if not self.switch.is_tripped():
            self.switch.own.path.touch()
            self.killed.append((self.loop.time(), float("inf")))

    async def _compare(self) -> None:
        wrong, journal = self.verdict.wrong, self._wire(Life(self.faults, self._kill))
        entries = [recorded.entry for recorded in journal.entries()]
        wrong += await self._restarts_wrong(journal)
        wrong += self._orders_wrong(entries) + self._bars_wrong(entries)
        booked = Counter(entry.fill.trade_id for entry in entries if isinstance(entry, FillBooked))
        wrong += [f"trade {trade} is booked {n} times" for trade, n in booked.items() if n > 1]
        wrong += [f"trade {fill.trade_id} is not booked" for fill in self.book.fills if fill.trade_id not in booked]
        wrong += [f"the book was adjusted: {entry}" for entry in entries if isinstance(entry, BookAdjusted)]
        for entry in entries:
            if isinstance(entry, Alarm):
                if entry.text.startswith("no decision: strategy "):
                    wrong.append(entry.text)
                self.verdict.met[f"alarm {entry.text[:30]}"] += 1
        self.verdict.orders, self.verdict.fills = len(self.book.orders), len(self.book.fills)
        self.verdict.met += self.faults.met

    def _orders_wrong(self, entries: list[Any]) -> list[str]:
        taken = Counter(order.ticket.client_order_id for order in self.book.orders)
        sent = Counter(name for _, name in self.line.sent)
        intents = {entry.ticket.client_order_id: entry.why for entry in entries if isinstance(entry, OrderIntent)}
        wrong = [f"{name} led to {n} orders" for name, n in taken.items() if n > 1]
        wrong += [f"{name} was sent {n} times" for name, n in sent.items() if n > 1]
        wrong += [f"{name} was sent without an intent" for name in sent if name not in intents]
        wrong += [f"{order.ticket.client_order_id} is left open" for order in self.book.open_orders()]
        wrong += [f"{name} was given up and lives" for name in _given_up(entries) if name in taken]
        for from_s, to_s in self.killed:
            late = [name for at_s, name in self.line.sent if from_s <= at_s < to_s and intents.get(name) != "flatten"]
            wrong += [f"{name} was sent after the kill switch" for name in late]
        return wrong

    def _bars_wrong(self, entries: list[Any]) -> list[str]:
        closes = [entry.close_ts_ms for entry in entries if isinstance(entry, BarsSeen)]
        decided = Counter(entry.close_ts_ms for entry in entries if isinstance(entry, Decision))
        wrong = [f"{n} decisions at {close}" for close, n in decided.items() if n > 1]
        if closes != sorted(set(closes)):
            wrong.append(f"closes are not in order: {closes}")
        for entry in entries:
            for bar in entry.bars if isinstance(entry, BarsSeen) else ():
                if bar not in self.market.bars[bar.symbol]:
                    wrong.append(f"a bar that never was: {bar}")
        if self.verdict.lives == 1 and closes:
            missed = set(range(closes[0], closes[-1], BAR_MS)) - set(closes)
            wrong += [f"the bar that closed at {close} was missed" for close in sorted(missed)]
        return wrong

    async def _restarts_wrong(self, journal: FragileJournal) -> list[str]:
        """Start twice without change: the state must be the same each time, and that of the venue."""
        states: list[str] = []
        while len(states) < _RESTARTS:
            journal = self._wire(Life(self.faults, self._kill)) if states else journal
            assert self.parts is not None
            runner = self.parts.runner
            before = journal.last_seq
            await runner.venue.open(runner.ear)
            await runner.reconciler.reconcile()
            news = [recorded.entry for recorded in journal.since(before) if _is_news(recorded.entry)]
            states.append(_hash(runner.trader.resumable.capture()))
            if news:
                return [f"a restart without change wrote {news}"]
            self._let_go(journal, flush=False)
        wrong = [] if len(set(states)) == 1 else ["restarts without change lead to other states"]
        return wrong + self._book_wrong()

    def _book_wrong(self) -> list[str]:
        assert self.parts is not None
        desk, wrong = self.parts.runner.trader.desk, []
        place = (self.loop.time() * 1000) // BAR_MS + HISTORY
        bars = [self.market.bars[symbol][int(place)] for symbol in self.market.symbols]
        symbols = tuple(self.market.symbols)
        desk.close_row(bar_records(bars, symbols, bars[0].close_ts_ms, Closes(BAR_MS)), bars[0].close_ts_ms)
        if list(self.parts.runner.tracker.live()):
            wrong.append("an order is still taken for live")
        cash = float(desk.run_record["cash"][LOCAL])
        if abs(cash - float(self.book.cash)) > _CENT:
            wrong.append(f"our cash is {cash}, the venue's {self.book.cash}")
        for symbol, qty in zip(symbols, desk.account_view().position_qty, strict=True):
            if abs(qty - float(self.book.held[symbol])) > 1e-9:
                wrong.append(f"we hold {qty} of {symbol}, the venue {self.book.held[symbol]}")
        return wrong


def _given_up(entries: list[Any]) -> set[str]:
    """Return the orders that we took for never sent or refused."""
    gone = (Outcome.REFUSED, Outcome.NOT_SENT)
    answered = {
        one.client_order_id for one in entries if isinstance(one, SubmitAnswered) and one.result.outcome in gone
    }
    resolved = {one.client_order_id for one in entries if isinstance(one, OrderResolved) and one.what == "not_sent"}
    return answered | resolved


def _is_news(entry: Any) -> bool:
    return not isinstance(entry, StreamChanged | Note)


def _hash(state: Mapping[str, Any]) -> str:
    kept = {**state, "orders": sorted(state["orders"], key=lambda order: order["order_id"])}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def shrink(stand: Stand, schedule: Schedule) -> Schedule:
    """Return a schedule that still goes wrong, of which no fault can be left out."""
    for fault in schedule.faults:
        less = schedule.without(fault)
        if play(stand, less).wrong:
            return shrink(stand, less)
    return schedule
