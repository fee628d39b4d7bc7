"""Our half of the simulator by itself: the local book, sizing and the risk guard, beside whatever venue there is.

What the venue says is heard as EVENT records (`hear`); at the close of a row it is applied to the local book in the
order in which it was heard, and the next decision is taken from that. What a decision sends, cancels and amends is
returned, not sent: the venue is somebody else's business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.account import AccountView
from keel.domain.layout import BAR_PRESENT, EVENT, LOCAL
from keel.domain.orders import EventKind, OrderStatus, Reason, TradingState
from keel.risk.sector_caps import SectorCaps, refuse_own_orders
from keel.sim.event_log import ring_part
from keel.sim.halves_nb import book_fill_nb, close_local_row_nb, watch_row_nb
from keel.sim.live_room import LiveRoom
from keel.sim.room import Records, account_view_of

_FINAL: Final = {
    EventKind.REJECTED: OrderStatus.REJECTED,
    EventKind.CANCELED: OrderStatus.CANCELED,
    EventKind.EXPIRED: OrderStatus.EXPIRED,
}
_AS_THE_VENUE_HAS_IT: Final = (
    *("qty", "opening_qty", "limit_price", "trigger_price", "best_price", "reserve_per_unit", "n_legs", "covers"),
    *("triggered", "arrival_ts_ms"),
)
"""Fields of an order that its venue changes: a pair's partner shrinks, an amend is done."""


@dataclass(frozen=True)
class Sent:
    """Hold what one decision asks the venue for: copies of ORDER records, and EVENT records of what was denied."""

    orders: Records
    cancels: Records
    amends: Records
    denials: Records
    weights: NDArray[np.float64]
    """What was decided on, (N,): the weights given, within the sectors' caps."""


