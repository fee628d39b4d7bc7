"""The line in which orders wait for the venue's rate limits: those that close first, then in their order."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from keel.domain.clock import Clock
from keel.live.orders import TrackedOrder

_LOOK_S: Final = 0.1
"""Time between two looks of who is first: also at the kill switch."""
_LONGEST_WAIT_S: Final = 70.0
"""A minute's limit frees all of itself within it; an order that would wait longer is not sent: its time has passed."""


@dataclass(order=True)
class _Place:
    opens: bool
    number: int
    is_first: asyncio.Event = field(default_factory=asyncio.Event, compare=False)


class OrderLine:
    """Let orders go one by one. `wait_s` says how long the limits keep the next, `may_send` whether any may go."""

    def __init__(self, clock: Clock, wait_s: Callable[[], float], may_send: Callable[[], bool]) -> None:
        self._clock = clock
        self._wait_s = wait_s
        self._may_send = may_send
        self._places: list[_Place] = []
        self._numbers = count()
        self._closed = False

    def close(self) -> None:
        """Let nothing go any more but what protects a position: the run is stopping."""
        self._closed = True

    async def wait(self, order: TrackedOrder) -> str | None:
        """Wait for an order's turn; return why it may not go, None where it may.

        Who may go has to send before it waits for anything else: only then is its turn its own.
        """
        place = _Place(_opens(order), next(self._numbers))
        insort(self._places, place)
        order.in_line = True
        try:
            return await self._wait_at(place, order)
        finally:
            order.in_line = False
            self._places.remove(place)
            if self._places:
                self._places[0].is_first.set()

    async def _wait_at(self, place: _Place, order: TrackedOrder) -> str | None:
        started_s = self._clock.monotonic_s()
        while True:
            if self._places[0] is not place:
                place.is_first.clear()
                await place.is_first.wait()
                continue
            if not self._may_send() or (self._closed and not order.ticket.reduce_only):
                return "stopped before it was sent"
            wait_s, waited_s = self._wait_s(), self._clock.monotonic_s() - started_s
            if wait_s <= 0.0:
                return None
            if waited_s + wait_s > _LONGEST_WAIT_S:
                return f"the venue's rate limits would have kept it for {waited_s + wait_s:.0f} s"
            await self._clock.sleep(min(wait_s, _LOOK_S))


def _opens(order: TrackedOrder) -> bool:
    record = order.ticket.record
    return not order.ticket.reduce_only and (record is None or record["opening_qty"] > 0.0)
