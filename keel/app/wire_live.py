"""Build a live run from its config: the same parts for all, told apart by which venue, clock and market are wired."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from keel.app.wire_strategy import load_strategy
from keel.app.wiring import instruments_of
from keel.config.modes import LiveRun
from keel.config.yaml_tree import Document
from keel.data.feed import BarFeed
from keel.data.sources.binance import BinanceFeed
from keel.domain.clock import Clock, WallClock
from keel.domain.timeframe import timeframe_ms
from keel.journal.journal import Journal
from keel.live.blocks import Blocks
from keel.live.board import StatusBoard
from keel.live.counts import Counts
from keel.live.decider import Aside, BarHistory, Decider, Thinker, on_a_thread
from keel.live.ear import Ear
from keel.live.flattening import Flattener
from keel.live.market_rules import RulesWatch, VenueRules
from keel.live.orders import OrderTracker
from keel.live.reconcile import Reconciler
from keel.live.recovery import Resumable, newest_state, resume
from keel.live.rows import BarGate
from keel.live.runner import LiveRunner
from keel.live.sender import Sender
from keel.live.status import StatusMaker
from keel.live.stopping import Stopper
from keel.live.trader import Trader
from keel.live.warm_up import WarmUp
from keel.risk.kill_switch import KillSwitch
from keel.sim.exchange import Exchange
from keel.sim.local import LocalDesk
from keel.sim.parameters import run_records, slot_records
from keel.venues.base import Venue
from keel.venues.binance import BinanceVenue
from keel.venues.simulated import SimulatedVenue
from keel.wire.binance_link import BinanceLink, BinanceSettings
from keel.wire.practice_market import PracticeClock, PracticeMarket

_MS_PER_S = 1000.0


@dataclass(frozen=True)
class LiveParts:
    """Hold a live run and what opens and closes around it."""

    runner: LiveRunner
    board: StatusBoard
    switch: KillSwitch
    market: PracticeMarket | None


@dataclass(frozen=True)
class Way:
    """Hold the ways to a market: `offset_ms` asks how far our clock is ahead of the venue's."""

    venue: Venue
    """Where orders go, unless it is a dry run."""
    feed: BarFeed
    offset_ms: Callable[[], Awaitable[float]] | None = None
    rules: Callable[[], Awaitable[Mapping[str, VenueRules]]] | None = None
    """Asks for the venue's rules of its symbols as they are now."""


def wire_live(
    config: LiveRun,
    document: Document,
    run_id: str,
    config_hash: str,
    journal: Journal,
    clock: Clock,
    link: BinanceLink,
) -> LiveParts:
    """Build the run. Raises ConfigError for a strategy that does not fit, GateRefusedError for a journal."""
    return wire_by(way_of(config, link), on_a_thread(), config, document, run_id, config_hash, journal, clock)


def way_of(config: LiveRun, link: BinanceLink) -> Way:
    """Return the way to Binance by a link."""
    idle_s = config.live.stream_idle_ms / _MS_PER_S

    async def offset_ms() -> float:
        return -(await link.sync.refresh()).offset_ms

    feed = BinanceFeed(link, config.data.symbols, config.data.timeframe, idle_s)
    venue = BinanceVenue(link, idle_s)
    return Way(venue, feed, offset_ms, venue.rules)


