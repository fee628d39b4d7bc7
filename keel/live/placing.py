"""Parts of the orders that we keep, placed at the venue and withdrawn; and orders that wait for their coins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from keel.domain.errors import UsageError
from keel.domain.ids import ClientOrderId, DrawKey
from keel.domain.orders import OrderType, Reason, TimeInForce
from keel.journal.entries import Note, OrderIntent
from keel.live.blocks import Blocks
from keel.live.ear import as_decimal
from keel.live.judging import TRIES_A_ROW, Judge
from keel.live.kept import KeptOrder, on_step, shares, stand_together
from keel.live.orders import Phase, TrackedOrder
from keel.live.recovery import LAYOUT, Resumable
from keel.live.sender import Sender
from keel.live.standing import Standing

_CANCEL_AGAIN_MS: Final = 2000
_GROW_AFTER_MS: Final = 1000
"""How long what stands at the venue may be less than it should while its parent is still being filled."""


@dataclass
class Placer:
    """Place for one account. `hashes` are the instruments', in their order."""

    standing: Standing
    judge: Judge
    sender: Sender
    blocks: Blocks
    resumable: Resumable
    hashes: Sequence[int]
    may_send: Callable[[], bool]

    async def bring_near(self, orders: Sequence[KeptOrder]) -> None:
        """Withdraw what stands at the venue and should not, and place what should, of one instrument's orders."""
        if not orders:
            return
        instrument, standing = orders[0].instrument, self.standing
        held = standing.held(instrument)
        found = shares(orders, held, standing.promised(instrument, held), pairs=standing.pairs)
        wanted = {kept.order_id: standing.placeable(kept, found[kept.order_id]) for kept in orders}
        for kept in orders:
            part = standing.live_part(kept)
            if part is not None and not self._fits(kept, part, wanted, orders):
                await self._withdraw(part, "what it was placed for has changed")
        for kept in orders:
            await self._place(kept, wanted, orders)

    async def send_waiting(self) -> None:
        """Send the orders whose coins are free now; let those go whose coins are gone."""
        for order in self.waiting():
            if order.phase is not Phase.WAITING or order.instrument in self.standing.frozen:
                continue
            room = self.standing.room(order.instrument)
            held = on_step(abs(self.standing.held(order.instrument)), self.standing.grids[order.instrument].step)
            if order.ticket.qty <= room:
                order.phase, order.sent_ms = Phase.SENT, self.standing.clock.wall_ms()
                await self.sender.send([order])
            elif order.ticket.qty > held:
                self.drop(order, "what it was to sell is sold already")

    def drop(self, order: TrackedOrder, why: str) -> None:
        """Let an order go that was not sent."""
        now_ms = self.standing.clock.now_ms()
        for event in self.standing.tracker.refuse(order, now_ms, now_ms, Reason.NOT_SENT):
            self.standing.desk.hear(event)
        self.standing.journal.append_lazily(Note(f"{order.name} was not sent: {why}", order.ticket.symbol))

    def waiting(self) -> list[TrackedOrder]:
        """Return the orders that wait."""
        return [order for order in self.standing.tracker.live() if order.phase is Phase.WAITING]

    def _fits(
        self, kept: KeptOrder, part: TrackedOrder, wanted: Mapping[int, Decimal], orders: Sequence[KeptOrder]
    ) -> bool:
        """Say whether a part may stand as it is; it is marked as the whole of its order where it is that."""
        qty = wanted[kept.order_id]
        ends_itself = part.ticket.type is OrderType.MARKET or part.ticket.time_in_force is TimeInForce.IOC
        same = ends_itself or self.standing.has_terms(kept, part)
        partner = next((other for other in orders if stand_together(other, kept) or stand_together(kept, other)), None)
        if partner is not None and self.standing.pairs and wanted[partner.order_id] == qty:
            same = same and (self.standing.live_part(partner) is not None or partner.reached or kept.reached)
        waits = (
            self.standing.is_live(kept.parent_id) and self.standing.clock.wall_ms() - kept.placed_ms < _GROW_AFTER_MS
        )
        fits = part.left == qty or (part.left < qty and waits)
        part.whole = part.left == qty and not self.standing.is_live(kept.parent_id) and not kept.ends_for
        return same and fits

    async def _withdraw(self, part: TrackedOrder, why: str) -> None:
        if part.phase not in (Phase.WORKING, Phase.UNKNOWN):
            return
        asked_ms = part.cancel_asked_ms
        if asked_ms is None or self.standing.clock.wall_ms() - asked_ms >= _CANCEL_AGAIN_MS:
            await self.sender.cancel([part], why)

    async def _place(self, kept: KeptOrder, wanted: Mapping[int, Decimal], orders: Sequence[KeptOrder]) -> None:
        qty = wanted[kept.order_id]
        if not qty or self.standing.live_part(kept) is not None or not self.may_send():
            return
        if kept.instrument in self.standing.frozen:
            return
        if self.judge.tries.get(kept.order_id, 0) >= TRIES_A_ROW:
            return
        if any(self.standing.pairs and stand_together(other, kept) and not kept.reached for other in orders):
            return  # its partner brings it along
        if kept.reduces and qty > self.standing.room(kept.instrument):
            return  # something that has to end first is still there
        beside = next((other for other in orders if stand_together(kept, other) and not other.reached), None)
        if beside is None or not self.standing.pairs or wanted[beside.order_id] != qty:
            await self._send_parts([self._part(kept, qty)])
        elif self.standing.live_part(beside) is None:
            await self._send_parts([self._part(kept, qty), self._part(beside, qty)])

    def _part(self, kept: KeptOrder, qty: Decimal) -> TrackedOrder:
        """Make the next part of an order, with a name of its own."""
        now_ms = self.standing.clock.now_ms()
        number = max(int(self.standing.desk.run_record["next_order_id"]), self.standing.journal.next_order_id)
        self.standing.desk.number_orders_from(number + 1)
        kept.trail_from(as_decimal(self.standing.desk.account_view().mark_price[kept.instrument]))
        earlier = self.standing.tracker.find(kept.placed)
        kept.follows = kept.follows or (earlier is not None and earlier.accepted)
        name = ClientOrderId(self.standing.journal.tag, DrawKey(self.hashes[kept.instrument], now_ms, 0), number)
        terms = kept.terms(self.standing.grids[kept.instrument].tick)
        record = kept.ticket.record
        ticket = replace(terms, client_order_id=str(name), qty=qty, decided_ts_ms=now_ms, record=record)
        self.judge.tries[kept.order_id] = self.judge.tries.get(kept.order_id, 0) + 1
        kept.placed, kept.placed_ms = ticket.client_order_id, self.standing.clock.wall_ms()
        whole = not self.standing.is_live(kept.parent_id)
        return TrackedOrder(ticket, kept.order_id, kept.instrument, kept.placed_ms, part=True, whole=whole)

    async def _send_parts(self, parts: Sequence[TrackedOrder]) -> None:
        numbers = [ClientOrderId.parse(part.name) for part in parts]
        entries = [
            OrderIntent(part.ticket, number.order_id, f"for order {part.order_id}")
            for part, number in zip(parts, numbers, strict=True)
            if number is not None
        ]
        for part in parts:
            self.standing.tracker.add(part)
        try:
            self.standing.journal.append(entries, self.resumable.capture(), LAYOUT)
        except UsageError as error:
            self.blocks.put("journal", f"the journal cannot be written: {error}")
            for part in parts:
                self.standing.tracker.refuse(
                    part, self.standing.clock.now_ms(), self.standing.clock.now_ms(), Reason.NOT_SENT
                )
            return
        if len(parts) == 1:
            await self.sender.send(parts)
        else:
            await self.sender.send_pair(parts[0], parts[1])
