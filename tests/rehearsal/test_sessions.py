"""A dry run over a half day, a holiday and a whole day: it decides where its backtest decides, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from chaos.virtual import START_MS, VirtualClock, VirtualLoop, at_once

from keel.app.live_ways import Way
from keel.app.wire_live import LiveParts, wire_by
from keel.app.wiring import instruments_of
from keel.config.load import load_config
from keel.config.modes import LiveRun
from keel.data.feed import FeedListener
from keel.data.market_hours import MarketHours, activities
from keel.domain.layout import LOCAL
from keel.domain.orders import EventKind
from keel.domain.sessions import Activity, SessionState, Window
from keel.domain.venue_messages import LiveBar
from keel.journal.entries import Alarm, Decision, Entry, FaultSeen, HistorySeen, OrderIntent
from keel.journal.journal import Journal
from keel.journal.market_entries import MarketStateChanged
from keel.live.closes import closes_of
from keel.live.rows import bar_records
from keel.live.runner import Ending
from keel.sim.engine import Simulator
from keel.sim.parameters import run_records, slot_records
from keel.strategies.decisions import decide_all
from keel.strategies.moving_average import MovingAverageCrossover
from keel.strategies.panel import BarPanel

ROOT = Path(__file__).resolve().parents[2]
SYMBOLS = ("AAA/USDT", "BBB/USDT")
BAR_MS = 900_000
CONFIG = """
extends: {root}/configs/base/crypto.yaml
mode: live
dry_run: true
venue: {{ kind: binance, environment: practice, address: "http://127.0.0.1:1" }}
run: {{ name: day, seed: 3, state_dir: {folder}, logs_dir: {folder}, artifacts_dir: {folder} }}
data: {{ store: bars, venue: synthetic, symbols: [AAA/USDT, BBB/USDT], timeframe: 15m }}
market:
  calendar: XNYS
  timezone: America/New_York
  instrument: {{ tick_size: "0.01", step_size: "0.00001", min_qty: "0.00001", min_notional: 1 }}
strategy: {{ class: "keel.strategies.moving_average:MovingAverageCrossover", params: {{ short: 1, long: 3 }} }}
account: {{ initial_cash: 100000 }}
risk: {{ daily_loss: 0.9, max_drawdown: 0.9, max_orders_per_min: 1000, close_order_reserve: 5 }}
live: {{ history_bars: 40, poll_ms: 600000 }}
throttle: {{ max_signals_per_sec: 1000 }}
health: {{ enabled: false }}
{sessions}
"""
BY_DEFAULT = ""
LONGER = "sessions: { pre_market: trade, at_close: reduce, after_hours: reduce }"


def moment(text: str) -> int:
    """Return a moment on the wall of New York, UTC milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000)


BEGINS_MS, ENDS_MS = moment("2024-07-03 09:10"), moment("2024-07-05 17:40")


Act = Callable[[Path, "MadeFeed"], None]
"""Does something to a run's state folder, or to its feed."""


