"""Matching by Keel's own simulator: one exchange an account; what happens is told when a client may hear of it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.ids import ClientOrderId
from keel.domain.layout import ORDER
from keel.domain.orders import OrderSide, OrderType, Reason, TimeInForce
from keel.practice.orders import Order
from keel.sim.exchange import Exchange

TYPES: Final = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "STOP_LOSS": OrderType.STOP,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT,
}
_LIVES: Final = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_NOBODY: Final = -1
_NEVER: Final = -1
_BIPS: Final = 10_000.0
_DUST: Final = 5e-9
"""Half of the smallest amount of the wire."""
_FIRST_FOREIGN: Final = 1 << 19
_FOREIGN: Final = 1 << 19
"""Numbers that stand in the draw key of orders whose name is not Keel's; it has room for 20 bits."""


class Matching:
    """Hold an account's exchange, and the events that nobody has been told of yet."""

    def __init__(self, exchange: Exchange, market_life: TimeInForce) -> None:
        self._exchange, self._market_life = exchange, market_life
        self._waiting: list[np.void] = []
        self._last_open_ms = 0

    def watch(self, bars: NDArray[np.void]) -> None:
        """Let a row of history pass."""
        self._exchange.watch_row(bars)
        self._last_open_ms = int(bars["open_ts_ms"].max())

    def begin_row(self, bars: NDArray[np.void]) -> None:
        """Begin a row: BAR (N,), what the market does until they close."""
        self._exchange.begin_row(bars)
        self._last_open_ms = int(bars["open_ts_ms"].max())

    def end_row(self) -> None:
        """End the open row."""
        self._take(self._exchange.end_row())

    def submit(self, order: Order, now_ms: int) -> None:
        """Send an order on its way."""
        self._exchange.submit(self._draft(order, now_ms), now_ms)

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

    def _draft(self, order: Order, now_ms: int) -> NDArray[np.void]:
        drafts = np.zeros(1, ORDER)
        draft = drafts[0]
        draft["id"], draft["instrument"] = order.order_id, order.instrument
        draft["side"] = OrderSide.BUY if order.is_buy else OrderSide.SELL
        draft["type"] = TYPES[order.kind] if order.trailing_bips is None else OrderType.TRAILING_STOP
        draft["time_in_force"] = self._market_life if order.kind == "MARKET" else _LIVES[order.time_in_force]
        draft["birth_ts_ms"], draft["seq"] = self._draw_key(order)
        draft["submit_ts_ms"] = draft["last_response_ts_ms"] = now_ms
        draft["qty"], draft["opening_qty"] = float(order.quantity), float(order.quantity) if order.is_buy else 0.0
        draft["limit_price"], draft["trigger_price"] = float(order.price), float(order.stop_price)
        draft["trail_rate"] = 0.0 if order.trailing_bips is None else order.trailing_bips / _BIPS
        for name in ("arrival_ts_ms", "active_ts_ms", "look_row", "reach_ts_ms", "amend_ts_ms", "expire_ts_ms"):
            draft[name] = _NEVER
        for name in ("tag", "parent_id", "pair"):
            draft[name] = _NOBODY
        if order.list_id >= 0:
            draft["pair"] = -2 - order.list_id  # partners carry the same number, at most -2
        return drafts

    def _draw_key(self, order: Order) -> tuple[int, int]:
        """Return bar and number that the order's draws of latency depend on: as in a backtest, if Keel named it."""
        name = ClientOrderId.parse(order.client_id)
        if name is not None:
            return name.key.birth_ts_ms, name.key.seq
        return self._last_open_ms, _FIRST_FOREIGN + order.order_id % _FOREIGN
