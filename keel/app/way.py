"""A way to a market: what a live run needs of an exchange, whichever it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from keel.data.feed import BarFeed
from keel.domain.holder_messages import HolderNews
from keel.venues.base import Venue
from keel.wire.venue_rules import VenueRules

PROBE_RETRIES: Final = 1
"""Times a question of the doctor is asked again: it is run again sooner than it should wait."""
PROBE_RETRY_S: Final = 0.5


@dataclass(frozen=True)
class Way:
    """Hold the ways to a market: `offset_ms` asks how far our clock is ahead of the venue's."""

    venue: Venue
    """Where orders go, unless it is a dry run."""
    feed: BarFeed
    offset_ms: Callable[[], Awaitable[float]] | None = None
    rules: Callable[[], Awaitable[Mapping[str, VenueRules]]] | None = None
    """Asks for the venue's rules of its symbols as they are now."""
    holders: HolderNews | None = None
    """Asks what happens to holders, where something does."""