class MadeFeed:
    """Be the BarFeed of a market that has bars from 04:00 to the end of after hours, some missing."""

    def __init__(self, loop: VirtualLoop, config: LiveRun) -> None:
        self._loop = loop
        self.is_broken = False
        hours, rng = MarketHours("XNYS", config.sessions), np.random.default_rng(1)
        opens = range(moment("2024-07-01 00:00"), ENDS_MS, BAR_MS)
        self.bars_of: dict[str, list[LiveBar]] = {symbol: [] for symbol in SYMBOLS}
        for symbol, bars in self.bars_of.items():
            last = 100.0
            for open_ms in opens:
                window = hours.at(open_ms).window
                if window is Window.CLOSED or (window is not Window.REGULAR and rng.random() < 0.4):
                    continue
                close = round(last * (1 + float(rng.normal(0, 0.004))), 2)
                high, low = round(max(last, close) * 1.002, 2), round(min(last, close) * 0.998, 2)
                bars.append(LiveBar(symbol, open_ms, open_ms + BAR_MS, last, high, low, close, 1e5, closed=True))
                last = close

    async def prepare(self) -> None:
        """Be ready."""

    async def open(self, listener: FeedListener) -> None:
        for bar in (bar for bars in self.bars_of.values() for bar in bars):
            at_s = (bar.close_ts_ms - START_MS) / 1000 + 0.05
            if at_s > self._loop.time():
                self._loop.call_at(at_s, self._push, listener, bar)

    def _push(self, listener: FeedListener, bar: LiveBar) -> None:
        if not self.is_broken:
            listener.on_bar(bar)

    async def close(self) -> None:
        """Let go of nothing."""

    async def bars(self, symbol: str, start_ms: int, end_ms: int) -> Sequence[LiveBar]:
        if self.is_broken:
            raise ZeroDivisionError("a bug")
        now_ms = START_MS + int(self._loop.time() * 1000)
        bars = self.bars_of[symbol]
        return [bar for bar in bars if start_ms <= bar.open_ts_ms < end_ms and bar.close_ts_ms <= now_ms]


@dataclass
class Days:
    """Hold what a dry run over the days left behind."""

    config: LiveRun
    feed: MadeFeed
    parts: LiveParts
    ending: Ending
    entries: list[Entry]

    def of_kind(self, kind: type[Entry]) -> list[Any]:
        return [entry for entry in self.entries if isinstance(entry, kind)]

    def backtest(self) -> tuple[Simulator, np.ndarray, np.ndarray]:
        """Play the same bars by the simulator; return it, the closes after the history, and what is allowed there."""
        by_close: dict[int, list[LiveBar]] = {}
        for bar in (bar for bars in self.feed.bars_of.values() for bar in bars):
            by_close.setdefault(bar.close_ts_ms, []).append(bar)
        first = min(entry.columns["close_ts_ms"][0] for entry in self.of_kind(HistorySeen))
        closes = [close for close in sorted(by_close) if first <= close <= ENDS_MS]
        rows = closes_of(self.config)
        bars = np.array([bar_records(by_close[close], SYMBOLS, close, rows) for close in closes])
        begun = int(np.searchsorted(closes, BEGINS_MS))
        targets = decide_all(
            MovingAverageCrossover(MovingAverageCrossover.Params(short=1, long=3)), BarPanel(bars, SYMBOLS)
        )
        targets[:begun] = np.nan
        stamps = np.array(closes)
        allowed = activities(self.config.sessions, "XNYS", "15m", stamps)
        assert allowed is not None
        run, slots = run_records(self.config), slot_records(self.config, instruments_of(self.config))
        simulator = Simulator(bars, run, slots, activities=allowed)
        simulator.run(targets)
        return simulator, stamps[begun:], allowed[begun:]


def play(folder: Path, sessions: str, act: Act | None = None) -> Days:
    """Let a dry run go over the days, or until what `act` does after the open ends it."""
    path = folder / "day.yaml"
    path.write_text(CONFIG.format(root=ROOT, folder=folder, sessions=sessions))
    loaded = load_config(path, [], expect_mode="live")
    assert isinstance(loaded.config, LiveRun)
    loop = VirtualLoop()
    loop._jumping.now_s = (BEGINS_MS - START_MS) / 1000
    asyncio.set_event_loop(loop)
    try:
        clock = VirtualClock(loop)
        feed = MadeFeed(loop, loaded.config)
        with Journal.open(folder / "day.journal.sqlite", clock=clock, redact=str) as journal:
            way: Any = Way(None, feed)  # a dry run has a venue of its own
            parts = wire_by(way, at_once, loaded.config, loaded.document, "day", "hash", journal, clock)
            if act is not None:
                loop.call_at((moment("2024-07-03 09:40") - START_MS) / 1000, act, folder, feed)
            ending = loop.run_until_complete(live_until_the_end(parts))
            journal.flush()
            return Days(loaded.config, feed, parts, ending, [recorded.entry for recorded in journal.entries()])
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def live_until_the_end(parts: LiveParts) -> Ending:
    runner = parts.runner
    runner.kill_look_s = runner.beat_s = runner.status_s = runner.unknown_look_s = runner.exits_look_s = 300.0
    runner.flush_s = runner.bars.clock_look_s = 300.0
    assert runner.sessions is not None
    runner.sessions.look_s = 20.0
    asyncio.get_running_loop().call_later((ENDS_MS - BEGINS_MS) / 1000, runner.ask_to_stop, "the days are over")
    return await runner.run()


