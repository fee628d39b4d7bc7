"""What our venue does not keep, kept by us: legs, pairs, trailing distances, changed terms, lifetimes.

Nothing here goes by what happened last. Again and again it is asked what should stand at the venue, by the positions,
the trades and the orders as they are known now; what does not fit is cancelled, and once that is over the rest is
placed. So a crash at any point leaves nothing but the same question.

On a spot market one coin is sold by one order only. What protects a position has it, until an order of ours that
closes wants it: that one waits here until what protects has been cancelled, and what is left is protected again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

import numpy as np

from keel.domain.clock import Clock
from keel.domain.errors import UsageError
from keel.domain.ids import ClientOrderId, DrawKey
from keel.domain.orders import EventKind, OrderType, Reason, TimeInForce
from keel.domain.venue_messages import OrderTicket
from keel.journal.entries import Alarm, AmendIntent, Note, OrderIntent
from keel.journal.journal import Journal
from keel.live.amends import intent_of, take_over, with_changes
from keel.live.blocks import Blocks
from keel.live.ear import as_decimal
from keel.live.kept import KeptOrder, on_step, shares, stand_together
from keel.live.lifetimes import is_due
from keel.live.orders import OrderTracker, Phase, TrackedOrder
from keel.live.recovery import LAYOUT, Resumable
from keel.live.sender import Sender
from keel.sim.local import LocalDesk, event_of
from keel.sim.room import Records
from keel.venues.base import Venue

_CANCEL_AGAIN_MS: Final = 2000
_GROW_AFTER_MS: Final = 1000
"""How long what stands at the venue may be less than it should while its parent is still being filled."""
_LOOK_S: Final = 0.05
_TRIES_A_ROW: Final = 4
"""Parts placed for one order from one close to the next: a venue that refuses is not asked for ever."""
_EXPIRES: Final = (Reason.SESSION_END, Reason.GOOD_TILL_DATE)
_ZERO: Final = Decimal(0)


@dataclass(frozen=True)
class Grid:
    """Hold what a symbol's orders keep to: steps 0 for none; `least_value` is in quote currency."""

    tick: Decimal
    step: Decimal
    least: Decimal
    least_value: Decimal


