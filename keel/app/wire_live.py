"""Build a live run from its config: the same parts for all, told apart by which venue, clock and market are wired."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from keel.app.live_assets import assets_of, grid_of, split_days_of
from keel.app.live_ways import Link, way_of
from keel.app.way import Way
from keel.app.wire_sectors import sector_caps_of
from keel.app.wire_strategy import load_strategy
from keel.app.wiring import instruments_of
from keel.config.modes import LiveRun
from keel.config.yaml_tree import Document
from keel.data.feed import BarFeed
from keel.data.market_hours import MarketHours
from keel.domain.clock import Clock
from keel.domain.timeframe import timeframe_ms
from keel.domain.venue_messages import VenueFill
from keel.journal.entries import Level, Note
from keel.journal.journal import Journal
from keel.live.bar_watch import BarWatch
from keel.live.blocks import Blocks
from keel.live.board import StatusBoard
from keel.live.closes import hours_of
from keel.live.counts import Counts
from keel.live.decider import Aside, BarHistory, Decider, Thinker, on_a_thread
from keel.live.ear import Ear
from keel.live.exits import ExitKeeper
from keel.live.flattening import Flattener
from keel.live.holders import HolderWatch
from keel.live.judging import Judge
from keel.live.market_rules import RulesWatch
from keel.live.orders import OrderTracker
from keel.live.placing import Placer
from keel.live.reconcile import Holdings, Reconciler
from keel.live.recovery import Resumable, newest_state, resume
from keel.live.rows import BarGate
from keel.live.runner import LiveRunner
from keel.live.sender import Sender
from keel.live.session import changes_since, in_few_words, last_session
from keel.live.session_watch import SessionWatch
from keel.live.split_days import SplitDays, SplitFeed
from keel.live.standing import Standing
from keel.live.status import StatusMaker
from keel.live.stopping import Stopper
from keel.live.trader import Trader
from keel.live.warm_up import WarmUp
from keel.risk.kill_switch import KillSwitch
from keel.sim.exchange import Exchange
from keel.sim.local import LocalDesk
from keel.sim.parameters import run_records, slot_records
from keel.strategies.port import Strategy
from keel.venues.base import Venue
from keel.venues.simulated import SimulatedVenue
from keel.wire.practice_market import PracticeClock, PracticeMarket

_LOG: Final = logging.getLogger(__name__)
_MS_PER_S: Final = 1000.0


def _nobody(_fill: VenueFill) -> None:
    """Tell nobody of a trade."""


@dataclass(frozen=True)
class LiveParts:
    """Hold a live run and what opens and closes around it."""

    runner: LiveRunner
    board: StatusBoard
    switch: KillSwitch
    market: PracticeMarket | None


def wire_live(
    config: LiveRun,
    document: Document,
    run_id: str,
    config_hash: str,
    journal: Journal,
    clock: Clock,
    link: Link,
    market: PracticeMarket | None,
    on_fill: Callable[[VenueFill], None] = _nobody,
) -> LiveParts:
    """Build the run; `market` is open. Raises ConfigError for a strategy that does not fit, GateRefusedError.

    `on_fill` is told of each trade that enters the book.
    """
    way, aside = way_of(config, link, market), on_a_thread()
    return wire_by(way, aside, config, document, run_id, config_hash, journal, clock, market, on_fill)


def wire_by(
    way: Way,
    aside: Aside,
    config: LiveRun,
    document: Document,
    run_id: str,
    config_hash: str,
    journal: Journal,
    clock: Clock,
    market: PracticeMarket | None = None,
    on_fill: Callable[[VenueFill], None] = _nobody,
) -> LiveParts:
    """Build the run on any way to a market; the strategy is asked `aside`. Raises as `wire_live` does."""
    wiring = _Wiring(way, aside, config, document, run_id, config_hash, journal, clock, market, on_fill)
    wiring.go_on()
    return LiveParts(wiring.runner, wiring.board, wiring.switch, wiring.market)


@dataclass
class _Wiring:
    """Make each part of a run once, when another asks for it."""

    way: Way
    aside: Aside
    config: LiveRun
    document: Document
    run_id: str
    config_hash: str
    journal: Journal
    clock: Clock
    market: PracticeMarket | None
    on_fill: Callable[[VenueFill], None]

    def __post_init__(self) -> None:
        self.symbols = self.config.data.symbols
        self.base_of, self.quote_of = assets_of(self.config)
        self.instruments = instruments_of(self.config)
        self.hashes = [instrument.id.stable_hash for instrument in self.instruments]
        self.timeframe_ms = timeframe_ms(self.config.data.timeframe)
        self.started_ms = self.clock.now_ms()
        self.rules = {symbol: self.config.market.rules_for(symbol) for symbol in self.symbols}
        self.blocks, self.counts = Blocks(), Counts()
        self.tracker = OrderTracker(self.base_of, self.quote_of)
        self.switch = KillSwitch.of(self.config.run, fail_closed=True)
        self.board = StatusBoard(self.clock, self.config.health.loop_bound_s)

    def go_on(self) -> None:
        """Bring the parts to where the journal leaves them, if there is anything in it; tell of a changed config."""
        changes = changes_since(last_session(self.journal), self.config)
        state = newest_state(self.journal)
        if state is not None:
            self.reconciler.holdings = self.resumable.holdings = Holdings.of(state["holdings"])
            resume(self.resumable, state, self.journal, self.clock.wall_ms())
            if self.simulated is not None:
                for order in self.tracker.live():
                    self.simulated.adopt(order.ticket)
        self.reconciler.holders = self.holders
        self.desk.number_orders_from(self.journal.next_order_id)
        if changes:
            is_open = bool(self.desk.account_now().position_qty.any()) or any(True for _ in self.tracker.live())
            text = f"the config has changed{' with something open' if is_open else ''}: {in_few_words(changes)}"
            self.journal.append([Note(text, level=Level.WARN)])
            _LOG.warning(text)

    @cached_property
    def strategy(self) -> Strategy:
        strategy = load_strategy(self.config.strategy.class_path, self.document)
        strategy.check_market(self.config.data.venue, self.symbols, self.config.data.timeframe)
        return strategy

    @cached_property
    def desk(self) -> LocalDesk:
        desk = LocalDesk(run_records(self.config), slot_records(self.config, self.instruments))
        desk.caps, _ = sector_caps_of(self.config)
        return desk

    @cached_property
    def exchange(self) -> Exchange | None:
        if not self.config.dry_run:
            return None
        return Exchange(run_records(self.config), slot_records(self.config, self.instruments))

    @cached_property
    def simulated(self) -> SimulatedVenue | None:
        if self.exchange is None:
            return None
        return SimulatedVenue(self.exchange, self.symbols, self.base_of, self.quote_of, self.clock)

    @cached_property
    def venue(self) -> Venue:
        return self.simulated or self.way.venue

    @cached_property
    def ear(self) -> Ear:
        wake = self._wake
        return Ear(self.tracker, self.desk, self.journal, self.clock, self.blocks, self.counts, wake, self.on_fill)

    def _wake(self) -> None:
        self.runner.wake()

    @cached_property
    def reconciler(self) -> Reconciler:
        return Reconciler(
            *(self.config.live, self.venue, self.tracker, self.ear, self.desk, self.journal, self.clock, self.blocks),
            *(self.base_of, self.quote_of, self.rules, self.started_ms),
        )

    @cached_property
    def resumable(self) -> Resumable:
        return Resumable(self.desk, self.tracker, self.reconciler.holdings, self.exchange, 0, self.config_hash)

    @cached_property
    def sender(self) -> Sender:
        may_send, refused = self._may_send, self._doubt_rules
        return Sender(self.venue, self.tracker, self.desk, self.journal, self.clock, self.counts, may_send, refused)

    def _doubt_rules(self) -> None:
        self.runner.doubt_rules()

    def _may_send(self) -> bool:
        return self.switch.why_tripped() is None

    @cached_property
    def exits(self) -> ExitKeeper:
        grids = [grid_of(self.config, symbol) for symbol in self.symbols]
        standing = Standing(self.desk, self.tracker, self.journal, self.clock, grids, self.venue.holds_pairs)
        judge, blocks = Judge(standing), self.blocks
        placer = Placer(standing, judge, self.sender, blocks, self.resumable, self.hashes, self._may_send)
        return ExitKeeper(self.venue, placer)

    @cached_property
    def history(self) -> BarHistory:
        return BarHistory(self.symbols, self.config.live.history_bars)

    @cached_property
    def hours(self) -> MarketHours | None:
        return hours_of(self.config)

    @cached_property
    def sessions(self) -> SessionWatch | None:
        if self.hours is None:
            return None
        asks = (self._wake, self._doubt_rules)
        watch = SessionWatch(self.hours, self.config.sessions, self.clock, self.journal, self.blocks, *asks)
        watch.whole_sessions = self.config.data.timeframe == "1d"
        return watch

    @cached_property
    def gate(self) -> BarGate:
        market = self.config.market
        return BarGate(self.symbols, self.timeframe_ms, self.config.live.max_price_jump, market.timezone, self.hours)

    @cached_property
    def trader(self) -> Trader:
        desk = self.desk
        return Trader(
            config=self.config,
            clock=self.clock,
            venue=self.venue,
            desk=desk,
            journal=self.journal,
            tracker=self.tracker,
            sender=self.sender,
            decider=Decider(self.config, self.strategy, desk.account_view, desk.live_orders, desk.heard),
            thinker=Thinker(self.clock, self.aside),
            history=self.history,
            blocks=self.blocks,
            counts=self.counts,
            hashes=self.hashes,
            resumable=self.resumable,
            exits=self.exits,
            rehearsal=self.simulated,
        )

    @cached_property
    def flattener(self) -> Flattener:
        return Flattener(
            self.venue,
            self.desk,
            self.tracker,
            self.reconciler,
            self.journal,
            self.clock,
            self.counts,
            self.symbols,
            self.hashes,
            self.base_of,
            self.rules,
        )

    @cached_property
    def stopper(self) -> Stopper:
        return Stopper(
            self.config.live,
            self.clock,
            self.tracker,
            self.sender,
            self.reconciler,
            self.journal,
            self.flattener,
            self.exits,
            settles=not self.config.dry_run,
        )

    @cached_property
    def split_days(self) -> SplitDays | None:
        return split_days_of(self.way, self.config, self.hours)

    @cached_property
    def feed(self) -> BarFeed:
        return self.way.feed if self.split_days is None else SplitFeed(self.way.feed, self.split_days, self.clock)

    @cached_property
    def holders(self) -> HolderWatch | None:
        if self.split_days is None:
            return None
        self.gate.ratio_between = self.split_days.ratio_between
        return HolderWatch(
            *(self.split_days, self.venue.account, self.base_of, self.quote_of, self.clock, self.resumable),
            *(self.exits, self.history, self.journal, self.blocks),
        )

    @cached_property
    def warm_up(self) -> WarmUp:
        return WarmUp(
            self.feed,
            self.clock,
            self.symbols,
            self.timeframe_ms,
            self.config.live.history_bars,
            self.history,
            self.desk,
            self.gate,
            self.resumable,
            self.simulated,
        )

    @cached_property
    def bars(self) -> BarWatch:
        watch = BarWatch(
            *(self.config.live, self.symbols, self.feed, self.gate),
            *(self.clock, self.journal, self.blocks, self.counts),
        )
        if isinstance(self.clock, PracticeClock):
            watch.reached = self.clock.reach
        return watch

    @cached_property
    def status(self) -> StatusMaker:
        return StatusMaker(
            self.config,
            self.run_id,
            self.venue.name,
            self.clock,
            self.desk,
            self.tracker,
            self.blocks,
            self.counts,
            self.trader.lines,
            self.started_ms,
            self.config.account.initial_cash,
            sessions=self.sessions,
        )

    @cached_property
    def rules_watch(self) -> RulesWatch | None:
        if self.way.rules is None or self.config.dry_run:
            return None
        return RulesWatch(self.way.rules, self.rules, self.blocks, self.journal, self._lend)

    def _lend(self, symbol: str, lent: bool) -> None:
        self.desk.lend(self.symbols.index(symbol), shortable=lent)

    @cached_property
    def runner(self) -> LiveRunner:
        return LiveRunner(
            config=self.config,
            clock=self.clock,
            venue=self.venue,
            feed=self.feed,
            journal=self.journal,
            tracker=self.tracker,
            ear=self.ear,
            reconciler=self.reconciler,
            sender=self.sender,
            trader=self.trader,
            stopper=self.stopper,
            warm_up=self.warm_up,
            bars=self.bars,
            blocks=self.blocks,
            counts=self.counts,
            board=self.board,
            status=self.status,
            kill=self.switch.sampled(clock=self.clock.monotonic_s),
            paced=None if self.market is None else self.market.decided,
            offset_ms=self.way.offset_ms,
            rules=self.rules_watch,
            sessions=self.sessions,
            holders=self.holders,
        )
