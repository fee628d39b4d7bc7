"""How far our clock is from the exchange's: asked several times, the quickest answer counts, and asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from keel.domain.clock import Clock

_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class ClockSample:
    """Hold one comparison, milliseconds: the exchange's time less ours, and the round trip it was measured over.

    The truth is within half the round trip of `offset_ms`.
    """

    offset_ms: float
    round_trip_ms: float


class ClockSync:
    """Keep the offset of the exchange's clock to ours. `ask` returns the exchange's time, UTC epoch milliseconds."""

    def __init__(self, clock: Clock, ask: Callable[[], Awaitable[int]]) -> None:
        self._clock = clock
        self._ask = ask
        self._last: ClockSample | None = None
        self._asking: asyncio.Task[ClockSample] | None = None

    @property
    def last(self) -> ClockSample | None:
        """Return the last comparison, None before the first."""
        return self._last

    @property
    def offset_ms(self) -> float:
        """Return what is to be added to our time to have the exchange's, 0 before the first comparison."""
        return self._last.offset_ms if self._last else 0.0

    def venue_ms(self) -> int:
        """Return the exchange's time as we know it, UTC epoch milliseconds."""
        return int(self._clock.wall_ms() + self.offset_ms)

    def market_ms(self) -> int:
        """Return the market's time by the exchange's clock, UTC epoch milliseconds."""
        return self._clock.market_ms(self.offset_ms)

    async def refresh(self) -> ClockSample:
        """Compare the clocks now. Many who ask together share one comparison. Raises as `ask` does."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._compare())
        return await asyncio.shield(self._asking)

    async def stop(self) -> None:
        """Leave a comparison that is under way."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _compare(self) -> ClockSample:
        samples = [await self._sample() for _ in range(_SAMPLES)]
        self._last = min(samples, key=lambda sample: sample.round_trip_ms)
        return self._last

    async def _sample(self) -> ClockSample:
        began = self._clock.monotonic_s()
        venue_ms = await self._ask()
        round_trip_ms = (self._clock.monotonic_s() - began) * 1000
        # the exchange read its clock somewhere on the way: halfway is the best guess
        return ClockSample(venue_ms + round_trip_ms / 2 - self._clock.wall_ms(), round_trip_ms)