class LocalDesk(LiveRoom):
    """Keep the local book of N instruments and decide by it. `run` is RUN (1,), `slots` SLOT (N,)."""

    caps: SectorCaps | None = None
    """What the targets of sectors may come to; None for no cap."""

    def watch_row(self, bars: Records, rates: NDArray[np.float64] | None = None) -> None:
        """Let a row, BAR (N,), pass before trading begins: volatility and marks move."""
        row = self._append(bars, rates)
        watch_row_nb(self._bars, self._rates, self._run, self._slots, row)

    def hear(self, event: Records) -> None:
        """Hear of something that happened, EVENT (1,): it is applied at the next close.

        `order_id` is that of one of our orders. A fill of one that has been forgotten is booked at once: nothing that
        was traded is ever left out.
        """
        self._make_room()
        run = self._run[0]
        order = self._order_of(int(event[0]["order_id"]))
        heard = event.copy()
        heard["row"], heard["known_row"] = self.row, -1
        if order is None and heard[0]["order_id"] >= 0:
            heard["known_row"] = self.row
            self._book_stray(heard[0])
        elif order is not None:
            self._note_end(order, heard[0])
        elif heard[0]["kind"] == EventKind.SPLIT:
            self._split(self._slots[int(heard[0]["instrument"])], float(heard[0]["reference_price"]))
        self._tape[int(run["tape_tail"]) & (len(self._tape) - 1)] = heard[0]
        run["tape_tail"] += 1

    def close_row(self, bars: Records, now_ms: int, rates: NDArray[np.float64] | None = None) -> None:
        """Close a row, BAR (N,), with all that was heard by `now_ms`."""
        row = self._append(bars, rates)
        self._make_room()
        state = (self._bars, self._rates, self._marks, self._run, self._slots, self._orders, self._tape)
        close_local_row_nb(*state, row, now_ms)

    def decide(self, weights: NDArray[np.float64], requests: Records | None = None, *, entries: bool = True) -> Sent:
        """Decide on the row closed last and return what to send; weights are (N,), NaN for no new target.

        Without `entries` only what closes may go, this once, as if the risk guard were REDUCING. Raises UsageError for
        requests of new orders beside sector caps.
        """
        if self.caps is not None:
            refuse_own_orders(requests)
            present = self._bars[self.row - 1]["flags"] & BAR_PRESENT != 0
            weights = self.caps.clip(weights, self._slots["last_weight"], present)
        asked = self._no_requests if requests is None else requests
        self._make_room(len(asked))
        run = self._run[0]
        first_id, tail = int(run["next_order_id"]), int(run["tape_tail"])
        before = self._orders[: int(run["n_orders"])].copy()
        self._decide_row(weights, asked, entries=entries)
        after = self._orders[: int(run["n_orders"])]
        kept = after[: len(before)]
        told = self._tape[np.arange(tail, int(run["tape_tail"])) & (len(self._tape) - 1)]
        return Sent(
            orders=after[after["id"] >= first_id].copy(),
            cancels=kept[(kept["cancel_requested"] != 0) & (before["cancel_requested"] == 0)].copy(),
            amends=kept[kept["n_amends"] != before["n_amends"]].copy(),
            denials=told[told["kind"] == EventKind.DENIED].copy(),
            weights=weights,
        )

    def heard(self) -> Records:
        """Return the EVENT records that became known at the row last closed, in their order."""
        return self._heard_at(self.row - 1)

    def follow(self, order: Records) -> None:
        """Take over what a venue that simulates has changed of an order, ORDER (1,)."""
        own = self._order_of(int(order[0]["id"]))
        if own is not None:
            for name in _AS_THE_VENUE_HAS_IT:
                own[name] = order[0][name]

    def follow_fees(self, fee_rate: NDArray[np.float64], maker_rate: NDArray[np.float64]) -> None:
        """Take over the venue's fee rates, fractions (N,)."""
        self._slots["fee_rate"], self._slots["maker_rate"] = fee_rate, maker_rate

    def take_amend(self, order_id: int, qty: float, limit_price: float, trigger_price: float) -> None:
        """Give an order of ours the terms that its venue has taken; 0 leaves one as it is."""
        order = self._order_of(order_id)
        if order is None:
            return
        for name, value in (("qty", qty), ("limit_price", limit_price), ("trigger_price", trigger_price)):
            order[name] = value if value > 0.0 else order[name]
        order["opening_qty"] = min(order["opening_qty"], order["qty"])

    def adjust_position(self, instrument: int, qty: float, price: float) -> None:
        """Set a position to what the venue says it is; what is added is taken to have cost `price` a unit."""
        slot = self._slots[instrument]
        before = float(slot["qty"][LOCAL])
        if qty == 0.0 or before * qty < 0.0 or before == 0.0:
            slot["avg_price"][LOCAL] = price if qty else 0.0
        elif abs(qty) > abs(before):
            cost = abs(before) * float(slot["avg_price"][LOCAL]) + (abs(qty) - abs(before)) * price
            slot["avg_price"][LOCAL] = cost / abs(qty)
        slot["qty"][LOCAL] = qty
        slot["pursue"] = 0

    def adjust_cash(self, cash: float) -> None:
        """Set the cash to what the venue says it is: what comes or goes is no gain and no loss to any latch."""
        run = self._run[0]
        moved = cash - float(run["cash"][LOCAL])
        run["cash"][LOCAL] = cash
        for name in ("last_local_equity", "day_start_equity", "peak_equity"):
            run[name] += moved
        run["equity"][LOCAL] += moved

    def receive(self, cash: float) -> None:
        """Book cash that no fill moved (below 0: a payment): a dividend, a fee, interest. It is a gain or a loss."""
        self._run[0]["cash"][LOCAL] += cash

    def lend(self, instrument: int, *, shortable: bool) -> None:
        """Say whether an instrument may be sold short from now on."""
        self._slots[instrument]["shortable"] = shortable

    def reset_latches(self) -> None:
        """Lift what the risk guard has latched (rule 17): a drawdown is measured from today's equity from now on.

        A daily loss that still stands latches again at the next close: it ends with the day.
        """
        run = self._run[0]
        run["trading_state"] = TradingState.ACTIVE
        run["peak_equity"] = run["equity"][LOCAL]

    def latch(self, state: TradingState) -> None:
        """Set the risk guard's state."""
        self._run[0]["trading_state"] = state

    def account_now(self) -> AccountView:
        """Return the account with every fill that was heard, applied already or not; marks are the last close's."""
        run, slots, waiting = self._run, self._slots, self._waiting()
        fills = waiting[waiting["kind"] == EventKind.FILLED]
        if len(fills):
            run, slots = run.copy(), slots.copy()
        for event in fills:
            _book_fill(run, slots, event)
        view = account_view_of(run, slots)
        values = view.position_qty * (view.mark_price * view.rate)
        return replace(view, equity=sum(values.tolist(), view.cash))

    @property
    def has_unheard(self) -> bool:
        """Say whether something was heard that the next close will apply."""
        return int(self._run[0]["tape_head"]) < int(self._run[0]["tape_tail"])

    @property
    def trading_state(self) -> TradingState:
        """Return the risk guard's state."""
        return TradingState(int(self._run[0]["trading_state"]))

    def trip_kill_switch(self) -> None:
        """Deny every order from here on (rule 17)."""
        self._run[0]["kill_switch"] = 1

    def lift_kill_switch(self) -> None:
        """Deny no order for the kill switch any more: a process that begins goes by the flag alone."""
        self._run[0]["kill_switch"] = 0

    def number_orders_from(self, order_id: int) -> None:
        """Let the next order have this id."""
        self._run[0]["next_order_id"] = order_id

    def _order_of(self, order_id: int) -> np.void | None:
        ids = self._orders["id"][: int(self._run[0]["n_orders"])]
        place = int(np.searchsorted(ids, order_id))
        if place == len(ids) or ids[place] != order_id:
            return None
        found: np.void = self._orders[place]
        return found

    def _note_end(self, order: np.void, event: np.void) -> None:
        """Note that our order is over at the venue, which lets it be forgotten once that is applied."""
        kind = EventKind(int(event["kind"]))
        if kind is EventKind.FILLED and event["final"]:
            order["status"] = OrderStatus.FILLED
        elif kind in _FINAL:
            order["status"] = _FINAL[kind]

    def _split(self, slot: np.void, ratio: float) -> None:
        """Reckon in new units from now on; the position follows when the event is applied."""
        slot["mark"], slot["atr"], slot["target_qty"] = (
            slot["mark"] / ratio,
            slot["atr"] / ratio,
            slot["target_qty"] * ratio,
        )

    def _book_stray(self, event: np.void) -> None:
        if event["kind"] == EventKind.FILLED:
            _book_fill(self._run, self._slots, event)

    def _waiting(self) -> Records:
        """Return what was heard and is applied at the next close."""
        heard = ring_part(self._tape, int(self._run[0]["tape_head"]), int(self._run[0]["tape_tail"]))
        return heard[heard["known_row"] < 0]


def _book_fill(run: Records, slots: Records, event: np.void) -> None:
    figures = [event[name] for name in ("side", "qty", "price", "fee", "fee_qty", "rate")]
    book_fill_nb(run, slots, int(event["instrument"]), *figures)


def event_of(kind: EventKind, *, instrument: int, order_id: int, ts_ms: int, known_ms: int) -> Records:
    """Return an EVENT, (1,), of an order or, with -1, of the account; what else it tells is still zero."""
    event = np.zeros(1, EVENT)
    event["kind"], event["reason"], event["instrument"], event["order_id"] = kind, Reason.NONE, instrument, order_id
    event["ts_ms"], event["response_ts_ms"], event["known_row"], event["rate"] = ts_ms, known_ms, -1, 1.0
    return event
