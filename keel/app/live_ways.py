"""The ways of a live run to its market: venue, feed, clock and link of each environment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keel.config.modes import LiveRun
from keel.data.feed import BarFeed
from keel.data.sources.binance import BinanceFeed
from keel.domain.clock import Clock, WallClock
from keel.live.market_rules import VenueRules
from keel.venues.base import Venue
from keel.venues.binance import BinanceVenue
from keel.wire.binance_link import BinanceLink, BinanceSettings
from keel.wire.practice_market import PracticeClock, PracticeMarket

_MS_PER_S: Final = 1000.0


@dataclass(frozen=True)
class Way:
    """Hold the ways to a market: `offset_ms` asks how far our clock is ahead of the venue's."""

    venue: Venue
    """Where orders go, unless it is a dry run."""
    feed: BarFeed
    offset_ms: Callable[[], Awaitable[float]] | None = None
    rules: Callable[[], Awaitable[Mapping[str, VenueRules]]] | None = None
    """Asks for the venue's rules of its symbols as they are now."""


def way_of(config: LiveRun, link: BinanceLink) -> Way:
    """Return the way to Binance by a link."""
    idle_s = config.live.stream_idle_ms / _MS_PER_S

    async def offset_ms() -> float:
        return -(await link.sync.refresh()).offset_ms

    feed = BinanceFeed(link, config.data.symbols, config.data.timeframe, idle_s)
    venue = BinanceVenue(link, idle_s)
    return Way(venue, feed, offset_ms, venue.rules)


def market_of(config: LiveRun, clock: Clock) -> PracticeMarket | None:
    """Return the market whose clock is the run's, None where that is the machine's."""
    if isinstance(clock, PracticeClock) and config.venue.address is not None:
        return PracticeMarket(config.venue.address, clock)
    return None


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
