"""The way of a live run to Alpaca."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from keel.app.alpaca_probe import AlpacaProbe
from keel.app.venue_keys import venue_keys
from keel.app.way import PROBE_RETRIES, PROBE_RETRY_S, Way
from keel.config.modes import LiveRun
from keel.config.venue import AlpacaSection
from keel.data.sources.alpaca import AlpacaFeed
from keel.domain.clock import Clock, WallClock
from keel.live.closes import hours_of
from keel.venues.alpaca import AlpacaVenue
from keel.venues.alpaca_auctions import AuctionHours
from keel.wire.alpaca_link import AlpacaLink, AlpacaSettings

_MS_PER_S: Final = 1000.0


def way_by(config: LiveRun, link: AlpacaLink, *, in_step: bool) -> Way:
    """Return the way by a link; a market that goes `in_step` with us has no nights, so no evening to wait for."""
    idle_s = config.live.stream_idle_ms / _MS_PER_S

    async def offset_ms() -> float:
        return -(await link.sync.refresh()).offset_ms

    feed = AlpacaFeed(link, config.data.symbols, config.data.timeframe, idle_s)
    hours = None if in_step else hours_of(config)
    venue = AlpacaVenue(link, idle_s, None if hours is None else AuctionHours(hours))
    return Way(venue, feed, offset_ms, venue.rules, venue.holders)


def link_to(config: LiveRun, venue: AlpacaSection, clock: Clock, environ: Mapping[str, str]) -> AlpacaLink:
    """Return the way to the config's Alpaca; it connects at its first question. Raises ConfigError for odd keys."""
    return AlpacaLink(_settings(config, venue, environ, Path(config.run.state_dir)), clock)


def probe_by(config: LiveRun, venue: AlpacaSection, environ: Mapping[str, str]) -> AlpacaProbe:
    """Return what asks Alpaca for the doctor: it gives up soon, and connects at its first question."""
    folder = Path(config.run.state_dir)
    settings = _settings(config, venue, environ, folder if folder.is_dir() else None)
    soon = replace(settings, retries=PROBE_RETRIES, backoff_base_s=PROBE_RETRY_S, max_backoff_s=PROBE_RETRY_S)
    return AlpacaProbe(AlpacaLink(soon, WallClock()))


def _settings(
    config: LiveRun, venue: AlpacaSection, environ: Mapping[str, str], state_dir: Path | None
) -> AlpacaSettings:
    keys = venue_keys(venue.kind, environ)
    return AlpacaSettings.of(
        venue,
        config.throttle,
        config.latency,
        config.clock_sync,
        seed=config.run.seed,
        state_dir=state_dir,
        key=keys.key or None,
        secret=keys.secret or None,
    )
