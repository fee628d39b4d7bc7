"""Our orders at the venue: what was sent, what was heard of it, and what that is to our book.

Every order has one name for ever. What the venue tells may come twice, late, or in another order than it happened; a
trade is booked once by its id, and an order counts as over only when all that was traded of it is booked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from keel.domain.orders import AUCTIONS, EventKind, Reason
from keel.domain.venue_messages import OrderRef, OrderReport, OrderState, OrderTicket, VenueFill, VenueStatus
from keel.live.kept import KeptOrder
from keel.sim.local import event_of
from keel.sim.room import Records

_REMEMBERED: Final = 2000
"""Orders that are over and still known by name: fills may come late."""
_KEPT_OVER_A_RESTART: Final = 50
"""Those of them that a restart still knows."""
_ENDS: Final = {
    VenueStatus.CANCELED: EventKind.CANCELED,
    VenueStatus.EXPIRED: EventKind.EXPIRED,
    VenueStatus.REJECTED: EventKind.REJECTED,
}
_UNASKED_ENDS: Final = (EventKind.CANCELED, EventKind.EXPIRED)
"""How venues tell of the end of an auction that has left something of an order."""


class Phase(StrEnum):
    """Say what we know of an order."""

    WAITING = "waiting"
    """Not sent yet: what locks its coins has to end first."""
    SENT = "sent"
    """On its way, or answered by nothing but the request's own success."""
    WORKING = "working"
    UNKNOWN = "unknown"
    """It may live: its exposure stays reserved until the venue has answered."""
    CLOSING = "closing"
    """Over at the venue; trades of it are still to be asked for."""
    OVER = "over"


@dataclass
class TrackedOrder:
    """Hold one order of ours. `order_id` is its number at the desk, `instrument` its place among the symbols."""

    ticket: OrderTicket
    order_id: int
    instrument: int
    sent_ms: int
    """By our own clock, as `unknown_since_ms` is: the market's may run faster than a request does."""
    phase: Phase = Phase.SENT
    venue_order_id: str | None = None
    filled: Decimal = Decimal(0)
    venue_filled: Decimal = Decimal(0)
    end: VenueStatus | None = None
    accepted: bool = False
    cancel_asked_ms: int | None = None
    cancel_failed: bool = False
    """The venue has not taken the last cancel: it may not have heard of it, or not know the order yet."""
    unknown_since_ms: int | None = None
    ends_ms: int | None = None
    """When we end it, where the venue does not: the end of its day, or its own date."""
    ends_for: Reason = Reason.NONE
    part: bool = False
    """It was placed for an order that we keep: what ends it does not end that."""
    whole: bool = False
    """A part that leaves nothing of its order to be placed when it is filled."""
    refused_for: Reason = Reason.NONE
    counted: bool = False
    """It is among the orders that this process has counted as sent."""
    in_line: bool = False
    """It waits for the venue's rate limits: no request has left, so there is nothing to be asked for."""
    trades: set[str] = field(default_factory=set)
    _told: tuple[OrderTicket, object] | None = field(default=None, repr=False, compare=False)

    def ticket_as(self, encode: Callable[[OrderTicket], object]) -> object:
        """Return the ticket encoded, once: each snapshot has all tickets, and an order to be sent waits for it."""
        if self._told is None or self._told[0] is not self.ticket:
            self._told = (self.ticket, encode(self.ticket))
        return self._told[1]

    @property
    def name(self) -> str:
        """Return its name at the venue."""
        return self.ticket.client_order_id

    @property
    def ref(self) -> OrderRef:
        """Return what the venue knows it by."""
        return OrderRef(self.ticket.symbol, self.name, self.venue_order_id)

    @property
    def left(self) -> Decimal:
        """Return what is not filled, base units."""
        return max(self.ticket.qty - self.filled, Decimal(0))