def wire_by(
    way: Way,
    aside: Aside,
    config: LiveRun,
    document: Document,
    run_id: str,
    config_hash: str,
    journal: Journal,
    clock: Clock,
) -> LiveParts:
    """Build the run on any way to a market; the strategy is asked `aside`. Raises as `wire_live` does."""
    instruments = instruments_of(config)
    base_of, quote_of = _assets(config)
    strategy = load_strategy(config.strategy.class_path, document)
    strategy.check_market(config.data.venue, config.data.symbols, config.data.timeframe)
    desk = LocalDesk(run_records(config), slot_records(config, instruments))
    exchange = Exchange(run_records(config), slot_records(config, instruments)) if config.dry_run else None
    tracker = OrderTracker(base_of, quote_of)
    simulated = None
    if exchange is not None:
        simulated = SimulatedVenue(exchange, config.data.symbols, base_of, quote_of, clock)
    venue, feed = simulated or way.venue, way.feed
    blocks, counts = Blocks(), Counts()
    started_ms = clock.now_ms()
    ear = Ear(tracker, desk, journal, clock, blocks, counts, lambda: runner.wake())
    rules = {symbol: config.market.rules_for(symbol) for symbol in config.data.symbols}
    reconciler = Reconciler(
        config.live, venue, tracker, ear, desk, journal, clock, blocks, base_of, quote_of, rules, started_ms
    )
    resumable = Resumable(desk, tracker, reconciler.holdings, exchange, 0, config_hash)
    _go_on(resumable, reconciler, journal, clock, simulated)
    desk.number_orders_from(journal.next_order_id)
    switch = KillSwitch(Path(config.run.state_dir), fail_closed=True)
    sampler = switch.sampled(clock=clock.monotonic_s)
    sender = Sender(
        venue, tracker, desk, journal, clock, counts, lambda: switch.why_tripped() is None, lambda: runner.doubt_rules()
    )
    history = BarHistory(config.data.symbols, config.live.history_bars)
    hashes = [instrument.id.stable_hash for instrument in instruments]
    trader = Trader(
        config=config,
        clock=clock,
        venue=venue,
        desk=desk,
        journal=journal,
        tracker=tracker,
        sender=sender,
        decider=Decider(config, strategy, desk.account_view, desk.live_orders, desk.heard),
        thinker=Thinker(clock, aside),
        history=history,
        blocks=blocks,
        counts=counts,
        hashes=hashes,
        resumable=resumable,
        rehearsal=simulated,
    )
    gate = BarGate(config.data.symbols, timeframe_ms(config.data.timeframe), config.live.max_price_jump)
    board = StatusBoard(clock, config.health.loop_bound_s)
    flattener = Flattener(
        venue,
        desk,
        tracker,
        reconciler,
        journal,
        clock,
        config.data.symbols,
        hashes,
        base_of,
        {symbol: each.step_size for symbol, each in rules.items()},
        {symbol: each.min_qty for symbol, each in rules.items()},
    )
    market = None
    if isinstance(clock, PracticeClock) and config.venue.address is not None:
        market = PracticeMarket(config.venue.address, clock)

    runner = LiveRunner(
        config=config,
        clock=clock,
        venue=venue,
        feed=feed,
        journal=journal,
        tracker=tracker,
        ear=ear,
        reconciler=reconciler,
        sender=sender,
        trader=trader,
        stopper=Stopper(
            config.live, clock, tracker, sender, reconciler, journal, flattener, settles=not config.dry_run
        ),
        warm_up=WarmUp(
            feed,
            clock,
            config.data.symbols,
            timeframe_ms(config.data.timeframe),
            config.live.history_bars,
            history,
            desk,
            gate,
            resumable,
            simulated,
        ),
        gate=gate,
        blocks=blocks,
        counts=counts,
        board=board,
        status=StatusMaker(
            config,
            run_id,
            venue.name,
            clock,
            desk,
            tracker,
            blocks,
            counts,
            trader.lines,
            started_ms,
            config.account.initial_cash,
        ),
        kill=sampler,
        paced=None if market is None else market.decided,
        reached=clock.reach if isinstance(clock, PracticeClock) else lambda _: None,
        offset_ms=way.offset_ms,
        rules=None if way.rules is None or config.dry_run else RulesWatch(way.rules, rules, blocks, journal),
    )
    return LiveParts(runner, board, switch, market)


def clock_of(config: LiveRun) -> Clock:
    """Return the clock of a config: that of the practice market, which may run faster, or the machine's."""
    return PracticeClock() if config.venue.environment == "practice" else WallClock()


def link_of(config: LiveRun, clock: Clock, environ: Mapping[str, str]) -> BinanceLink:
    """Return the way to the config's Binance; it connects at its first question."""
    settings = BinanceSettings.of(
        config.venue,
        config.throttle,
        config.latency,
        config.clock_sync,
        seed=config.run.seed,
        state_dir=Path(config.run.state_dir),
        key=environ.get("BINANCE_API_KEY") or None,
        secret=environ.get("BINANCE_API_SECRET") or None,
    )
    return BinanceLink(settings, clock)


def _assets(config: LiveRun) -> tuple[dict[str, str], dict[str, str]]:
    """Return each symbol's base asset and quote currency, by symbol."""
    pairs = {symbol: symbol.partition("/") for symbol in config.data.symbols}
    return {symbol: pair[0] for symbol, pair in pairs.items()}, {symbol: pair[2] for symbol, pair in pairs.items()}


def _go_on(
    resumable: Resumable, reconciler: Reconciler, journal: Journal, clock: Clock, simulated: SimulatedVenue | None
) -> None:
    """Bring the parts to where the journal leaves them, if there is anything in it."""
    from keel.live.reconcile import Holdings

    state = newest_state(journal)
    if state is None:
        return
    reconciler.holdings = resumable.holdings = Holdings.of(state["holdings"])
    resume(resumable, state, journal, clock.wall_ms())
    if simulated is not None:
        for order in resumable.tracker.live():
            simulated.adopt(order.ticket)