@dataclass
class ExitKeeper:
    """See to the orders that one venue leaves to us. `hashes` and `grids` are the instruments', in their order."""

    venue: Venue
    desk: LocalDesk
    tracker: OrderTracker
    sender: Sender
    journal: Journal
    clock: Clock
    blocks: Blocks
    resumable: Resumable
    hashes: Sequence[int]
    grids: Sequence[Grid]
    may_send: Callable[[], bool]
    stopped: bool = False
    _tries: dict[int, int] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    def keep(self, order: KeptOrder) -> None:
        """Keep an order from now on."""
        order.placed_ms = order.placed_ms or self.clock.wall_ms()
        self.tracker.kept[order.order_id] = order

    def forget(self, orders: Sequence[KeptOrder]) -> None:
        """Let orders go that could not be written down."""
        for kept in orders:
            del self.tracker.kept[kept.order_id]
            self._tell(kept, EventKind.REJECTED, Reason.NOT_SENT)

    def must_wait(self, order: TrackedOrder) -> bool:
        """Say whether an order sells coins that a part of ours has locked."""
        if order.ticket.side * self._held(order.instrument) >= 0:
            return False
        parts = [part for part in self.tracker.live() if part.part and part.instrument == order.instrument]
        return any(part.ticket.reduce_only and part.ticket.side is order.ticket.side for part in parts)

    def cancel(self, order_id: int, reason: Reason) -> bool:
        """End an order that is kept; False where there is none of that number."""
        kept = self.tracker.kept.get(order_id)
        if kept is not None and not kept.ends_for:
            kept.ends_for = reason
        return kept is not None

    def amend(self, record: np.void) -> AmendIntent | None:
        """Begin to change an order, ORDER; return what to write down. Where there is nothing to change: told so."""
        order_id = int(record["id"])
        kept = self.tracker.kept.get(order_id)
        if kept is None:
            order = next((one for one in self.tracker.live() if one.order_id == order_id), None)
            if order is not None and order.phase in (Phase.WORKING, Phase.SENT, Phase.UNKNOWN):
                kept = take_over(order)
                self.keep(kept)
        if kept is None or kept.over or kept.ends_for:
            self.desk.hear(self._refused_amend(record))
            return None
        kept.before, kept.ticket = kept.before or kept.ticket, with_changes(kept.ticket, record)
        return intent_of(kept, kept.placed, record)

    def see_row(self, bars: Records) -> None:
        """See a row that closed, BAR (N,): what waits for a price with us waits by closed bars."""
        self._tries.clear()
        self._said.clear()
        for kept in self.tracker.kept.values():
            bar = bars[kept.instrument]
            if np.isfinite(bar["high"]):
                kept.see(as_decimal(bar["high"]), as_decimal(bar["low"]), waits=self._live_part(kept) is None)

    def halt(self, *, everything: bool) -> None:
        """Place nothing that opens any more; with `everything`, nothing at all."""
        self.stopped = self.stopped or everything
        for kept in self.tracker.kept.values():
            if everything or not kept.ticket.reduce_only:
                kept.ends_for = kept.ends_for or Reason.CLIENT_REQUEST
        for order in self._waiting():
            self._drop(order, "the run is stopping")

    async def tend(self) -> None:
        """Bring what stands at the venue nearer to what should; what takes an answer is gone on with next time."""
        async with self._busy:
            try:
                await self._end_lifetimes()
                for instrument in sorted({kept.instrument for kept in self.tracker.kept.values()}):
                    await self._tend_instrument(instrument)
                await self._send_waiting()
            except UsageError as error:
                self.blocks.put("journal", f"the journal cannot be written: {error}")

    async def settle(self, patience_s: float) -> None:
        """Tend until nothing is on its way any more, or for so long; then keep what that came to."""
        ends_s = self.clock.monotonic_s() + patience_s
        await self.tend()
        while self._is_moving() and self.clock.monotonic_s() < ends_s:
            await self.clock.sleep(_LOOK_S)
            await self.tend()
        if self.tracker.kept:
            self.journal.append([Note(f"{len(self.tracker.kept)} orders are kept")], self.resumable.capture(), LAYOUT)

    def _is_moving(self) -> bool:
        parts = [order for order in self.tracker.live() if order.part or order.phase is Phase.WAITING]
        return any(order.phase is not Phase.WORKING or order.cancel_asked_ms is not None for order in parts)

    async def _end_lifetimes(self) -> None:
        now_ms = self.clock.now_ms()
        for kept in self.tracker.kept.values():
            if kept.ends_ms is not None and now_ms >= kept.ends_ms:
                kept.ends_for = kept.ends_for or kept.ends_then_for
        unwanted = set() if self.venue.holds_legs else self._unwanted()
        live, wall_ms = self.tracker.live(), self.clock.wall_ms()
        due = [order for order in live if is_due(order, now_ms, wall_ms, unwanted)]
        for order in [order for order in due if order.phase is Phase.WAITING]:
            self._drop(order, "its time is over")
        working = [order for order in due if order.phase not in (Phase.WAITING, Phase.CLOSING, Phase.OVER)]
        await self.sender.cancel(working, "its time is over, or it was to be cancelled before")

    def _unwanted(self) -> set[int]:
        """Return the orders that the desk has cancelled, by number: a cancel may have been lost on its way."""
        live = self.desk.live_orders()
        return {int(number) for number in live["id"][live["cancel_requested"] != 0]}

    # one instrument

    async def _tend_instrument(self, instrument: int) -> None:
        orders = [kept for kept in self.tracker.kept.values() if kept.instrument == instrument]
        for kept in orders:
            self._answer_amend(kept)
            self._take_refusal(kept, orders)
            self._judge(kept, orders)
        orders = [kept for kept in orders if kept.order_id in self.tracker.kept]
        held = self._held(instrument)
        found = shares(orders, held, self._promised(instrument, held), pairs=self.venue.holds_pairs)
        wanted = {kept.order_id: self._placeable(kept, found[kept.order_id]) for kept in orders}
        for kept in orders:
            part = self._live_part(kept)
            if part is not None and not self._fits(kept, part, wanted, orders):
                await self._withdraw(part, "what it was placed for has changed")
        for kept in orders:
            await self._place(kept, wanted, orders)

    def _judge(self, kept: KeptOrder, orders: Sequence[KeptOrder]) -> None:
        """Find out whether an order is to end, and end it once nothing of it stands at the venue."""
        kept.ends_for = kept.ends_for or self._reason_to_end(kept, orders)
        if self._live_part(kept) is not None:
            return
        if kept.over:
            del self.tracker.kept[kept.order_id]
        elif kept.ends_for:
            self._tell_end(kept)

    def _reason_to_end(self, kept: KeptOrder, orders: Sequence[KeptOrder]) -> Reason:
        held, step = self._held(kept.instrument), self.grids[kept.instrument].step
        parent_over = not kept.is_leg or not self._is_live(kept.parent_id)
        if not parent_over:
            return Reason.NONE
        if kept.is_leg and not kept.allowed:
            return Reason.PARENT_ENDED
        partner = next((other for other in orders if other.is_partner(kept)), None)
        taken = partner.filled if partner is not None else _ZERO
        if not kept.covers and on_step(kept.left(taken), step) <= 0:
            if kept.before is not None and not taken:
                return Reason.CLIENT_REQUEST
            return Reason.LINKED_FILL if taken else Reason.REDUCE_ONLY
        closes = kept.ticket.side * held < 0
        if kept.ticket.reduce_only and (not closes or on_step(abs(held), step) <= 0):
            return Reason.LINKED_FILL if taken else Reason.REDUCE_ONLY
        newer = (one for one in orders if one.covers and one.allowed and one.parent_id > kept.parent_id)
        return Reason.TARGET_CHANGED if kept.covers and any(newer) else Reason.NONE

    def _tell_end(self, kept: KeptOrder) -> None:
        del self.tracker.kept[kept.order_id]
        kind = EventKind.EXPIRED if kept.ends_for in _EXPIRES else EventKind.CANCELED
        if kept.ends_for is Reason.VENUE_REFUSED:
            kind = EventKind.REJECTED
        self._tell(kept, kind, kept.ends_for)
        self.journal.append_lazily(Note(f"order {kept.order_id} is over: {kept.ends_for.name}", kept.ticket.symbol))

    def _answer_amend(self, kept: KeptOrder) -> None:
        """Tell of a change once a part with the new terms stands, or where nothing has to."""
        if kept.before is None:
            return
        part = self.tracker.find(kept.placed)
        changed = self._has_terms(kept, part) if part is not None else not kept.over
        if changed and (part is None or part.phase is Phase.WORKING or part.filled):
            kept.before = None
            limit, trigger = float(kept.ticket.limit_price or 0), float(kept.ticket.trigger_price or 0)
            self.desk.take_amend(kept.order_id, float(kept.ticket.qty), limit, trigger)
            self._tell(kept, EventKind.AMENDED, Reason.NONE)

    def _take_refusal(self, kept: KeptOrder, orders: Sequence[KeptOrder]) -> None:
        """Go on where the venue has not taken a part: back to the terms before, at market, or with us."""
        part = self.tracker.find(kept.placed)
        if part is None or self.stopped:
            return
        if part.phase is Phase.OVER and part.ticket.time_in_force is TimeInForce.IOC:
            kept.reached = False  # it was tried: what protects comes first again
        if part.refused_for is not Reason.VENUE_REFUSED:
            return
        kept.placed = ""
        beside = next((other for other in orders if stand_together(kept, other)), None)
        if beside is not None and self._was_refused(beside):
            beside.alone, beside.placed = True, ""
            return
        if kept.before is not None:
            kept.ticket, kept.before = kept.before, None
            self._tell(kept, EventKind.AMEND_REJECTED, Reason.VENUE_REFUSED)
        elif not kept.ticket.reduce_only:
            kept.ends_for = kept.ends_for or Reason.VENUE_REFUSED
        elif kept.is_stop and kept.ticket.type is OrderType.TRAILING_STOP and not kept.follows:
            kept.follows = True
        elif kept.is_stop and not kept.urgent:
            kept.urgent = True
            self._alarm(kept, "the venue does not take the stop: the position is closed at market")
        elif kept.urgent:
            self._tries[kept.order_id] = _TRIES_A_ROW
            self._alarm(kept, "the position is bare: neither its stop nor an order at market is taken")
        else:
            kept.alone = True

    def _was_refused(self, kept: KeptOrder) -> bool:
        part = self.tracker.find(kept.placed)
        return part is not None and part.refused_for is Reason.VENUE_REFUSED

    # what stands and what should

    def _has_terms(self, kept: KeptOrder, part: TrackedOrder) -> bool:
        """Say whether a part was placed on the terms of now, quantity but for that of an order that opens left out."""
        small = kept.ticket.reduce_only or part.ticket.qty + kept.filled - part.filled <= kept.ticket.qty
        return small and _terms_of(kept.terms(self.grids[kept.instrument].tick)) == _terms_of(part.ticket)

    def _fits(
        self, kept: KeptOrder, part: TrackedOrder, wanted: Mapping[int, Decimal], orders: Sequence[KeptOrder]
    ) -> bool:
        """Say whether a part may stand as it is; it is marked as the whole of its order where it is that."""
        qty = wanted[kept.order_id]
        ends_itself = part.ticket.type is OrderType.MARKET or part.ticket.time_in_force is TimeInForce.IOC
        same = ends_itself or self._has_terms(kept, part)
        partner = next((other for other in orders if stand_together(other, kept) or stand_together(kept, other)), None)
        if partner is not None and self.venue.holds_pairs and wanted[partner.order_id] == qty:
            same = same and (self._live_part(partner) is not None or partner.reached or kept.reached)
        waits = self._is_live(kept.parent_id) and self.clock.wall_ms() - kept.placed_ms < _GROW_AFTER_MS
        fits = part.left == qty or (part.left < qty and waits)
        part.whole = part.left == qty and not self._is_live(kept.parent_id) and not kept.ends_for
        return same and fits

    async def _withdraw(self, part: TrackedOrder, why: str) -> None:
        if part.phase not in (Phase.WORKING, Phase.UNKNOWN):
            return
        asked_ms = part.cancel_asked_ms
        if asked_ms is None or self.clock.wall_ms() - asked_ms >= _CANCEL_AGAIN_MS:
            await self.sender.cancel([part], why)

    async def _place(self, kept: KeptOrder, wanted: Mapping[int, Decimal], orders: Sequence[KeptOrder]) -> None:
        qty = wanted[kept.order_id]
        if not qty or self._live_part(kept) is not None or self.stopped or not self.may_send():
            return
        if self._tries.get(kept.order_id, 0) >= _TRIES_A_ROW:
            return
        if any(self.venue.holds_pairs and stand_together(other, kept) and not kept.reached for other in orders):
            return  # its partner brings it along
        if kept.ticket.reduce_only and qty > self._room(kept.instrument):
            return  # something that has to end first is still there
        beside = next((other for other in orders if stand_together(kept, other) and not other.reached), None)
        if beside is None or not self.venue.holds_pairs or wanted[beside.order_id] != qty:
            await self._send_parts([self._part(kept, qty)])
        elif self._live_part(beside) is None:
            await self._send_parts([self._part(kept, qty), self._part(beside, qty)])

    def _part(self, kept: KeptOrder, qty: Decimal) -> TrackedOrder:
        """Make the next part of an order, with a name of its own."""
        now_ms = self.clock.now_ms()
        number = max(int(self.desk.run_record["next_order_id"]), self.journal.next_order_id)
        self.desk.number_orders_from(number + 1)
        kept.trail_from(as_decimal(self.desk.account_view().mark_price[kept.instrument]))
        earlier = self.tracker.find(kept.placed)
        kept.follows = kept.follows or (earlier is not None and earlier.accepted)
        name = ClientOrderId(self.journal.tag, DrawKey(self.hashes[kept.instrument], now_ms, 0), number)
        terms = kept.terms(self.grids[kept.instrument].tick)
        ticket = replace(terms, client_order_id=str(name), qty=qty, decided_ts_ms=now_ms)
        self._tries[kept.order_id] = self._tries.get(kept.order_id, 0) + 1
        kept.placed, kept.placed_ms = ticket.client_order_id, self.clock.wall_ms()
        return TrackedOrder(ticket, kept.order_id, kept.instrument, kept.placed_ms, part=True)

    async def _send_parts(self, parts: Sequence[TrackedOrder]) -> None:
        numbers = [ClientOrderId.parse(part.name) for part in parts]
        entries = [
            OrderIntent(part.ticket, number.order_id, f"for order {part.order_id}")
            for part, number in zip(parts, numbers, strict=True)
            if number is not None
        ]
        for part in parts:
            self.tracker.add(part)
        try:
            self.journal.append(entries, self.resumable.capture(), LAYOUT)
        except UsageError as error:
            self.blocks.put("journal", f"the journal cannot be written: {error}")
            for part in parts:
                self.tracker.refuse(part, self.clock.now_ms(), self.clock.now_ms(), Reason.NOT_SENT)
            return
        if len(parts) == 1:
            await self.sender.send(parts)
        else:
            await self.sender.send_pair(parts[0], parts[1])

    # orders that wait for their coins

    async def _send_waiting(self) -> None:
        for order in self._waiting():
            if order.phase is not Phase.WAITING:
                continue
            room = self._room(order.instrument)
            held = on_step(abs(self._held(order.instrument)), self.grids[order.instrument].step)
            if order.ticket.qty <= room:
                order.phase, order.sent_ms = Phase.SENT, self.clock.wall_ms()
                await self.sender.send([order])
            elif order.ticket.qty > held:
                self._drop(order, "what it was to sell is sold already")

    def _drop(self, order: TrackedOrder, why: str) -> None:
        now_ms = self.clock.now_ms()
        for event in self.tracker.refuse(order, now_ms, now_ms, Reason.NOT_SENT):
            self.desk.hear(event)
        self.journal.append_lazily(Note(f"{order.name} was not sent: {why}", order.ticket.symbol))

    def _waiting(self) -> list[TrackedOrder]:
        return [order for order in self.tracker.live() if order.phase is Phase.WAITING]

    # sums

    def _held(self, instrument: int) -> Decimal:
        return as_decimal(self.desk.holdings()[0][instrument])

    def _promised(self, instrument: int, held: Decimal) -> Decimal:
        """Return what other orders than those we keep will take of a position."""
        others = (order for order in self.tracker.live() if order.instrument == instrument and not order.part)
        return sum((order.left for order in others if order.ticket.side * held < 0), _ZERO)

    def _room(self, instrument: int) -> Decimal:
        """Return how much of a position no order at the venue has locked; a pair locks its coins once."""
        held, locked = self._held(instrument), _ZERO
        paired: set[int] = set()
        for order in self.tracker.live():
            if order.instrument != instrument or order.phase is Phase.WAITING or order.ticket.side * held >= 0:
                continue
            kept = self.tracker.kept.get(order.order_id)
            if kept is not None and self.venue.holds_pairs and kept.pair != -1 and not kept.alone:
                if kept.pair in paired:
                    continue
                paired.add(kept.pair)
            locked += order.left
        return on_step(abs(held), self.grids[instrument].step) - locked

    def _placeable(self, kept: KeptOrder, qty: Decimal) -> Decimal:
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
            self._say(kept, f"{qty} is too little for an order at the venue: nothing protects it")
        return _ZERO

    def _live_part(self, kept: KeptOrder) -> TrackedOrder | None:
        part = self.tracker.find(kept.placed)
        return None if part is None or part.phase is Phase.OVER else part

    def _is_live(self, order_id: int) -> bool:
        return any(order.order_id == order_id for order in self.tracker.live()) or order_id in self.tracker.kept

    # what is told

    def _refused_amend(self, record: np.void) -> Records:
        now_ms, kind = self.clock.now_ms(), EventKind.AMEND_REJECTED
        numbers = {"instrument": int(record["instrument"]), "order_id": int(record["id"])}
        event = event_of(kind, **numbers, ts_ms=now_ms, known_ms=now_ms)
        event["side"], event["type"], event["reason"] = record["side"], record["type"], Reason.ORDER_ENDED
        return event

    def _tell(self, kept: KeptOrder, kind: EventKind, reason: Reason) -> None:
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

    def _alarm(self, kept: KeptOrder, text: str) -> None:
        self.journal.append([Alarm(f"{kept.ticket.symbol}: {text}", kept.ticket.symbol)])

    def _say(self, kept: KeptOrder, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.journal.append_lazily(Note(text, kept.ticket.symbol))


def _terms_of(ticket: OrderTicket) -> tuple[object, ...]:
    return (ticket.type, ticket.limit_price, ticket.trigger_price, ticket.trail, ticket.trail_rate)
