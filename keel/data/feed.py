"""The BarFeed port: bars of a live market, those that close now and those that were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from keel.domain.venue_messages import LiveBar, StreamState


class FeedListener(Protocol):
    """Hear what a feed pushes, in the order in which it came; called on the loop, never blocking."""

    def on_bar(self, bar: LiveBar) -> None:
        """Hear of a bar, open or closed, perhaps twice, out of order or with wrong prices: the listener judges."""

    def on_feed(self, state: StreamState, reason: str) -> None:
        """Hear that the stream was lost, is mute, or is back; after UP the caller asks for what it missed."""


class BarFeed(Protocol):
    """Give the bars of the configured symbols and timeframe."""

    async def prepare(self) -> None:
        """Make ready to be asked for bars, without hearing any yet. Raises RetryableError where nobody answers."""

    async def open(self, listener: FeedListener) -> None:
        """Connect and begin to hear bars. Raises RetryableError where the venue cannot be reached."""

    async def close(self) -> None:
        """Let go of every connection."""

    async def bars(self, symbol: str, start_ms: int, end_ms: int) -> Sequence[LiveBar]:
        """Return the closed bars that open in [start_ms, end_ms), oldest first. Raises RetryableError for no answer."""
