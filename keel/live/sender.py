"""Requests to the venue: each is journalled before, sent once, and what is not known afterwards stays unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from keel.domain.clock import Clock
from keel.domain.orders import Reason
from keel.domain.venue_messages import CancelResult, Outcome, SubmitResult
from keel.journal.entries import Alarm, CancelAnswered, CancelIntent, SubmitAnswered
from keel.journal.journal import Journal
from keel.live.counts import Counts
from keel.live.orders import OrderTracker, TrackedOrder
from keel.sim.local import LocalDesk
from keel.venues.base import Venue

_MS_PER_S: Final = 1000.0


class Sender:
    """Send orders and cancels. `may_send` is asked before every order: the kill switch, most of all.

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
        self._may_send = may_send
        self._refused = refused

    async def send(self, orders: Sequence[TrackedOrder]) -> None:
        """Send orders whose intents are on the disk, in their order, and wait for the answers."""
        await asyncio.gather(*(self._submit(order) for order in orders))

    async def send_pair(self, first: TrackedOrder, second: TrackedOrder) -> None:
        """Send two orders of which one cancels the other, whose intents are on the disk, as one request."""
        if not self._may_send():
            for order in (first, second):
                self._take(order, SubmitResult(Outcome.NOT_SENT, reason="stopped before it was sent"), 0.0)
            return
        started_s = self._clock.monotonic_s()
        self._counts.orders_sent += 2
        results = await self._venue.submit_pair(first.ticket, second.ticket)
        latency_ms = (self._clock.monotonic_s() - started_s) * _MS_PER_S
        for order, result in zip((first, second), results, strict=True):
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
        if not self._may_send():
            self._take(order, SubmitResult(Outcome.NOT_SENT, reason="stopped before it was sent"), 0.0)
            return
        started_s = self._clock.monotonic_s()
        self._counts.orders_sent += 1
        result = await self._venue.submit(order.ticket)
        self._take(order, result, (self._clock.monotonic_s() - started_s) * _MS_PER_S)

    def _take(self, order: TrackedOrder, result: SubmitResult, latency_ms: float) -> None:
        self._count(result.outcome, latency_ms)
        self._counts.submit.add(latency_ms)
        symbol, now_ms = order.ticket.symbol, self._clock.now_ms()
        self._journal.append_lazily(SubmitAnswered(symbol, order.name, result, latency_ms))
        order.venue_order_id = result.venue_order_id or order.venue_order_id
        if result.outcome is Outcome.UNKNOWN:
            self._tracker.doubt(order, self._clock.wall_ms())
        elif result.outcome in (Outcome.REFUSED, Outcome.NOT_SENT):
            reason = Reason.VENUE_REFUSED if result.outcome is Outcome.REFUSED else Reason.NOT_SENT
            self._counts.orders_rejected += 1
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
        self._count(result.outcome, latency_ms)
        self._journal.append_lazily(CancelAnswered(order.ticket.symbol, order.name, result, latency_ms))

    def _count(self, outcome: Outcome, latency_ms: float) -> None:
        self._counts.requests += latency_ms > 0.0
        self._counts.request_errors += outcome in (Outcome.UNKNOWN, Outcome.NOT_SENT)
