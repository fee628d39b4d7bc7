"""Matching by Keel's own simulator: one exchange an account; what happens is told when a client may hear of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.data.actions import Actions
from keel.domain.ids import ClientOrderId
from keel.domain.layout import BAR_PRESENT, ORDER
from keel.domain.orders import ActionKind, OrderSide, OrderType, Reason, TimeInForce
from keel.practice.amounts import ZERO
from keel.sim.exchange import Exchange

_NOBODY: Final = -1
_NEVER: Final = -1
_DUST: Final = 5e-9
"""Half of the smallest amount of the wire."""
_FIRST_FOREIGN: Final = 1 << 19
_FOREIGN: Final = 1 << 19
"""Numbers that stand in the draw key of orders whose name is not Keel's; it has room for 20 bits."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Hold an order as the matching takes it; prices of 0 are none, `opening` is what of it opens a position.

    `life` None is what the venue does with what is left of market orders; orders of one `list_id` cancel each other.
    """

    order_id: int
    instrument: int
    name: str
    is_buy: bool
    kind: OrderType
    life: TimeInForce | None
    quantity: Decimal
    opening: Decimal
    price: Decimal = ZERO
    stop_price: Decimal = ZERO
    trail: float = 0.0
    trail_rate: float = 0.0
    list_id: int = -1
    extended_hours: bool = False


class Matching:
    """Hold an account's exchange, and the events that nobody has been told of yet."""

    def __init__(self, exchange: Exchange, market_life: TimeInForce, actions: Actions | None = None) -> None:
        """Take the exchange, what it does with the rest of market orders, and the splits that it plays."""
        self._exchange, self._market_life, self._actions = exchange, market_life, actions
        self._waiting: list[np.void] = []
        self._last_open_ms = 0
        self.last_close_ms = 0
        """Close of the newest row."""
        self._has_begun = False
        self._played_ms: dict[int, int] = {}
        """Open of the newest bar, by place."""
        self._splits: dict[int, float] = {}
        """New units for an old one from the open row's beginning on, by place."""

    def watch(self, bars: NDArray[np.void]) -> None:
        """Let a row of history pass."""
        self._exchange.watch_row(bars)
        self._note(bars)

    def begin_row(self, bars: NDArray[np.void]) -> None:
        """Begin a row: BAR (N,), what the market does until they close."""
        self._splits = self.splits_in(bars)
        self._note(bars)
        self._has_begun = True
        self._exchange.begin_row(bars)

    def end_row(self) -> None:
        """End the open row."""
        self._take(self._exchange.end_row())
        self._splits = {}

    def splits_in(self, bars: NDArray[np.void]) -> dict[int, float]:
        """Return what splits when a row, BAR (N,), that is still to begin does: new units for an old one, by place."""
        found: dict[int, float] = {}
        if self._actions is None or not self._has_begun:
            return found  # nothing of before the first row is played
        for place, bar in enumerate(bars):
            mine = self._actions.records[self._actions.starts[place] : self._actions.ends[place]]
            since_ms, until_ms = self._played_ms.get(place, 0), int(bar["open_ts_ms"])
            due = mine[(mine["kind"] == ActionKind.SPLIT) & (mine["ts_ms"] > since_ms) & (mine["ts_ms"] <= until_ms)]
            if bar["flags"] & BAR_PRESENT and len(due):
                found[place] = float(np.prod(due["value"]))
        return found

    def _note(self, bars: NDArray[np.void]) -> None:
        self._last_open_ms = int(bars["open_ts_ms"].max())
        self.last_close_ms = int(bars["close_ts_ms"].max())
        for place in np.flatnonzero(bars["flags"] & BAR_PRESENT):
            self._played_ms[int(place)] = int(bars["open_ts_ms"][place])

    def submit(self, ticket: Ticket, now_ms: int, arrives_ms: int | None = None) -> None:
        """Send an order on its way, or have it arrive at a moment."""
        draft = self._draft(ticket, now_ms)
        if arrives_ms is not None:
            draft["arrival_ts_ms"] = draft["active_ts_ms"] = arrives_ms
        elif ticket.instrument in self._splits:
            _undo_split(draft, self._splits[ticket.instrument])
        self._exchange.submit(draft, now_ms)

    def amend(self, order_id: int, quantity: Decimal, price: Decimal, stop_price: Decimal, now_ms: int) -> bool:
        """Send an amend on its way, with 0 for what stays; False where there is no such order alive."""
        found = self._exchange.order(order_id)
        if found is None:
            return False
        ratio = self._splits.get(int(found[0]["instrument"]), 1.0)
        self._amend(found, float(quantity) / ratio, float(price) * ratio, float(stop_price) * ratio, now_ms)
        return True

    def _amend(self, found: NDArray[np.void], qty: float, price: float, stop_price: float, now_ms: int) -> None:
        found["amend_qty"], found["amend_limit_price"], found["amend_trigger_price"] = qty, price, stop_price
        found["amend_requested"], found["n_amends"] = 1, found["n_amends"] + 1
        found["amend_ts_ms"] = max(now_ms + 1, int(found[0]["arrival_ts_ms"]))
        self._exchange.amend(found)

    def keep_terms(self, order_id: int, ratio: float) -> None:
        """Leave an order, before a row begins, with the terms it has, although its instrument splits with the row."""
        found = self._exchange.order(order_id)
        if found is not None:
            # a split also divides an amend on its way: these become the terms of before
            order = found[0]
            limit, trigger = float(order["limit_price"]) * ratio, float(order["trigger_price"]) * ratio
            self._amend(found, float(order["qty"]) / ratio, limit, trigger, self.last_close_ms)

    def cancel(self, order_id: int, now_ms: int) -> None:
        """Send a cancel on its way."""
        self._exchange.cancel(order_id, now_ms, now_ms)

    def end_dust(self, order_id: int, now_ms: int) -> None:
        """End what is left of an order whose partner was filled, if it is nothing but rounding."""
        found = self._exchange.order(order_id)
        if found is not None and float(found[0]["qty"] - found[0]["filled_qty"]) < _DUST:
            self._exchange.cancel(order_id, now_ms, now_ms, Reason.LINKED_FILL)

    def due(self, now_ms: int, *, as_heard: bool) -> list[np.void]:
        """Return the EVENT records that a client may hear of by now: as they are heard, or as they happened."""
        self._take(self._exchange.events_until(now_ms))
        due = [event for event in self._waiting if event["response_ts_ms"] <= now_ms]
        self._waiting = [event for event in self._waiting if event["response_ts_ms"] > now_ms]
        return sorted(due, key=lambda event: int(event["response_ts_ms"])) if as_heard else due

    def next_ms(self) -> int | None:
        """Return the earliest time at which there may be something to tell."""
        times = [int(event["response_ts_ms"]) for event in self._waiting]
        upcoming = self._exchange.next_event_ts_ms()
        if upcoming is not None:
            times.append(upcoming)
        return min(times, default=None)

    @property
    def equity(self) -> float:
        """Return the equity of the simulator's own book at the last close, quote currency."""
        return self._exchange.venue_equity

    def _take(self, events: NDArray[np.void]) -> None:
        self._waiting += [event.copy() for event in events]

    def _draft(self, ticket: Ticket, now_ms: int) -> NDArray[np.void]:
        drafts = np.zeros(1, ORDER)
        draft = drafts[0]
        draft["id"], draft["instrument"], draft["type"] = ticket.order_id, ticket.instrument, ticket.kind
        draft["side"] = OrderSide.BUY if ticket.is_buy else OrderSide.SELL
        draft["time_in_force"] = self._market_life if ticket.life is None else ticket.life
        draft["birth_ts_ms"], draft["seq"] = self._draw_key(ticket)
        draft["submit_ts_ms"] = draft["last_response_ts_ms"] = now_ms
        draft["qty"], draft["opening_qty"] = float(ticket.quantity), float(ticket.opening)
        draft["limit_price"], draft["trigger_price"] = float(ticket.price), float(ticket.stop_price)
        draft["trail"], draft["trail_rate"] = ticket.trail, ticket.trail_rate
        draft["extended_hours"] = ticket.extended_hours
        for name in ("arrival_ts_ms", "active_ts_ms", "look_row", "reach_ts_ms", "amend_ts_ms", "expire_ts_ms"):
            draft[name] = _NEVER
        for name in ("tag", "parent_id", "pair"):
            draft[name] = _NOBODY
        if ticket.list_id >= 0:
            draft["pair"] = -2 - ticket.list_id  # partners carry the same number, at most -2
        return drafts

    def _draw_key(self, ticket: Ticket) -> tuple[int, int]:
        """Return bar and number that the order's draws of latency depend on: as in a backtest, if Keel named it."""
        name = ClientOrderId.parse(ticket.name)
        if name is not None:
            return name.key.birth_ts_ms, name.key.seq
        return self._last_open_ms, _FIRST_FOREIGN + ticket.order_id % _FOREIGN


def _undo_split(draft: NDArray[np.void], ratio: float) -> None:
    """Put an order into old units, whose row is played again from before its split: it is in new ones."""
    for name in ("qty", "opening_qty"):
        draft[name] /= ratio
    for name in ("limit_price", "trigger_price", "trail"):
        draft[name] *= ratio
