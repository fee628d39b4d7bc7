"""The order desk of an event-driven strategy: what it asks for at a close, and what it knows of its orders."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from keel.domain.layout import REQUEST
from keel.domain.orders import EventKind, OrderSide, OrderType, Reason, RequestKind, TimeInForce

Lifetime: TypeAlias = Literal["gtc", "ioc", "fok", "day", "gtd", "at_open", "at_close"]
"""How long an order lives: until it is filled, one try, whole or not at all, the session, until a given time, or for
the auction that opens or closes a session.
"""
_AUCTIONS: Final = ("at_open", "at_close")

_TAGS_PER_ORDER: Final = 3
"""The order itself, its stop-loss, its take-profit."""
_FIRST_PAIR: Final = -2


@dataclass(frozen=True, slots=True)
class LiveOrder:
    """Show an order whose end is not known yet. `order` is what `buy` or `sell` returned, None for a target's order.

    Quantities are base units, prices quote currency per unit, 0 for none.
    """

    order: int | None
    symbol: str
    side: OrderSide
    type: OrderType
    qty: float
    filled_qty: float
    limit_price: float
    trigger_price: float
    reduce_only: bool
    cancel_requested: bool


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """Tell what happened to an order or, from FUNDING on, to the account; heard since the close before.

    `order` is what `buy` or `sell` returned, None for a target's order or a denied one; `ts_ms` is when it happened at
    the venue, UTC epoch milliseconds.
    """

    kind: EventKind
    order: int | None
    symbol: str | None
    side: OrderSide
    qty: float
    price: float
    reason: Reason
    ts_ms: int


class OrderDesk:
    """Take requests at each close and hand them to the simulator."""

    def __init__(
        self, symbols: Sequence[str], live: Callable[[], NDArray[np.void]], heard: Callable[[], NDArray[np.void]]
    ) -> None:
        self._symbols = tuple(symbols)
        self._live = live
        self._heard = heard
        self._next_tag = 0
        self._next_pair = _FIRST_PAIR
        self._asked: list[NDArray[np.void]] = []
        self._tags: dict[int, int] = {}
        self._instruments: dict[int, int] = {}
        """The instrument of each order, by its number over `_TAGS_PER_ORDER`."""

    def take_over(self) -> None:
        """Go on from the live orders of an earlier life of the run: they keep their numbers, new ones get others."""
        mine = [order for order in self._live() if order["tag"] >= 0]
        for order in mine:
            tag, self._next_pair = int(order["tag"]), min(self._next_pair, int(order["pair"]) - 1)
            self._tags[int(order["id"])] = tag
            self._instruments[tag // _TAGS_PER_ORDER] = int(order["instrument"])
        self._next_tag = _TAGS_PER_ORDER * (1 + max(self._instruments, default=-1))

    def place(self, instrument: int, side: OrderSide, qty: float, ticket: Ticket) -> int:
        """Ask for a new order; return the number it goes by. Raises ValueError for terms that contradict each other."""
        request = ticket.as_request(side)
        request["instrument"], request["qty"], request["tag"] = instrument, _positive("qty", qty), self._next_tag
        self._asked.append(request)
        self._instruments[self._next_tag // _TAGS_PER_ORDER] = instrument
        self._next_tag += _TAGS_PER_ORDER
        return int(request[0]["tag"])

    def pair(self, first: int, second: int) -> None:
        """Make two orders of this close partners: what fills of one is taken from the other."""
        found = [request for request in self._asked if request[0]["tag"] in (first, second)]
        found = [request for request in found if request[0]["kind"] == RequestKind.NEW and request[0]["pair"] == -1]
        if first == second or len(found) != 2:
            raise ValueError("pair: give two orders placed at this close, neither of which has a partner")
        if found[0][0]["instrument"] != found[1][0]["instrument"]:
            raise ValueError("pair: both orders must be of one symbol")
        for request in found:
            request["pair"] = self._next_pair
        self._next_pair -= 1

    def cancel(self, order: int) -> None:
        """Ask for the end of an order."""
        self._change(RequestKind.CANCEL, order, None, None, None)

    def amend(self, order: int, qty: float | None, limit: float | None, stop: float | None) -> None:
        """Ask for a lower quantity, another limit or another trigger."""
        if qty is None and limit is None and stop is None:
            raise ValueError("amend: give a qty, a limit or a stop")
        self._change(RequestKind.AMEND, order, qty, limit, stop)

    def _change(
        self, kind: RequestKind, order: int, qty: float | None, limit: float | None, stop: float | None
    ) -> None:
        instrument = self._instruments.get(order // _TAGS_PER_ORDER)
        if instrument is None:
            raise ValueError(f"there is no order {order}: give what buy or sell returned")
        request = np.zeros(1, REQUEST)
        request["kind"], request["tag"], request["pair"] = kind, order, -1
        request["instrument"] = instrument
        for field, value in (("qty", qty), ("limit_price", limit), ("trigger_price", stop)):
            request[field] = 0.0 if value is None else _positive(field, value)
        self._asked.append(request)

    def requests(self) -> NDArray[np.void] | None:
        """Return what was asked for since the last call, REQUEST of shape (R,), or None for nothing."""
        if not self._asked:
            return None
        asked = np.concatenate(self._asked)
        self._asked = []
        return asked

    def note_ids(self) -> None:
        """Learn the numbers that the simulator gave to the orders just sent."""
        for order in self._live():
            if order["tag"] >= 0:
                self._tags[int(order["id"])] = int(order["tag"])

    def orders(self) -> tuple[LiveOrder, ...]:
        """Return all live orders as known now, oldest first."""
        return tuple(self._shown(order) for order in self._live())

    def _shown(self, order: np.void) -> LiveOrder:
        return LiveOrder(
            order=int(order["tag"]) if order["tag"] >= 0 else None,
            symbol=self._symbols[order["instrument"]],
            side=OrderSide(int(order["side"])),
            type=OrderType(int(order["type"])),
            qty=float(order["qty"]),
            filled_qty=float(order["local_filled_qty"]),
            limit_price=float(order["limit_price"]),
            trigger_price=float(order["trigger_price"]),
            reduce_only=bool(order["reduce_only"]),
            cancel_requested=bool(order["cancel_requested"]),
        )

    def reports(self) -> tuple[ExecutionReport, ...]:
        """Return what was heard since the close before, in the order in which it happened."""
        return tuple(self._report(event) for event in self._heard())

    def _report(self, event: np.void) -> ExecutionReport:
        return ExecutionReport(
            kind=EventKind(int(event["kind"])),
            order=self._tags.get(int(event["order_id"])),
            symbol=self._symbols[event["instrument"]] if event["instrument"] >= 0 else None,
            side=OrderSide(int(event["side"])),
            qty=float(event["qty"]),
            price=float(event["price"]),
            reason=Reason(int(event["reason"])),
            ts_ms=int(event["ts_ms"]),
        )


@dataclass(frozen=True, slots=True)
class Ticket:
    """Hold an order's terms as a strategy writes them; None leaves one out. See `Context.buy`."""

    limit: float | None = None
    stop: float | None = None
    touch: float | None = None
    trail: float | None = None
    trail_fraction: float | None = None
    time_in_force: Lifetime = "gtc"
    expires_ms: int | None = None
    reduce_only: bool = False
    stop_loss: float | None = None
    stop_trail: float | None = None
    stop_trail_fraction: float | None = None
    take_profit: float | None = None

    @classmethod
    def of(cls, terms: Mapping[str, Any]) -> Ticket:
        """Return the ticket of the terms given. Raises ValueError, naming those there are, for one there is not."""
        known = [field.name for field in fields(cls)]
        for name in terms:
            if name not in known:
                raise ValueError(f"an order has no {name!r}: give {', '.join(known)}")
        return cls(**terms)

    def as_request(self, side: OrderSide) -> NDArray[np.void]:
        """Return a REQUEST of shape (1,) without instrument, quantity and tag. Raises ValueError."""
        self._check_lifetime()
        self._check_legs(side)
        request = np.zeros(1, REQUEST)
        request["kind"], request["side"], request["type"], request["pair"] = RequestKind.NEW, side, self._type(), -1
        request["time_in_force"] = TimeInForce[self.time_in_force.upper()]
        request["expire_ts_ms"], request["reduce_only"] = self.expires_ms or 0, self.reduce_only
        trigger = self.stop if self.stop is not None else self.touch
        prices = {"limit_price": self.limit, "trigger_price": trigger, "trail": self.trail, "trail_rate": None}
        legs = {"stop_loss": self.stop_loss, "stop_trail": self.stop_trail, "take_profit": self.take_profit}
        for field, value in (prices | legs).items():
            request[field] = 0.0 if value is None else _positive(field, value)
        request["trail_rate"] = _fraction("trail_fraction", self.trail_fraction)
        request["stop_trail_rate"] = _fraction("stop_trail_fraction", self.stop_trail_fraction)
        return request

    def _type(self) -> OrderType:
        given = (self.limit is not None, self.stop is not None, self.touch is not None, self._trails)
        kinds = {
            (False, False, False, False): OrderType.MARKET,
            (True, False, False, False): OrderType.LIMIT,
            (False, True, False, False): OrderType.STOP,
            (True, True, False, False): OrderType.STOP_LIMIT,
            (False, False, True, False): OrderType.TAKE_PROFIT,
            (False, False, False, True): OrderType.TRAILING_STOP,
        }
        if given not in kinds:
            raise ValueError("give a limit, a stop, a stop with a limit, a touch, or one of trail and trail_fraction")
        return kinds[given]

    @property
    def _trails(self) -> bool:
        if self.trail is not None and self.trail_fraction is not None:
            raise ValueError("give one of trail and trail_fraction")
        return self.trail is not None or self.trail_fraction is not None

    def _check_lifetime(self) -> None:
        if self.time_in_force not in get_args(Lifetime):
            raise ValueError(f"time_in_force {self.time_in_force!r}: give gtc, ioc, fok, day, gtd, at_open or at_close")
        if (self.time_in_force == "gtd") != (self.expires_ms is not None):
            raise ValueError("expires_ms is the end of a gtd order: give both or neither")
        waits = (self.stop, self.touch, self.trail, self.trail_fraction) != (None,) * 4
        if self.time_in_force in _AUCTIONS and waits:
            raise ValueError(f"an order {self.time_in_force} is at market or has a limit: give no stop, touch or trail")

    def _check_legs(self, side: OrderSide) -> None:
        stops = [self.stop_loss, self.stop_trail, self.stop_trail_fraction]
        given = [stop for stop in stops if stop is not None]
        if len(given) > 1:
            raise ValueError("give one of stop_loss, stop_trail and stop_trail_fraction")
        if self.reduce_only and (given or self.take_profit is not None):
            raise ValueError("an order that only reduces opens nothing that a stop-loss or take-profit could close")
        if self.stop_loss is None or self.take_profit is None:
            return
        if side * (self.take_profit - self.stop_loss) <= 0.0:
            told = f"stop_loss {self.stop_loss:g} and take_profit {self.take_profit:g}"
            raise ValueError(f"{told} are the wrong way round")


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0.0):
        raise ValueError(f"{name} is {value}: give a finite number above 0")
    return float(value)


def _fraction(name: str, value: float | None) -> float:
    if value is None:
        return 0.0
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} is {value}: give a fraction above 0 and below 1")
    return float(value)
