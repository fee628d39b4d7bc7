"""Requests to the venue: each is journalled before, sent once, and what is not known afterwards stays unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from keel.domain.clock import Clock
from keel.domain.orders import Reason
from keel.domain.venue_messages import CancelResult, Outcome, SubmitResult
from keel.journal.entries import Alarm, CancelAnswered, CancelIntent, Level, Note, SubmitAnswered
from keel.journal.journal import Journal
from keel.live.counts import Counts
from keel.live.order_line import OrderLine
from keel.live.orders import OrderTracker, TrackedOrder
from keel.sim.local import LocalDesk
from keel.venues.base import Venue

_MS_PER_S: Final = 1000.0
_TOLD_FROM_S: Final = 0.05
"""Wait in the line from which on it is told."""


class Sender:
    """Send orders and cancels. `may_send` is asked before every order: the kill switch, most of all.

    Orders wait in a line for the venue's rate limits, those that close first. Cancels wait in no line: a part of the
    limits is theirs.

    `refused` is called where the venue refused one: its rules may have changed.
    """

    def __init__(
        self,
        venue: Venue,
        tracker: OrderTracker,
        desk: LocalDesk,
        journal: Journal,
        clock: Clock,
        counts: Counts,
        may_send: Callable[[], bool],
        refused: Callable[[], None],
    ) -> None:
        self._venue = venue
        self._tracker = tracker
        self._desk = desk
        self._journal = journal
        self._clock = clock
        self._counts = counts
        self._refused = refused
        self._line = OrderLine(clock, venue.order_wait_s, may_send)

    def close_line(self) -> None:
        """Let nothing that waits for the venue's rate limits go any more but what protects a position."""
        self._line.close()

    async def send(self, orders: Sequence[TrackedOrder]) -> None:
        """Send orders whose intents are on the disk, in their order, and wait for the answers."""
        await asyncio.gather(*(self._submit(order) for order in orders))

    async def send_pair(self, first: TrackedOrder, second: TrackedOrder) -> None:
        """Send two orders of which one cancels the other, whose intents are on the disk, as one request."""
        second.in_line = True
        may_go = await self._may_go(first)
        second.in_line, second.sent_ms = False, first.sent_ms
        if not may_go:
            self._take(second, SubmitResult(Outcome.NOT_SENT, reason="its partner was not sent"), 0.0)
            return
        started_s = self._clock.monotonic_s()
        self._counts.count_sent(first, second)
        results = await self._venue.submit_pair(first.ticket, second.ticket)
        latency_ms = (self._clock.monotonic_s() - started_s) * _MS_PER_S
        for order, result in zip((first, second), results, strict=True):
            self._measure(result, latency_ms)
            self._take(order, result, latency_ms)

    async def cancel(self, orders: Sequence[TrackedOrder], why: str) -> None:
        """Cancel orders and wait for the answers; one that is asked for twice is asked twice."""
        if not orders:
            return
        self._journal.append([CancelIntent(order.ref, why) for order in orders])
        await asyncio.gather(*(self._cancel(order) for order in orders))

    async def cancel_journalled(self, orders: Sequence[TrackedOrder]) -> None:
        """Cancel orders whose intents are on the disk already."""
        await asyncio.gather(*(self._cancel(order) for order in orders))

    async def _submit(self, order: TrackedOrder) -> None:
        if not await self._may_go(order):
            return
        started_s = self._clock.monotonic_s()
        self._counts.count_sent(order)
        result = await self._venue.submit(order.ticket)
        latency_ms = (self._clock.monotonic_s() - started_s) * _MS_PER_S
        self._measure(result, latency_ms)
        self._take(order, result, latency_ms)

    async def _may_go(self, order: TrackedOrder) -> bool:
        """Wait for an order's turn and say whether it may go now; one that may not is over."""
        started_s = self._clock.monotonic_s()
        why_not = await self._line.wait(order)
        waited_s = self._clock.monotonic_s() - started_s
        if waited_s >= _TOLD_FROM_S:
            told = f"{order.name} waited {waited_s:.1f} s for its turn: the venue's rate limits were used up"
            self._journal.append_lazily(Note(told, order.ticket.symbol, Level.WARN))
        order.sent_ms = self._clock.wall_ms()
        if why_not is not None:
            self._take(order, SubmitResult(Outcome.NOT_SENT, reason=why_not), 0.0)
        return why_not is None

    def _measure(self, result: SubmitResult, latency_ms: float) -> None:
        self._count(result.outcome, latency_ms)
        self._counts.submit.add(latency_ms)
        self._counts.orders_rejected += result.outcome is Outcome.REFUSED

    def _take(self, order: TrackedOrder, result: SubmitResult, latency_ms: float) -> None:
        symbol, now_ms = order.ticket.symbol, self._clock.now_ms()
        self._journal.append_lazily(SubmitAnswered(symbol, order.name, result, latency_ms))
        order.venue_order_id = result.venue_order_id or order.venue_order_id
        if result.outcome is Outcome.UNKNOWN:
            self._tracker.doubt(order, self._clock.wall_ms())
        elif result.outcome in (Outcome.REFUSED, Outcome.NOT_SENT):
            reason = Reason.VENUE_REFUSED if result.outcome is Outcome.REFUSED else Reason.NOT_SENT
            if result.outcome is Outcome.REFUSED:
                self._refused()
            for event in self._tracker.refuse(order, now_ms, now_ms, reason):
                self._desk.hear(event)
            if order.ticket.reduce_only and not order.part:
                text = f"an order that protects {symbol} was not taken ({result.reason}): the position is bare"
                self._journal.append_lazily(Alarm(text, symbol))

    async def _cancel(self, order: TrackedOrder) -> None:
        started_s = self._clock.monotonic_s()
        order.cancel_asked_ms = self._clock.wall_ms()
        result: CancelResult = await self._venue.cancel(order.ref)
        latency_ms = (self._clock.monotonic_s() - started_s) * _MS_PER_S
        order.cancel_failed = result.outcome is not Outcome.DONE
        self._count(result.outcome, latency_ms)
        self._journal.append_lazily(CancelAnswered(order.ticket.symbol, order.name, result, latency_ms))

    def _count(self, outcome: Outcome, latency_ms: float) -> None:
        self._counts.requests += latency_ms > 0.0
        self._counts.request_errors += outcome in (Outcome.UNKNOWN, Outcome.NOT_SENT)
