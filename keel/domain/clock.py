"""Time, as everything live asks for it: nothing below `app` reads the machine's clock or sleeps by itself.

Two clocks meet in a rehearsal: the *market's*, which the bars follow and which may run faster than ours, and ours, by
which requests are signed, limits refill and timeouts run out. `now_ms` is the market's, the rest is ours.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Tell the time and wait."""

    def now_ms(self) -> int:
        """Return the market's time, UTC epoch milliseconds."""

    def market_ms(self, offset_ms: float, /) -> int:
        """Return the market's time by the exchange's own clock, which is ours and that much more."""

    def wall_ms(self) -> int:
        """Return our own time, UTC epoch milliseconds: what signatures carry."""

    def monotonic_s(self) -> float:
        """Return seconds that never run backwards, from an origin of no meaning."""

    async def sleep(self, seconds: float) -> None:
        """Wait by our own time."""


class WallClock:
    """Be the machine's clock: the market's time is ours."""

    def now_ms(self) -> int:
        """Return the machine's time, UTC epoch milliseconds."""
        return self.wall_ms()

    def market_ms(self, offset_ms: float, /) -> int:
        """Return the machine's time, corrected, UTC epoch milliseconds."""
        return self.now_ms() + int(offset_ms)

    def wall_ms(self) -> int:
        """Return the machine's time, UTC epoch milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
