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


def match_requests(case: Case, events: list[Event]) -> dict[int, Asked]:
    """Return the origin of every order: requests are answered one by one, in their order, before targets are."""
    found: dict[int, Asked] = {}
    for k, row in enumerate(case.rows):
        ours = (EventKind.SUBMITTED, EventKind.DENIED)
        told = [e for e in events if e.row == k and e.kind in ours and e.ts_ms == row.close_ts_ms]
        news = [request for request in row.requests if request.kind == RequestKind.NEW]
        _match_row(case, told, news, found)
    return found


def _match_row(case: Case, told: list[Event], news: list[Request], found: dict[int, Asked]) -> None:
    place = 0
    for request in news[: len(told)]:
        place = _match_request(case, told, place, request, found)
    parent = None
    for e in told[place:]:
        if e.kind != EventKind.SUBMITTED:
            continue
        if e.type == OrderType.MARKET:
            parent = e.order_id
            found[e.order_id] = Asked()
        else:
            found[e.order_id] = Asked(parent=parent)


def _match_request(case: Case, told: list[Event], place: int, request: Request, found: dict[int, Asked]) -> int:
    """Take the answer to one request off the list; return the place of the next."""
    if place >= len(told):
        return place
    answer, place = told[place], place + 1
    if answer.kind != EventKind.SUBMITTED:
        return place
    found[answer.order_id] = Asked(request)
    for price, trigger, kind in _legs(request):
        if place < len(told) and _is_leg(case, told[place], answer, price, trigger, kind):
            found[told[place].order_id] = Asked(request, answer.order_id)
            place += 1
    return place


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
    tick = case.instruments[parent.instrument].tick
    near = 1.001 * tick.mantissa / tick.scale
    return (
        (e.kind, e.type, e.side, e.instrument) == (EventKind.SUBMITTED, kind, -parent.side, parent.instrument)
        and e.qty <= parent.qty
        and abs(e.price - price) <= near
        and abs(e.reference_price - trigger) <= near
    )
