"""What our venue does not keep, kept by us: legs, pairs, trailing distances, changed terms, lifetimes.

Nothing here goes by what happened last. Again and again it is asked what should stand at the venue, by the positions,
the trades and the orders as they are known now; what does not fit is cancelled, and once that is over the rest is
placed. So a crash at any point leaves nothing but the same question.

On a spot market one coin is sold by one order only. What protects a position has it, until an order of ours that
closes wants it: that one waits here until what protects has been cancelled, and what is left is protected again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from keel.domain.errors import UsageError
from keel.domain.holder_messages import Split
from keel.domain.layout import BAR_EXTENDED
from keel.domain.orders import EventKind, Reason
from keel.journal.entries import AmendIntent, Note
from keel.live.amends import intent_of, take_over, with_changes
from keel.live.ear import as_decimal
from keel.live.kept import KeptOrder, split_ticket
from keel.live.lifetimes import is_due
from keel.live.orders import Phase, TrackedOrder
from keel.live.placing import Placer
from keel.live.recovery import LAYOUT
from keel.sim.room import Records
from keel.venues.base import Venue

_LOOK_S: Final = 0.05


@dataclass
class ExitKeeper:
    """See to the orders that one venue leaves to us."""

    venue: Venue
    placer: Placer
    stopped: bool = False
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.standing, self.judge = self.placer.standing, self.placer.judge
        self.desk, self.tracker = self.standing.desk, self.standing.tracker
        self.journal, self.clock = self.standing.journal, self.standing.clock

    def keep(self, order: KeptOrder) -> None:
        """Keep an order from now on."""
        order.placed_ms = order.placed_ms or self.clock.wall_ms()
        self.tracker.kept[order.order_id] = order

    def forget(self, orders: Sequence[KeptOrder]) -> None:
        """Let orders go that could not be written down."""
        for kept in orders:
            del self.tracker.kept[kept.order_id]
            self.standing.tell(kept, EventKind.REJECTED, Reason.NOT_SENT)

    def must_wait(self, order: TrackedOrder) -> bool:
        """Say whether an order sells coins that a part of ours has locked, or is of an instrument that splits."""
        if order.instrument in self.standing.frozen:
            return True
        if order.ticket.side * self.standing.held(order.instrument) >= 0:
            return False
        parts = [part for part in self.tracker.live() if part.part and part.instrument == order.instrument]
        return any(part.ticket.reduce_only and part.ticket.side is order.ticket.side for part in parts)

    def cancel(self, order_id: int, reason: Reason) -> bool:
        """End an order that is kept; False where there is none of that number."""
        kept = self.tracker.kept.get(order_id)
        if kept is not None and not kept.ends_for:
            kept.ends_for = reason or Reason.CLIENT_REQUEST
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
            self.standing.tell_refused_amend(record)
            return None
        kept.before, kept.ticket = kept.before or kept.ticket, with_changes(kept.ticket, record)
        return intent_of(kept, kept.placed, record)

    def split(self, instrument: int, split: Split) -> None:
        """Take a split of an instrument: what stands of it at the venue is replaced by what it should be now."""
        grid = self.standing.grids[instrument]
        for order in [one for one in self.tracker.live() if one.instrument == instrument and not one.part]:
            if order.phase is Phase.WAITING:
                order.ticket = split_ticket(order.ticket, split, grid.tick, grid.step)
            elif order.phase is not Phase.CLOSING and order.order_id not in self.tracker.kept:
                self.keep(take_over(order))
        for kept in self.tracker.kept.values():
            if kept.instrument == instrument:
                kept.split(split, grid.tick, grid.step)

    def see_row(self, bars: Records) -> None:
        """See a row that closed, BAR (N,): what waits for a price with us waits by closed bars of the session."""
        self.judge.tries.clear()
        self.standing.begin_row()
        for kept in self.tracker.kept.values():
            bar = bars[kept.instrument]
            if np.isfinite(bar["high"]) and not bar["flags"] & BAR_EXTENDED:
                kept.see(as_decimal(bar["high"]), as_decimal(bar["low"]), waits=self.standing.live_part(kept) is None)

    def halt(self, *, everything: bool) -> None:
        """Place nothing that opens any more; with `everything`, nothing at all."""
        self.stopped = self.stopped or everything
        for kept in self.tracker.kept.values():
            if everything or not kept.ticket.reduce_only:
                kept.ends_for = kept.ends_for or Reason.CLIENT_REQUEST
        for order in self.placer.waiting():
            self.placer.drop(order, "the run is stopping")

    async def tend(self) -> None:
        """Bring what stands at the venue nearer to what should; what takes an answer is gone on with next time."""
        async with self._busy:
            try:
                self._begin_times()
                await self._end_lifetimes()
                for instrument in sorted({kept.instrument for kept in self.tracker.kept.values()}):
                    orders = [kept for kept in self.tracker.kept.values() if kept.instrument == instrument]
                    orders = self.judge.judge(orders)
                    if not self.stopped:
                        await self.placer.bring_near(orders)
                await self.placer.send_waiting()
            except UsageError as error:
                self.placer.blocks.put("journal", f"the journal cannot be written: {error}")

    async def settle(self, patience_s: float) -> None:
        """Tend until nothing is on its way any more, or for so long."""
        ends_s = self.clock.monotonic_s() + patience_s
        await self.tend()
        while self._is_moving() and self.clock.monotonic_s() < ends_s:
            await self.clock.sleep(_LOOK_S)
            await self.tend()

    def save(self) -> None:
        """Write down how the orders that are kept stand, so that a restart begins none anew that was to end."""
        if not self.tracker.kept:
            return
        note = Note(f"{len(self.tracker.kept)} orders are kept")
        try:
            self.journal.append([note], self.placer.resumable.capture(), LAYOUT)
        except UsageError as error:
            self.placer.blocks.put("journal", f"the journal cannot be written: {error}")

    def _is_moving(self) -> bool:
        parts = [order for order in self.tracker.live() if order.part or order.phase is Phase.WAITING]
        return any(order.phase is not Phase.WORKING or order.cancel_asked_ms is not None for order in parts)

    def _begin_times(self) -> None:
        """Let go what the venue takes from now on."""
        for kept in self.tracker.kept.values():
            if kept.from_ms is not None and self.clock.now_ms() >= kept.from_ms:
                kept.from_ms = None

    async def _end_lifetimes(self) -> None:
        now_ms = self.clock.now_ms()
        for kept in self.tracker.kept.values():
            if kept.ends_ms is not None and now_ms >= kept.ends_ms:
                kept.ends_for = kept.ends_for or kept.ends_then_for
        unwanted = set() if self.venue.holds_legs else self._unwanted()
        live, wall_ms = self.tracker.live(), self.clock.wall_ms()
        due = [order for order in live if is_due(order, now_ms, wall_ms, unwanted)]
        for order in [order for order in due if order.phase is Phase.WAITING]:
            self.placer.drop(order, "its time is over")
        working = [order for order in due if order.phase not in (Phase.WAITING, Phase.CLOSING, Phase.OVER)]
        await self.placer.sender.cancel(working, "its time is over, or it was to be cancelled before")

    def _unwanted(self) -> set[int]:
        """Return the orders that the desk has cancelled, by number: a cancel may have been lost on its way."""
        live = self.desk.live_orders()
        return {int(number) for number in live["id"][live["cancel_requested"] != 0]}
