"""What the venue tells, taken in: journalled, told to the tracker, and heard at the desk; everything once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import count
from typing import Final

import numpy as np

from keel.domain.clock import Clock
from keel.domain.layout import EVENT
from keel.domain.venue_messages import AccountState, OrderReport, OrderState, StreamState, VenueFill, VenueStatus
from keel.journal.entries import ExternalSeen, FaultSeen, FillBooked, OrderResolved, ReportHeard, StreamChanged
from keel.journal.journal import Journal
from keel.live.blocks import Blocks
from keel.live.counts import Counts
from keel.live.orders import OrderTracker, Phase, TrackedOrder, state_as_report
from keel.sim.local import LocalDesk
from keel.sim.room import Records

REPORTS: Final = "reports"
"""Name of the stream of reports, in blocks and journal."""


class Ear:
    """Be the listener of one venue.

    `wake` is called where something has to be looked at soon, `on_fill` for each trade.
    """

    def __init__(
        self,
        tracker: OrderTracker,
        desk: LocalDesk,
        journal: Journal,
        clock: Clock,
        blocks: Blocks,
        counts: Counts,
        wake: Callable[[], None],
        on_fill: Callable[[VenueFill], None],
    ) -> None:
        self._tracker = tracker
        self._desk = desk
        self._journal = journal
        self._clock = clock
        self._blocks = blocks
        self._counts = counts
        self._wake = wake
        self._on_fill = on_fill
        self.external_fills: list[VenueFill] = []
        """Trades of the account that no order of ours made, not dealt with yet."""
        self.connection: int | None = None
        """Number of the stream's connection, None while it is not up."""
        self._connections = count(1)
        self.n_taken = 0
        """Trades taken since the process started."""

    def on_report(self, report: OrderReport) -> None:
        """Hear of an order."""
        order = self._tracker.find(report.state.client_order_id)
        if order is None:
            self._hear_of_another(report)
            return
        if order.phase is not Phase.OVER or report.fill is not None:
            self._journal.append_lazily(ReportHeard(report))
        if report.event is not None:
            self._hear_event(order, report)
            return
        self._note_adopted(order, report.state)
        if report.fill is not None:
            self.take_fill(report.fill)
        self._hear(self._tracker.note(order, report, self._clock.now_ms()), order)

    def take_state(self, order: TrackedOrder, state: OrderState) -> None:
        """Take what a query told of an order of ours."""
        self._note_adopted(order, state)
        self._hear(self._tracker.note(order, state_as_report(state), self._clock.now_ms()), order)

    def take_fill(self, fill: VenueFill) -> bool:
        """Take a trade, pushed or asked for; return whether it was new."""
        order = self._tracker.find(fill.client_order_id)
        if order is not None and not self._tracker.is_new_trade(order, fill):
            return False
        if self._journal.has_fill(fill.symbol, fill.trade_id):
            return False
        self.n_taken += 1
        if order is None:
            self._book(fill)
            self.external_fills.append(fill)
            self._wake()
            return True
        self._book(fill)
        known_ms = self._clock.now_ms()
        self._hear([self._tracker.book(order, fill, known_ms)], order)
        self._hear(self._tracker.settle(order, fill.ts_ms, known_ms), order)
        return True

    def on_account(self, account: AccountState) -> None:
        """Hear of balances: they are compared when the venue is next asked."""

    def on_stream(self, state: StreamState, reason: str) -> None:
        """Hear how the stream of reports stands; while it is not up nothing is opened."""
        self._journal.append_lazily(StreamChanged(REPORTS, state, reason))
        self.connection = next(self._connections) if state is StreamState.UP else None
        if state is StreamState.UP:
            self._blocks.put(REPORTS, "the stream of reports is back: what it missed is being asked for")
            self._wake()
            return
        self._counts.stream_drops += 1
        self._blocks.put(REPORTS, f"the stream of reports is {state.value}: {reason}")

    def on_fault(self, reason: str) -> None:
        """Hear of a message that could not be read."""
        self._counts.bad_messages += 1
        self._journal.append_lazily(FaultSeen(REPORTS, reason))
        self._wake()

    def _note_adopted(self, order: TrackedOrder, state: OrderState) -> None:
        if order.phase is Phase.UNKNOWN:
            what = state.status.value if state.status.is_final else "adopted"
            why = f"the venue has it: {state.status.value}, {state.filled_qty} filled"
            self._journal.append_lazily(OrderResolved(order.ticket.symbol, order.name, what, why))

    def _hear_event(self, order: TrackedOrder, report: OrderReport) -> None:
        """Hear of an order at a venue that simulates: its own event says all."""
        state = report.state
        if report.fill is not None:
            self._book(report.fill)
            order.trades.add(report.fill.trade_id)
            order.filled += report.fill.qty
        order.venue_order_id, order.accepted = state.venue_order_id, True
        order.phase = Phase.WORKING if order.phase is Phase.SENT else order.phase
        if state.status.is_final:
            order.end = state.status
            self._tracker.end(order)
        event = np.array([report.event], EVENT)
        event["order_id"] = order.order_id
        self._hear([event], order)

    def _book(self, fill: VenueFill) -> None:
        self._journal.append_lazily(FillBooked(fill))
        self._on_fill(fill)

    def _hear(self, events: Iterable[Records], order: TrackedOrder) -> None:
        for event in events:
            self._desk.hear(event)
            self._count(event, order)

    def _count(self, event: Records, order: TrackedOrder) -> None:
        if order.phase is Phase.OVER and order.end in (None, VenueStatus.FILLED) and event[0]["final"]:
            self._counts.orders_filled += order.counted
        elif order.end is VenueStatus.REJECTED:
            self._counts.orders_rejected += 1
        self._counts.fills += bool((event["price"] > 0.0) & (event["qty"] > 0.0) & (event["rate"] > 0.0))

    def _hear_of_another(self, report: OrderReport) -> None:
        state = report.state
        self._journal.append_lazily(ExternalSeen(state.symbol, f"an order that is not ours: {state.status}", state))
        if report.fill is not None:
            self.take_fill(report.fill)
        self._wake()


def as_decimal(value: float) -> Decimal:
    """Return a float as the decimal that reads back as the same."""
    return Decimal(repr(float(value)))
