"""The ways of a live run to its market, by the exchange of its config: each loads its own client library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias, Union, cast

from keel.app.way import Way
from keel.config.modes import LiveRun
from keel.config.venue import AlpacaSection
from keel.domain.clock import Clock, WallClock
from keel.wire.practice_market import PracticeClock, PracticeMarket

if TYPE_CHECKING:
    from keel.preflight.probe import VenueProbe
    from keel.wire.alpaca_link import AlpacaLink
    from keel.wire.binance_link import BinanceLink

Link: TypeAlias = Union["BinanceLink", "AlpacaLink"]


def way_of(config: LiveRun, link: Link, market: PracticeMarket | None) -> Way:
    """Return the way to a config's exchange by a link to it; `market` is that whose clock is the run's, and is open."""
    if isinstance(config.venue, AlpacaSection):
        from keel.app import alpaca_ways

        return alpaca_ways.way_by(config, cast("AlpacaLink", link), in_step=market is not None and market.is_in_step)
    from keel.app import binance_ways

    return binance_ways.way_by(config, cast("BinanceLink", link))


def link_of(config: LiveRun, clock: Clock, environ: Mapping[str, str]) -> Link:
    """Return the link to the config's exchange; it connects at its first question. Raises ConfigError for odd keys."""
    if isinstance(config.venue, AlpacaSection):
        from keel.app import alpaca_ways

        return alpaca_ways.link_to(config, config.venue, clock, environ)
    from keel.app import binance_ways

    return binance_ways.link_to(config, config.venue, clock, environ)


def probe_of(config: LiveRun, environ: Mapping[str, str]) -> VenueProbe:
    """Return what asks the config's exchange for the doctor. Raises ConfigError for odd keys."""
    if isinstance(config.venue, AlpacaSection):
        from keel.app import alpaca_ways

        return alpaca_ways.probe_by(config, config.venue, environ)
    from keel.app import binance_ways

    return binance_ways.probe_by(config, config.venue, environ)


def market_of(config: LiveRun, clock: Clock) -> PracticeMarket | None:
    """Return the market whose clock is the run's, None where that is the machine's."""
    if isinstance(clock, PracticeClock) and config.venue.address is not None:
        return PracticeMarket(config.venue.address, clock)
    return None


def clock_of(config: LiveRun) -> Clock:
    """Return the clock of a config: that of the practice market, which may run faster, or the machine's."""
    return PracticeClock() if config.venue.environment == "practice" else WallClock()