class OrderTracker:
    """Keep our orders by name, and turn what is heard of them into EVENT records for the desk."""

    def __init__(self, base_of: Mapping[str, str], quote_of: Mapping[str, str]) -> None:
        """Take each symbol's base asset and quote currency, by symbol."""
        self._base_of = base_of
        self._quote_of = quote_of
        self._live: dict[str, TrackedOrder] = {}
        self._over: OrderedDict[str, TrackedOrder] = OrderedDict()
        self.kept: dict[int, KeptOrder] = {}
        """Orders that live on with us, by their number at the desk."""

    def add(self, order: TrackedOrder) -> None:
        """Keep an order that is about to be sent. Raises ValueError for a name that was used: none is used twice."""
        if self.find(order.name) is not None:
            raise ValueError(f"order name {order.name} was used before")
        self._live[order.name] = order

    def remember(self, order: TrackedOrder) -> None:
        """Know an order again, live or over."""
        (self._over if order.phase is Phase.OVER else self._live)[order.name] = order

    def remembered(self) -> tuple[TrackedOrder, ...]:
        """Return what a restart has to know: the live orders and the last ones that ended."""
        ended = list(self._over.values())[-_KEPT_OVER_A_RESTART:]
        return (*ended, *self._live.values())

    def find(self, name: str) -> TrackedOrder | None:
        """Return an order of ours by its name, live or over."""
        return self._live.get(name) or self._over.get(name)

    def place_of(self, symbol: str) -> int | None:
        """Return a symbol's place among the instruments, None for one that is not among them."""
        return list(self._base_of).index(symbol) if symbol in self._base_of else None

    def live(self) -> Iterator[TrackedOrder]:
        """Give the orders that are not over, oldest first."""
        yield from tuple(self._live.values())

    def unknown(self) -> tuple[TrackedOrder, ...]:
        """Return the orders whose fate is open."""
        return tuple(order for order in self._live.values() if order.phase is Phase.UNKNOWN)

    def is_new_trade(self, order: TrackedOrder, fill: VenueFill) -> bool:
        """Say whether a trade has not been booked to its order."""
        return fill.trade_id not in order.trades

    def book(self, order: TrackedOrder, fill: VenueFill, known_ms: int) -> Records:
        """Book a new trade to its order; return its EVENT, (1,). The order may end by it."""
        order.trades.add(fill.trade_id)
        order.filled += fill.qty
        order.accepted = True
        done = order.filled >= order.ticket.qty
        event = self._event(order, EventKind.FILLED, fill.ts_ms, known_ms, float(fill.qty))
        event["price"] = event["reference_price"] = float(fill.price)
        event["maker"], event["final"] = fill.maker, done and (order.whole or not order.part)
        self._count_for_kept(order, fill, over=bool(event["final"][0]))
        event["fee"], event["fee_qty"] = self._fee(fill)
        paid = 0.0 if event["fee_qty"][0] > 0.0 else event["fee"][0]
        event["cash"] = -(event["side"] * event["qty"] * event["price"]) - paid
        if order.phase is not Phase.OVER:
            order.phase = order.phase if order.phase is Phase.CLOSING else Phase.WORKING
            if done:
                self._finish(order)
        return event

    def note(self, order: TrackedOrder, report: OrderReport, known_ms: int) -> list[Records]:
        """Note an order's state as told; return the EVENT records, each (1,), that follow beside its trade."""
        state = report.state
        order.venue_order_id = state.venue_order_id or order.venue_order_id
        order.venue_filled = max(order.venue_filled, state.filled_qty)
        if order.phase is Phase.OVER:
            return []
        events = []
        if not order.accepted and state.status is not VenueStatus.REJECTED:
            order.accepted = True
            if self._is_first_word(order):
                events.append(self._event(order, EventKind.ACCEPTED, report.ts_ms, known_ms, float(order.ticket.qty)))
        if report.triggered:
            events.append(self._event(order, EventKind.TRIGGERED, report.ts_ms, known_ms, float(order.ticket.qty)))
        if order.phase in (Phase.SENT, Phase.UNKNOWN):
            order.phase, order.unknown_since_ms = Phase.WORKING, None
        if state.status.is_final and state.status is not VenueStatus.FILLED:
            order.end = order.end or state.status
        elif state.status is VenueStatus.FILLED and order.filled < order.ticket.qty:
            order.phase = Phase.CLOSING
        events += self.settle(order, report.ts_ms, known_ms)
        return events

    def settle(self, order: TrackedOrder, ts_ms: int, known_ms: int) -> list[Records]:
        """End an order that is over at the venue, once all that was traded of it is booked; else mark it CLOSING."""
        if order.phase is Phase.OVER or order.end is None:
            return []
        if order.venue_filled > order.filled:
            order.phase = Phase.CLOSING
            return []
        kind, reason = _ENDS[order.end], Reason.NONE
        if order.end is VenueStatus.CANCELED:
            reason = Reason.CLIENT_REQUEST
            if order.ends_ms is not None and ts_ms >= order.ends_ms:
                kind, reason = EventKind.EXPIRED, order.ends_for
        if order.ticket.time_in_force in AUCTIONS and order.cancel_asked_ms is None and kind in _UNASKED_ENDS:
            kind, reason = EventKind.EXPIRED, Reason.AUCTION_OVER
        event = self._event(order, kind, ts_ms, known_ms, float(order.left))
        event["reason"] = reason
        self._finish(order)
        return [] if order.part else [event]

    def refuse(self, order: TrackedOrder, ts_ms: int, known_ms: int, reason: Reason) -> list[Records]:
        """End an order of which nothing lives at the venue; return its EVENT records, each (1,): of a part, none."""
        order.end, order.refused_for = VenueStatus.REJECTED, reason
        event = self._event(order, EventKind.REJECTED, ts_ms, known_ms, float(order.left))
        event["reason"] = reason
        self._finish(order)
        return [] if order.part else [event]

    def doubt(self, order: TrackedOrder, wall_ms: int) -> None:
        """Mark an order of which nobody knows whether it lives."""
        if order.phase in (Phase.SENT, Phase.UNKNOWN):
            order.phase = Phase.UNKNOWN
            order.unknown_since_ms = order.unknown_since_ms or wall_ms

    def end(self, order: TrackedOrder) -> None:
        """Take an order for over whose end somebody else has told the desk."""
        self._finish(order)

    def _finish(self, order: TrackedOrder) -> None:
        order.phase, order.unknown_since_ms = Phase.OVER, None
        self._live.pop(order.name, None)
        self._over[order.name] = order
        while len(self._over) > _REMEMBERED:
            self._over.popitem(last=False)

    def _is_first_word(self, order: TrackedOrder) -> bool:
        """Say whether it is told that a venue has taken an order: of one that we keep once, whatever is placed."""
        if not order.part:
            return True
        kept = self.kept.get(order.order_id)
        if kept is None or kept.told:
            return False
        kept.told = True
        return True

    def _count_for_kept(self, order: TrackedOrder, fill: VenueFill, *, over: bool) -> None:
        """Note a trade with the orders we keep: that of a part, and those that wait for their parent's trades."""
        own = self.kept.get(order.order_id) if order.part else None
        if own is not None:
            own.filled += fill.qty
            own.over = own.over or over
        for kept in self.kept.values():
            if kept.parent_id == order.order_id:
                kept.allowed += fill.qty
        if not order.ticket.reduce_only:
            for part in self._live.values():
                stays = part.instrument != order.instrument or not part.ticket.reduce_only
                part.whole = part.whole and stays

    def _fee(self, fill: VenueFill) -> tuple[float, float]:
        """Return a fee in quote currency, and in base units where it is kept from what was bought; else 0."""
        if fill.fee_currency == self._quote_of[fill.symbol]:
            return float(fill.fee), 0.0
        if fill.fee_currency == self._base_of[fill.symbol]:
            return float(fill.fee * fill.price), float(fill.fee)
        return 0.0, 0.0  # paid from a third asset, which is not in this account's book

    def _event(self, order: TrackedOrder, kind: EventKind, ts_ms: int, known_ms: int, qty: float) -> Records:
        event = event_of(kind, instrument=order.instrument, order_id=order.order_id, ts_ms=ts_ms, known_ms=known_ms)
        event["side"], event["type"], event["qty"] = order.ticket.side, order.ticket.type, qty
        return event


def state_as_report(state: OrderState) -> OrderReport:
    """Return what a query told of an order as if the venue had pushed it."""
    return OrderReport(state=state, ts_ms=state.ts_ms)
