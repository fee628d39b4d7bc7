"""A finished simulation as the properties look at it: the inputs, the tape, the marks, and what they say together.

Nothing here calls the simulator, its compiled functions or the reference: positions, books and the orders' stories
are put together from the events alone, the market's figures (`market.py`) from the bars.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from parity.case import Case, Request
from parity.reference import Outcome
from parity.reference_state import Event, Mark

from keel.domain.orders import AUCTIONS, EventKind, OrderType, Reason, RunStatus, TimeInForce

from .asked import Asked, Origins, match_requests

ROUND_OFF = 1e-9
ENDS = (EventKind.REJECTED, EventKind.CANCELED, EventKind.EXPIRED)


@dataclass
class Story:
    """Hold one order's events in the order in which they happened, and where the order came from."""

    sent: Event
    asked: Asked
    events: list[Event] = field(default_factory=list)

    @property
    def fills(self) -> list[Event]:
        return [e for e in self.events if e.kind == EventKind.FILLED]

    @property
    def request(self) -> Request | None:
        return self.asked.request

    @property
    def is_leg(self) -> bool:
        return self.asked.parent is not None

    @property
    def reduce_only(self) -> bool:
        return self.is_leg or (self.request is not None and self.request.reduce_only)

    def time_in_force(self, case: Case) -> TimeInForce:
        if self.is_leg:
            return TimeInForce.GTC
        return case.time_in_force if self.request is None else self.request.time_in_force

    def first(self, kind: EventKind) -> Event | None:
        return next((e for e in self.events if e.kind == kind), None)


@dataclass
class Books:
    """Hold cash and positions after a row, as one side sees them."""

    cash: float
    held: list[float]


@dataclass(frozen=True)
class Played:
    """Hold what a simulation read and what it left behind."""

    case: Case
    outcome: Outcome

    @property
    def events(self) -> list[Event]:
        return self.outcome.events

    @property
    def marks(self) -> list[Mark]:
        return self.outcome.marks

    @cached_property
    def fills(self) -> list[Event]:
        return [e for e in self.events if e.kind == EventKind.FILLED]

    @cached_property
    def orders_fills(self) -> list[Event]:
        """Return the fills of orders: those of a liquidation have none."""
        return [e for e in self.fills if e.reason != Reason.LIQUIDATION]

    @cached_property
    def origins(self) -> Origins:
        decided = len(self.marks) - (self.outcome.status == RunStatus.BANKRUPT)
        return match_requests(self.case, self.events, decided)

    @cached_property
    def stories(self) -> dict[int, Story]:
        stories: dict[int, Story] = {}
        for e in self.events:
            if e.kind == EventKind.SUBMITTED:
                stories.setdefault(e.order_id, Story(e, self.origins.asked.get(e.order_id, Asked())))
            if e.order_id in stories:
                stories[e.order_id].events.append(e)
        return stories

    def is_auction_s(self, e: Event) -> bool:
        """Say whether an event is of an order for an auction."""
        return e.order_id >= 0 and self.stories[e.order_id].time_in_force(self.case) in AUCTIONS

    @cached_property
    def by_row(self) -> list[list[Event]]:
        rows: list[list[Event]] = [[] for _ in self.case.rows]
        for e in self.events:
            rows[e.row].append(e)
        return rows

    @cached_property
    def moves(self) -> list[tuple[Event, float, float]]:
        """Return each fill and split with the venue's position before and after it."""
        held = [0.0] * len(self.case.instruments)
        found = []
        for e in self.events:
            if e.kind in (EventKind.FILLED, EventKind.SPLIT):
                before = held[e.instrument]
                held[e.instrument] = self._after(e, before)
                found.append((e, before, held[e.instrument]))
        return found

    def _after(self, e: Event, before: float) -> float:
        if e.kind == EventKind.SPLIT:
            return e.qty
        return self.after_fill(e, before)

    def after_fill(self, e: Event, before: float) -> float:
        """Return the position a fill leaves: on its step where it has one, without what sums leave behind elsewhere."""
        rules, net = self.case.instruments[e.instrument], e.side * e.qty - e.fee_qty
        after = before + net
        if rules.step.mantissa and not rules.fee_in_base:
            return round(after * rules.step.scale / rules.step.mantissa) * rules.step.mantissa / rules.step.scale
        return 0.0 if abs(after) <= 1e-12 * (abs(before) + abs(net)) else after

    @cached_property
    def local(self) -> list[Books]:
        """Return the local book after each row: the fills whose response is due, and what happened to holders."""
        books, found = Books(self.case.initial_cash, [0.0] * len(self.case.instruments)), []
        waiting = [e for e in self.events if e.kind == EventKind.FILLED or e.kind >= EventKind.FUNDING]
        for row, mark in enumerate(self.marks):
            due = [e for e in waiting if e.response_ts_ms <= mark.ts_ms and e.row <= row]
            waiting = [e for e in waiting if not (e.response_ts_ms <= mark.ts_ms and e.row <= row)]
            for e in due:
                self._hear(books, e)
            found.append(Books(books.cash, list(books.held)))
        return found

    def _hear(self, books: Books, e: Event) -> None:
        books.cash += e.cash
        if e.kind == EventKind.FILLED:
            books.held[e.instrument] = self.after_fill(e, books.held[e.instrument])
        elif e.kind == EventKind.SPLIT:
            # Every response of the instrument has come by then: what we hold is what the venue holds.
            books.held[e.instrument] = e.qty

    @cached_property
    def unclear_rows(self) -> set[int]:
        """Return the rows of which the tape does not tell what was known at their close.

        A split at the very moment of the decision before it gives responses of later that moment as their time.
        """
        closes = {mark.ts_ms: k for k, mark in enumerate(self.marks)}
        return {closes[e.ts_ms] for e in self.events if e.kind == EventKind.SPLIT and e.ts_ms in closes}

    @cached_property
    def turnover(self) -> float:
        """Return what was moved in all, account currency: the scale of round-off."""
        return self.case.initial_cash + sum(abs(e.cash) + abs(e.fee) for e in self.events)

    @cached_property
    def moved(self) -> list[float]:
        """Return the units of each instrument that were moved in all: the scale of a position's round-off."""
        total = [0.0] * len(self.case.instruments)
        for e, before, after in self.moves:
            total[e.instrument] += e.qty + abs(before) + abs(after)
        return total

    def splits_of(self, instrument: int) -> list[Event]:
        return [e for e in self.events if e.kind == EventKind.SPLIT and e.instrument == instrument]


def in_force(story: Story) -> Iterator[tuple[Event, float, float]]:
    """Return each event of an order with the limit and trigger price that held when it happened."""
    limit, trigger = story.sent.price, story.sent.reference_price
    for e in story.events:
        yield e, limit, trigger
        if e.kind == EventKind.AMENDED:
            limit, trigger = e.price, e.reference_price


TRIGGERED_TYPES = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP)
