"""What becomes of the orders that we keep: which are over, which have changed, and what follows a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from keel.domain.orders import AUCTIONS, EventKind, OrderType, Reason, TimeInForce
from keel.domain.venue_messages import VenueStatus
from keel.journal.entries import Note
from keel.live.kept import KeptOrder, on_step, stand_together
from keel.live.orders import Phase
from keel.live.standing import Standing

TRIES_A_ROW: Final = 4
"""Parts placed for one order from one close to the next: a venue that refuses is not asked for ever."""
_EXPIRES: Final = (Reason.SESSION_END, Reason.GOOD_TILL_DATE, Reason.AUCTION_OVER)
_ENDS_WITH: Final = {
    TimeInForce.DAY: Reason.SESSION_END,
    TimeInForce.AT_OPEN: Reason.AUCTION_OVER,
    TimeInForce.AT_CLOSE: Reason.AUCTION_OVER,
}
"""Why an order of such a life is over where its venue has ended it unasked."""
_ZERO: Final = Decimal(0)


@dataclass
class Judge:
    """Judge the orders of one account, one instrument's at a time."""

    standing: Standing
    tries: dict[int, int] = field(default_factory=dict)
    """Parts placed since the last close, by order."""

    def judge(self, orders: Sequence[KeptOrder]) -> list[KeptOrder]:
        """Judge all orders of one instrument; return those that live on."""
        for kept in orders:
            self._answer_amend(kept)
            self._take_refusal(kept, orders)
            self._end_if_over(kept, orders)
        return [kept for kept in orders if kept.order_id in self.standing.tracker.kept]

    def _end_if_over(self, kept: KeptOrder, orders: Sequence[KeptOrder]) -> None:
        """Find out whether an order is to end, and end it once nothing of it stands at the venue."""
        kept.ends_for = kept.ends_for or self._reason_to_end(kept, orders)
        if self.standing.live_part(kept) is not None:
            return
        if kept.over:
            del self.standing.tracker.kept[kept.order_id]
        elif kept.ends_for:
            self._tell_end(kept)

    def _reason_to_end(self, kept: KeptOrder, orders: Sequence[KeptOrder]) -> Reason:
        if self._is_too_late(kept):
            return Reason.AUCTION_OVER
        held, step = self.standing.held(kept.instrument), self.standing.grids[kept.instrument].step
        parent_over = not kept.is_leg or not self.standing.is_live(kept.parent_id)
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
        if kept.reduces and (not closes or on_step(abs(held), step) <= 0):
            return Reason.LINKED_FILL if taken else Reason.REDUCE_ONLY
        newer = (one for one in orders if one.covers and one.allowed and one.parent_id > kept.parent_id)
        return Reason.TARGET_CHANGED if kept.covers and any(newer) else Reason.NONE

    def _is_too_late(self, kept: KeptOrder) -> bool:
        """Say whether the venue takes no part of it any more, and has none."""
        is_past = kept.until_ms is not None and self.standing.clock.now_ms() >= kept.until_ms
        return is_past and self.standing.live_part(kept) is None

    def _tell_end(self, kept: KeptOrder) -> None:
        del self.standing.tracker.kept[kept.order_id]
        kind = EventKind.EXPIRED if kept.ends_for in _EXPIRES else EventKind.CANCELED
        if kept.ends_for is Reason.VENUE_REFUSED:
            kind = EventKind.REJECTED
        self.standing.tell(kept, kind, kept.ends_for)
        if kept.covers and kept.is_stop and self._is_bought_bare(kept):
            self.standing.alarm(kept, "what is being opened was decided on while an older stop stood: it has none")
        self.standing.journal.append_lazily(
            Note(f"order {kept.order_id} is over: {kept.ends_for.name}", kept.ticket.symbol)
        )

    def _is_bought_bare(self, stop: KeptOrder) -> bool:
        """Say whether an order opens a position that neither the stop that ends here nor a leg of its own covers."""
        parents = {kept.parent_id for kept in self.standing.tracker.kept.values()}
        live = (order for order in self.standing.tracker.live() if order.instrument == stop.instrument)
        opening = (
            order for order in live if not order.ticket.reduce_only and order.ticket.side is not stop.ticket.side
        )
        return any(order.order_id not in parents for order in opening)

    def _answer_amend(self, kept: KeptOrder) -> None:
        """Tell of a change once a part with the new terms stands, or where nothing has to."""
        if kept.before is None:
            return
        part = self.standing.tracker.find(kept.placed)
        changed = self.standing.has_terms(kept, part) if part is not None else not kept.over
        if changed and (part is None or part.phase is Phase.WORKING or part.filled):
            kept.before = None
            limit, trigger = float(kept.ticket.limit_price or 0), float(kept.ticket.trigger_price or 0)
            self.standing.desk.take_amend(kept.order_id, float(kept.ticket.qty), limit, trigger)
            self.standing.tell(kept, EventKind.AMENDED, Reason.NONE)

    def _take_refusal(self, kept: KeptOrder, orders: Sequence[KeptOrder]) -> None:
        """Go on where the venue has not taken a part: back to the terms before, at market, or with us."""
        part = self.standing.tracker.find(kept.placed)
        if part is None:
            return
        if part.phase is Phase.OVER and part.ticket.time_in_force is TimeInForce.IOC:
            kept.reached = False  # it was tried: what protects comes first again
        if part.end in (VenueStatus.CANCELED, VenueStatus.EXPIRED) and part.cancel_asked_ms is None:
            kept.ends_for = kept.ends_for or _ENDS_WITH.get(part.ticket.time_in_force, Reason.NONE)
        if part.refused_for is not Reason.VENUE_REFUSED:
            return
        kept.placed = ""
        beside = next((other for other in orders if stand_together(kept, other)), None)
        if beside is not None and self._was_refused(beside):
            beside.alone, beside.placed = True, ""
            return
        if kept.before is not None:
            kept.ticket, kept.before = kept.before, None
            self.standing.tell(kept, EventKind.AMEND_REJECTED, Reason.VENUE_REFUSED)
        elif not kept.ticket.reduce_only or kept.ticket.time_in_force in AUCTIONS:
            kept.ends_for = kept.ends_for or Reason.VENUE_REFUSED
        elif kept.is_stop and kept.ticket.type is OrderType.TRAILING_STOP and not kept.follows:
            kept.follows = True
        elif kept.is_stop and not kept.urgent:
            kept.urgent = True
            self.standing.alarm(kept, "the venue does not take the stop: the position is closed at market")
        elif kept.urgent:
            self.tries[kept.order_id] = TRIES_A_ROW
            self.standing.alarm(kept, "the position is bare: neither its stop nor an order at market is taken")
        else:
            kept.alone = True

    def _was_refused(self, kept: KeptOrder) -> bool:
        part = self.standing.tracker.find(kept.placed)
        return part is not None and part.refused_for is Reason.VENUE_REFUSED
