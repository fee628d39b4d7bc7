"""A live run's bars played again by the simulator's two halves, as a dry run plays them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from keel.backtest.by_hand import HandTrade, close_again, trade_again
from keel.backtest.drift import Filled
from keel.domain.layout import LOCAL, VENUE
from keel.domain.orders import EventKind
from keel.domain.sessions import Activity
from keel.sim.exchange import Exchange
from keel.sim.local import LocalDesk
from keel.sim.room import Records


@dataclass(frozen=True)
class Step:
    """Hold one close: its bars, BAR (N,), the journalled weights (N,) or None, and what was sent after it.

    `sent` are ORDER (1,) records of orders that reached the venue, `cancels` numbers of orders. `activity` is what the
    run's sessions allow there. `by_hand` is what was traded since the close before without a decision.
    """

    close_ts_ms: int
    bars: Records
    session: int
    weights: NDArray[np.float64] | None = None
    sent: tuple[Records, ...] = ()
    cancels: tuple[int, ...] = ()
    activity: Activity = Activity.TRADE
    by_hand: tuple[HandTrade, ...] = ()

    @property
    def is_decided(self) -> bool:
        """Say whether the run decided at this close."""
        return self.weights is not None

    @property
    def is_missed(self) -> bool:
        """Say whether it did not, though its sessions allow it."""
        return not self.is_decided and self.activity is not Activity.WATCH


Parameters = Callable[[int], tuple[Records, Records]]
"""Returns RUN (1,) and SLOT (N,) of a session's config, made anew."""


class Chooser(Protocol):
    """Decide at a step."""

    def choose(self, place: int, desk: LocalDesk) -> tuple[NDArray[np.float64], Records | None] | None:
        """Return weights (N,) and REQUEST (R,) or None, for the step at a place; None decides nothing."""

    def note_ids(self) -> None:
        """Learn the numbers of the orders just decided on."""


@dataclass
class Played:
    """Hold what a playing came to: equity at the last close, fills by order, and what was sent.

    `sizes` are quantities by close, instrument and side.
    """

    equity: float = 0.0
    fills: dict[int, Filled] = field(default_factory=dict)
    instruments: dict[int, int] = field(default_factory=dict)
    sizes: dict[tuple[int, int, int], float] = field(default_factory=dict)

    def note(self, events: Records) -> None:
        """Note the fills among EVENT records."""
        for event in events[events["kind"] == EventKind.FILLED]:
            number, kept = int(event["order_id"]), float(event["fee_qty"])
            self.instruments[number] = int(event["instrument"])
            paid = 0.0 if kept > 0.0 else float(event["fee"])
            amounts = (Decimal(float(value)) for value in (event["qty"], event["price"], paid, kept))
            self.fills.setdefault(number, Filled()).add(int(event["side"]), *amounts)

    def note_by_hand(self, number: int, instrument: int, booked: Filled) -> None:
        """Note a trade that was booked beside the orders."""
        self.instruments[number] = instrument
        amounts = booked.qty, booked.price, booked.fee, booked.fee_qty
        self.fills.setdefault(number, Filled()).add(booked.side, *amounts)

    def note_sent(self, close_ts_ms: int, orders: Records) -> None:
        """Note the quantities of ORDER records that were sent after a close."""
        for order in orders:
            key = close_ts_ms, int(order["instrument"]), int(order["side"])
            self.sizes[key] = self.sizes.get(key, 0.0) + float(order["qty"])


def begin(state: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the states from which our half and the venue's begin, of a run's captured state.

    Of a dry run both are there. Else the venue's book is taken to be ours, and orders that were open are left out:
    their venue is not known to the simulator.
    """
    if state.get("exchange") is not None:
        return dict(state["desk"]), dict(state["exchange"])
    desk = dict(state["desk"]) | {"orders": [], "waiting": []}
    run = dict(desk["run"])
    slots = [dict(slot) for slot in desk["slots"]]
    for values, names in ((run, ("cash", "equity")), *((slot, ("qty", "avg_price")) for slot in slots)):
        for name in names:
            both = list(values[name])
            both[VENUE] = both[LOCAL]
            values[name] = both
    return desk, desk | {"run": run, "slots": slots}


def decide_again(state: Mapping[str, Any], steps: Sequence[Step], parameters: Parameters, chooser: Chooser) -> Played:
    """Play the steps from a captured state, deciding as `chooser` says; a session's parameters begin with it.

    Where somebody flattened by hand, what is held here is closed at the price that this had.
    """
    ours, theirs = begin(state)
    played, session = Played(), steps[0].session
    desk, exchange = _halves(parameters(session), ours, theirs)
    for place, step in enumerate(steps):
        if step.session != session:
            session = step.session
            desk, exchange = _halves(parameters(session), desk.capture(), exchange.capture())
        _move(desk, exchange, step, played)
        chosen = None if step.activity is Activity.WATCH else chooser.choose(place, desk)
        if chosen is None:
            continue
        sent = desk.decide(*chosen, entries=step.activity is Activity.TRADE)
        chooser.note_ids()
        played.note_sent(step.close_ts_ms, sent.orders)
        for order in sent.orders:
            exchange.submit(np.array([order]))
        for order in sent.cancels:
            exchange.cancel(int(order["id"]), step.close_ts_ms)
        for order in sent.amends:
            exchange.amend(np.array([order]))
    played.equity = exchange.venue_equity
    return played


def send_again(
    state: Mapping[str, Any], steps: Sequence[Step], parameters: Parameters, arrivals: Mapping[int, int]
) -> Played:
    """Play the steps with the orders that were sent; those in `arrivals`, by number, arrive when that says.

    What was traded by hand is traded as it was.
    """
    _, theirs = begin(state)
    played, session = Played(), steps[0].session
    exchange = _exchange(parameters(session), theirs)
    for step in steps:
        if step.session != session:
            session = step.session
            exchange = _exchange(parameters(session), exchange.capture())
        exchange.begin_row(step.bars)
        played.note(exchange.end_row())
        for trade in step.by_hand:
            played.note_by_hand(trade.number, trade.instrument, trade_again(exchange, trade))
        for order in step.sent:
            record, number = order.copy(), int(order[0]["id"])
            record["look_row"] = exchange.row - 1  # rows are counted anew here
            if number in arrivals:
                record["arrival_ts_ms"] = record["active_ts_ms"] = max(arrivals[number], step.close_ts_ms)
            played.note_sent(step.close_ts_ms, record)
            exchange.submit(record)
        for number in step.cancels:
            exchange.cancel(number, step.close_ts_ms)
    played.equity = exchange.venue_equity
    return played


def _move(desk: LocalDesk, exchange: Exchange, step: Step, played: Played) -> None:
    """Let both halves reach a close."""
    exchange.begin_row(step.bars)
    played.note(exchange.end_row())
    for event in exchange.heard():
        desk.hear(np.array([event], event.dtype))
    for order in desk.live_orders():
        there = exchange.order(int(order["id"]))
        if there is not None:
            desk.follow(there)
    for trade in step.by_hand:
        close_again(desk, exchange, trade, step.close_ts_ms)
    desk.close_row(step.bars, step.close_ts_ms)


def _halves(
    parameters: tuple[Records, Records], ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> tuple[LocalDesk, Exchange]:
    desk = LocalDesk(parameters[0].copy(), parameters[1].copy())
    desk.restore(ours)
    return desk, _exchange(parameters, theirs)


def _exchange(parameters: tuple[Records, Records], state: Mapping[str, Any]) -> Exchange:
    exchange = Exchange(parameters[0].copy(), parameters[1].copy())
    exchange.restore(state)
    return exchange