@pytest.fixture(scope="module", params=[BY_DEFAULT, LONGER], ids=["regular hours", "longer hours"])
def days(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Days:
    return play(tmp_path_factory.mktemp("days"), request.param)


def test_a_dry_run_decides_and_trades_as_its_backtest_over_a_half_day_and_a_holiday(days: Days):
    assert days.ending.exit_code == 0, days.ending
    simulator, closes, allowed = days.backtest()
    assert [entry.close_ts_ms for entry in days.of_kind(Decision)] == closes[allowed != Activity.WATCH].tolist()
    sent = [(entry.order_id, float(entry.ticket.qty)) for entry in days.of_kind(OrderIntent)]
    submitted = simulator.events[simulator.events["kind"] == EventKind.SUBMITTED]
    assert sent == [(int(event["order_id"]) + 1, float(event["qty"])) for event in submitted]
    assert len(sent) > 10
    assert days.parts.runner.trader.desk.run_record["cash"][LOCAL] == simulator.run_record["cash"][LOCAL]
    assert not days.of_kind(Alarm)
    assert not days.of_kind(FaultSeen)


def test_the_states_follow_the_calendar_and_are_journalled(days: Days):
    told = days.of_kind(MarketStateChanged)
    assert [entry.after for entry in told] == [
        SessionState.PRE_MARKET,
        SessionState.MARKET_OPEN,
        SessionState.MARKET_CLOSE,
        SessionState.AFTER_HOURS,
        SessionState.INITIALIZING,
        SessionState.PRE_MARKET,
        SessionState.MARKET_OPEN,
        SessionState.MARKET_CLOSE,
        SessionState.AFTER_HOURS,
    ]
    assert told[4].why == "the market's window is closed since 2024-07-03 21:00 UTC", "a half day ends at 17:00"
    assert told[5].why.endswith("since 2024-07-05 08:00 UTC"), "nothing happens on Independence Day"
    status = days.parts.board.status
    assert status is not None
    assert status.session is SessionState.AFTER_HOURS
    assert status.session_change_ms == moment("2024-07-05 20:00")
    assert status.reasons == (), "a market that is closed is no fault"
    use = days.config.sessions.after_hours
    told_why = f"the market's window is after_hours: sessions.after_hours is {use}"
    assert days.parts.runner.blocks.reasons == (told_why,)


def pull_the_switch(folder: Path, _feed: MadeFeed) -> None:
    (folder / "kill_switch.flag").touch()


def break_it(_folder: Path, feed: MadeFeed) -> None:
    feed.is_broken = True


def test_the_kill_switch_halts_the_day(tmp_path: Path):
    days = play(tmp_path, BY_DEFAULT, pull_the_switch)
    assert days.ending.exit_code == 3
    assert [entry.after.value for entry in days.of_kind(MarketStateChanged)][-2:] == ["market_open", "halted"]


def test_a_bug_ends_the_day_in_error(tmp_path: Path):
    days = play(tmp_path, BY_DEFAULT, break_it)
    assert days.ending.exit_code == 1
    told = days.of_kind(MarketStateChanged)
    assert [entry.after.value for entry in told][-2:] == ["halted", "error"]
    assert told[-1].why == "this is a bug in Keel: ZeroDivisionError: a bug"
