"""The way of a live run to Binance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from keel.app.binance_probe import BinanceProbe
from keel.app.venue_keys import venue_keys
from keel.app.way import PROBE_RETRIES, PROBE_RETRY_S, Way
from keel.config.modes import LiveRun
from keel.config.venue import BinanceSection
from keel.data.sources.binance import BinanceFeed
from keel.domain.clock import Clock, WallClock
from keel.venues.binance import BinanceVenue
from keel.wire.binance_link import BinanceLink, BinanceSettings

_MS_PER_S: Final = 1000.0


def way_by(config: LiveRun, link: BinanceLink) -> Way:
    """Return the way by a link."""
    idle_s = config.live.stream_idle_ms / _MS_PER_S

    async def offset_ms() -> float:
        return -(await link.sync.refresh()).offset_ms

    feed = BinanceFeed(link, config.data.symbols, config.data.timeframe, idle_s)
    venue = BinanceVenue(link, idle_s)
    return Way(venue, feed, offset_ms, venue.rules)


def link_to(config: LiveRun, venue: BinanceSection, clock: Clock, environ: Mapping[str, str]) -> BinanceLink:
    """Return the way to the config's Binance; it connects at its first question. Raises ConfigError for odd keys."""
    return BinanceLink(_settings(config, venue, environ, Path(config.run.state_dir)), clock)


def probe_by(config: LiveRun, venue: BinanceSection, environ: Mapping[str, str]) -> BinanceProbe:
    """Return what asks Binance for the doctor: it gives up soon, and connects at its first question."""
    folder = Path(config.run.state_dir)
    settings = _settings(config, venue, environ, folder if folder.is_dir() else None)
    soon = replace(settings, retries=PROBE_RETRIES, backoff_base_s=PROBE_RETRY_S, max_backoff_s=PROBE_RETRY_S)
    return BinanceProbe(BinanceLink(soon, WallClock()))


def _settings(
    config: LiveRun, venue: BinanceSection, environ: Mapping[str, str], state_dir: Path | None
) -> BinanceSettings:
    keys = venue_keys(venue.kind, environ)
    return BinanceSettings.of(
        venue,
        config.throttle,
        config.latency,
        config.clock_sync,
        seed=config.run.seed,
        state_dir=state_dir,
        key=keys.key or None,
        secret=keys.secret or None,
    )
