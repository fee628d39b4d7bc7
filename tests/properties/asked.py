"""Which order of the tape came from which request (rules 23, 24): the tape itself does not say."""

from __future__ import annotations

from dataclasses import dataclass

from parity.case import Case, Request
from parity.reference_state import Event

from keel.domain.orders import EventKind, OrderType, RequestKind


@dataclass(frozen=True)
class Asked:
    """Hold where an order came from: a request, or (None) a target; and its parent where it is a leg."""

    request: Request | None = None
    parent: int | None = None


@dataclass
class Origins:
    """Hold the origin of every order, and the rows whose answers do not fit what was asked."""

    asked: dict[int, Asked]
    unanswered: list[int]


def match_requests(case: Case, events: list[Event], rows: int) -> Origins:
    """Find the origins of the orders of the first rows: requests are answered one by one, in their order, then targets.

    What a row tells is read so that every request has its answer; where that is possible with and without an order as
    the leg of the one before it, it is its leg.
    """
    by_row: list[list[Event]] = [[] for _ in case.rows]
    for e in events:
        if e.kind in (EventKind.SUBMITTED, EventKind.DENIED):
            by_row[e.row].append(e)
    origins = Origins({}, [])
    for k, told in enumerate(by_row[:rows]):
        news = [request for request in case.rows[k].requests if request.kind == RequestKind.NEW]
        found = _read(case, told, 0, news)
        if found is None:
            origins.unanswered.append(k)
            found = {e.order_id: Asked() for e in told}
        origins.asked |= found
    return origins


def _read(case: Case, told: list[Event], place: int, news: list[Request]) -> dict[int, Asked] | None:
    """Return the origins of the orders from a place of a row's answers on, None where they do not fit the requests."""
    if not news:
        return _targets(told[place:])
    request, rest = news[0], news[1:]
    if place >= len(told) or not _answers(case, told[place], request):
        return None
    answer, place = told[place], place + 1
    if answer.kind == EventKind.DENIED:
        return _read(case, told, place, rest)
    legs = _legs(request)
    for count in (len(legs), 0) if legs else (0,):
        sent = told[place : place + count]
        if len(sent) == count and all(_is_leg(case, e, answer, *leg) for e, leg in zip(sent, legs, strict=False)):
            found = _read(case, told, place + count, rest)
            if found is not None:
                own = {answer.order_id: Asked(request)}
                return own | {e.order_id: Asked(request, answer.order_id) for e in sent} | found
    return None


def _targets(told: list[Event]) -> dict[int, Asked]:
    """Return the origins of what is sent for targets: orders at market, each followed by its legs."""
    found, parent = {}, None
    for e in told:
        if e.kind == EventKind.SUBMITTED:
            parent = e.order_id if e.type == OrderType.MARKET else parent
            found[e.order_id] = Asked() if e.type == OrderType.MARKET else Asked(parent=parent)
    return found


def _answers(case: Case, e: Event, request: Request) -> bool:
    if (e.type, e.side, e.instrument) != (request.type, request.side, request.instrument):
        return False
    near = _near(case, request.instrument)
    prices = abs(e.price - request.limit_price) <= near and abs(e.reference_price - request.trigger_price) <= near
    return e.kind == EventKind.DENIED or (prices and e.qty <= request.qty * (1 + 1e-9))


def _near(case: Case, instrument: int) -> float:
    """Return how far the grid may have moved a price."""
    tick = case.instruments[instrument].tick
    return 1.001 * tick.mantissa / tick.scale


def _legs(request: Request) -> list[tuple[float, float, OrderType]]:
    legs = []
    if request.stop_loss > 0:
        legs.append((0.0, request.stop_loss, OrderType.STOP))
    elif request.stop_trail > 0 or request.stop_trail_rate > 0:
        legs.append((0.0, 0.0, OrderType.TRAILING_STOP))
    if request.take_profit > 0:
        legs.append((request.take_profit, 0.0, OrderType.LIMIT))
    return legs


def _is_leg(case: Case, e: Event, parent: Event, price: float, trigger: float, kind: OrderType) -> bool:
    near = _near(case, parent.instrument)
    return (
        (e.kind, e.type, e.side, e.instrument) == (EventKind.SUBMITTED, kind, -parent.side, parent.instrument)
        and e.qty <= parent.qty
        and abs(e.price - price) <= near
        and abs(e.reference_price - trigger) <= near
    )
