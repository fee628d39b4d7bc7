"""What stands at the venue of the orders that we keep, what could, and what our desk is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import numpy as np

from keel.domain.clock import Clock
from keel.domain.orders import EventKind, Reason
from keel.domain.venue_messages import OrderTicket
from keel.journal.entries import Alarm, Note
from keel.journal.journal import Journal
from keel.live.ear import as_decimal
from keel.live.kept import KeptOrder, on_step
from keel.live.orders import OrderTracker, Phase, TrackedOrder
from keel.sim.local import LocalDesk, event_of

_ZERO: Final = Decimal(0)


@dataclass(frozen=True)
class Grid:
    """Hold what a symbol's orders keep to: steps 0 for none; `least_value` is in quote currency."""

    tick: Decimal
    step: Decimal
    least: Decimal
    least_value: Decimal


@dataclass
class Standing:
    """Know the orders of one account. `grids` are the instruments', in their order; quantities are base units."""

    desk: LocalDesk
    tracker: OrderTracker
    journal: Journal
    clock: Clock
    grids: Sequence[Grid]
    pairs: bool
    """Whether the venue keeps two orders for the same coins."""
    frozen: set[int] = field(default_factory=set)
    """Instruments of which nothing is placed: a split is not in our book and the account's alike."""
    _said: set[str] = field(default_factory=set)

    def begin_row(self) -> None:
        """Tell again, from now on, what is told once a row."""
        self._said.clear()

    def held(self, instrument: int) -> Decimal:
        """Return a position with all that was heard, signed."""
        return as_decimal(self.desk.account_now().position_qty[instrument])

    def promised(self, instrument: int, held: Decimal) -> Decimal:
        """Return what other orders than those we keep will take of a position."""
        others = (order for order in self.tracker.live() if order.instrument == instrument and not order.part)
        return sum((order.left for order in others if order.ticket.side * held < 0), _ZERO)

    def room(self, instrument: int) -> Decimal:
        """Return how much of a position no order at the venue has locked; a pair locks its coins once."""
        held, locked = self.held(instrument), _ZERO
        paired: set[int] = set()
        for order in self.tracker.live():
            if order.instrument != instrument or order.phase is Phase.WAITING or order.ticket.side * held >= 0:
                continue
            kept = self.tracker.kept.get(order.order_id)
            if kept is not None and self.pairs and kept.pair != -1 and not kept.alone:
                if kept.pair in paired:
                    continue
                paired.add(kept.pair)
            locked += order.left
        return on_step(abs(held), self.grids[instrument].step) - locked

    def placeable(self, kept: KeptOrder, qty: Decimal) -> Decimal:
        """Return a quantity as the venue takes it; 0, told once a row, where it is too small to be an order."""
        grid = self.grids[kept.instrument]
        qty = on_step(qty, grid.step)
        mark = as_decimal(self.desk.account_view().mark_price[kept.instrument])
        if qty <= 0:
            return _ZERO
        price = kept.ticket.limit_price or kept.ticket.trigger_price or mark
        if qty >= grid.least and qty * min(price, mark) >= grid.least_value:
            return qty
        if kept.is_stop:
            self.say(kept, f"{qty} is too little for an order at the venue: nothing protects it")
        return _ZERO

    def live_part(self, kept: KeptOrder) -> TrackedOrder | None:
        """Return what stands, or may stand, of an order at the venue."""
        part = self.tracker.find(kept.placed)
        return None if part is None or part.phase is Phase.OVER else part

    def is_live(self, order_id: int) -> bool:
        """Say whether an order of ours is not over."""
        return any(order.order_id == order_id for order in self.tracker.live()) or order_id in self.tracker.kept

    def has_terms(self, kept: KeptOrder, part: TrackedOrder) -> bool:
        """Say whether a part was placed on the terms of now, quantity but for that of an order that opens left out."""
        small = kept.ticket.reduce_only or part.ticket.qty + kept.filled - part.filled <= kept.ticket.qty
        return small and _terms_of(kept.terms(self.grids[kept.instrument].tick)) == _terms_of(part.ticket)

    def tell(self, kept: KeptOrder, kind: EventKind, reason: Reason) -> None:
        """Tell the desk what has become of an order that is kept."""
        now_ms = self.clock.now_ms()
        event = event_of(kind, instrument=kept.instrument, order_id=kept.order_id, ts_ms=now_ms, known_ms=now_ms)
        event["side"], event["type"], event["reason"] = kept.ticket.side, kept.ticket.type, reason
        event["qty"] = float(
            kept.ticket.qty if kind is EventKind.AMENDED else max(kept.ticket.qty - kept.filled, _ZERO)
        )
        if kind is EventKind.AMENDED:
            event["price"] = float(kept.ticket.limit_price or 0)
            event["reference_price"] = float(kept.ticket.trigger_price or 0)
        self.desk.hear(event)

    def alarm(self, kept: KeptOrder, text: str) -> None:
        """Tell what somebody should see."""
        self.journal.append([Alarm(f"{kept.ticket.symbol}: {text}", kept.ticket.symbol)])

    def say(self, kept: KeptOrder, text: str) -> None:
        """Tell something once a row."""
        if text not in self._said:
            self._said.add(text)
            self.journal.append_lazily(Note(text, kept.ticket.symbol))

    def tell_refused_amend(self, record: np.void) -> None:
        """Tell the desk that there is nothing to change any more of an order, ORDER."""
        now_ms, kind = self.clock.now_ms(), EventKind.AMEND_REJECTED
        numbers = {"instrument": int(record["instrument"]), "order_id": int(record["id"])}
        event = event_of(kind, **numbers, ts_ms=now_ms, known_ms=now_ms)
        event["side"], event["type"], event["reason"] = record["side"], record["type"], Reason.ORDER_ENDED
        self.desk.hear(event)


def _terms_of(ticket: OrderTicket) -> tuple[object, ...]:
    return (ticket.type, ticket.limit_price, ticket.trigger_price, ticket.trail, ticket.trail_rate)
