"""What generated strategies ask for beside their targets: orders of every type, pairs, brackets, cancels, amends.

A request is drawn as a few small integers. Prices lie a few quarter swings from the last close: bars touch them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from hypothesis import strategies as st

from keel.domain.orders import OrderType, RequestKind, TimeInForce

from .case import Bar, Request
from .case_timelines import Timeline
from .packed import among, packed

TAGS_AN_ORDER = 3
"""An order and its two legs."""
FIRST_PAIR = -2
STOP_LOSS_TAG, TAKE_PROFIT_TAG = 1, 2
SIZES = [0.1, 0.05, 0.3, 0.02, 0.8, 0.001, 2.0]
"""Parts of what the account can afford."""
NEW_SIZES = [0.0, 0.5, 0.1, 2.0, 0.01, 0.02, 0.001]
"""Parts of an order that an amend leaves of it; 0 leaves its quantity alone."""
SPANS = [0, 1, 2, 1, 3, 1, 6]
"""How far a pair's prices are apart: near enough for one bar to reach both."""
FAR = 40
"""Takes a price out of a bar's reach, and an amend out of what the account can afford."""
LIVES = [TimeInForce.GTC, TimeInForce.GTC, TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD, TimeInForce.IOC]
LIVES_AND_FOK = [*LIVES, TimeInForce.FOK]
LIVES_IN_SESSIONS = [*LIVES_AND_FOK, TimeInForce.AT_OPEN, TimeInForce.AT_CLOSE]
AUCTIONS = (TimeInForce.AT_OPEN, TimeInForce.AT_CLOSE)
ASKED_ANYWAY = 9
"""Flags at which a market that has no auctions is asked for one."""
FRACTIONS = [0.01, 0.001, 0.1]
MOST_AT_ONCE = 3


class Shape(NamedTuple):
    """Hold the small integers that one request is made of."""

    what: int
    instrument: int
    side: int
    type: int
    life: int
    size: int
    offset: int
    other_offset: int
    flags: int
    back: int


@dataclass(frozen=True)
class Quoted:
    """Hold what a strategy sees of an instrument when it asks: last close, size of a move, affordable quantity."""

    price: float
    move: float
    typical_qty: float


@dataclass
class Book:
    """Hold what was asked for so far, so that cancels and amends have something to aim at."""

    placed: list[Request]
    pairs: int = 0

    def next_tag(self) -> int:
        return TAGS_AN_ORDER * len(self.placed)


SHAPES = st.lists(
    st.tuples(
        packed((0, 11), (0, 3), (0, 2), (0, 6), (0, 8), (0, 6)),
        packed((-4, 4), (1, 6), (0, 15), (0, 5)),
    ).map(lambda parts: Shape(*parts[0], *parts[1])),
    max_size=MOST_AT_ONCE,
)
"""What is asked for at one row."""


@st.composite
def requests_by_row(
    draw: st.DrawFn, quotes: Sequence[Sequence[Quoted]], closes: Sequence[int], timeline: Timeline
) -> list[tuple[Request, ...]]:
    """Draw each row's requests; `quotes` holds for each row what is seen of each instrument."""
    often = draw(among(2, 1, 4), label="requests every n rows")
    book = Book([])
    table = []
    for k, (seen, close) in enumerate(zip(quotes, closes, strict=True)):
        shapes = draw(SHAPES) if k % often == 0 else []
        asked = [request for shape in shapes for request in _requests(book, shape, seen, close, timeline)]
        table.append(tuple(asked))
    return table


def _requests(book: Book, shape: Shape, seen: Sequence[Quoted], close: int, timeline: Timeline) -> list[Request]:
    if shape.what >= 8 and book.placed:
        return _about_an_earlier_one(book, shape, seen)
    i = shape.instrument % len(seen)
    order = _order(book.next_tag(), shape, i, seen[i], close, timeline)
    if shape.what in (5, 6):
        return _pair(book, shape, order, seen[i])
    if shape.what in (3, 7):
        order = _bracket(order, shape, seen[i])
    book.placed.append(order)
    return [order]


def _order(tag: int, shape: Shape, i: int, seen: Quoted, close: int, timeline: Timeline) -> Request:
    """Build one order: prices about the last close, on either side of it."""
    life, kind = _life(shape, timeline), OrderType(shape.type % len(OrderType))
    if life in AUCTIONS:
        kind = OrderType.LIMIT if shape.type % 2 else OrderType.MARKET
    near, far = seen.price + shape.offset * seen.move, seen.price - shape.offset * seen.move
    trailing = kind == OrderType.TRAILING_STOP
    return Request(
        kind=RequestKind.NEW,
        instrument=i,
        tag=tag,
        side=-1 if shape.side == 2 else 1,
        qty=seen.typical_qty * SIZES[shape.size],
        type=kind,
        time_in_force=life,
        limit_price=max(near, seen.move) if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) else 0.0,
        trigger_price=max(far, seen.move)
        if kind in (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT)
        else 0,
        trail=seen.move * shape.other_offset if trailing and shape.offset >= 0 else 0.0,
        trail_rate=FRACTIONS[shape.back % 3] if trailing and shape.offset < 0 else 0.0,
        expire_ts_ms=close + (shape.back * 2 - 1) * timeline.bar_ms // 3,
        reduce_only=shape.flags % 4 == 3,
    )


def _life(shape: Shape, timeline: Timeline) -> TimeInForce:
    life = LIVES_IN_SESSIONS[shape.life]
    if life in AUCTIONS and not timeline.has_sessions and shape.flags != ASKED_ANYWAY:
        return TimeInForce.GTC
    return life


def _pair(book: Book, shape: Shape, order: Request, seen: Quoted) -> list[Request]:
    """Build two orders of which one cancels the other: an exit with profit or loss, or two ways in."""
    pair = FIRST_PAIR - book.pairs
    book.pairs += 1
    side, span = order.side, SPANS[shape.other_offset] * seen.move
    triggers = shape.flags % 3 == 1
    profit = replace(
        order,
        time_in_force=TimeInForce.DAY if order.time_in_force in AUCTIONS else order.time_in_force,
        pair=pair,
        type=OrderType.TAKE_PROFIT if triggers else OrderType.LIMIT,
        limit_price=0.0 if triggers else max(seen.price - side * span, seen.move),
        trigger_price=max(seen.price - side * span, seen.move) if triggers else 0.0,
        trail=0.0,
        trail_rate=0.0,
    )
    loss_type = [OrderType.STOP, OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP][shape.back % 4]
    late = shape.flags % 5 == 4 and loss_type != OrderType.TRAILING_STOP
    near = max(seen.price + side * span, seen.move)
    trigger = max(seen.price + side * span * FAR, seen.move) if late else near
    loss = replace(
        profit,
        side=-side if shape.flags == 2 else side,
        qty=order.qty * (0.5 if shape.flags == 4 else 1.0),
        type=loss_type,
        limit_price=max(trigger + side * seen.move, seen.move) if loss_type == OrderType.STOP_LIMIT else 0.0,
        trigger_price=0.0 if loss_type == OrderType.TRAILING_STOP else trigger,
        trail=span if loss_type == OrderType.TRAILING_STOP else 0.0,
    )
    both = [profit, loss] if shape.offset % 2 else [loss, profit]
    both = [replace(one, tag=order.tag + n * TAGS_AN_ORDER) for n, one in enumerate(both)]
    book.placed += both
    return [*both, *(_brought_near(one, near) for one in both if late and one.type == loss_type)]


def _brought_near(loss: Request, trigger: float) -> Request:
    """Amend a stop to a trigger that the bar may reach; its partner has been looked at by then."""
    return Request(RequestKind.AMEND, loss.instrument, loss.tag, side=loss.side, trigger_price=trigger)


def _bracket(order: Request, shape: Shape, seen: Quoted) -> Request:
    """Attach a stop-loss, one that trails, a take-profit, or two of them."""
    side, span = order.side, shape.other_offset * seen.move
    stop = shape.flags % 4
    return replace(
        order,
        reduce_only=False,
        stop_loss=max(seen.price - side * span, seen.move) if stop in (0, 1) else 0.0,
        stop_trail=span if stop == 2 and shape.back % 2 else 0.0,
        stop_trail_rate=FRACTIONS[shape.back % 3] if stop == 2 and not shape.back % 2 else 0.0,
        take_profit=max(seen.price + side * span, seen.move) if stop != 1 else 0.0,
    )


def _about_an_earlier_one(book: Book, shape: Shape, seen: Sequence[Quoted]) -> list[Request]:
    """Cancel or amend a recent order, or one of its legs."""
    waiting = [o for o in book.placed if o.type != OrderType.MARKET]
    placed = waiting if waiting and shape.flags % 2 else book.placed
    order = placed[-1 - shape.back % len(placed)]
    leg = shape.flags % 3 if order.stop_loss or order.take_profit else 0
    quoted = seen[order.instrument]
    target = Request(kind=RequestKind.CANCEL, instrument=order.instrument, tag=order.tag + leg)
    if shape.what == 8:
        return [target]
    far = FAR if shape.flags % 4 == 3 else 1
    price = max(quoted.price + shape.offset * far * quoted.move, quoted.move)
    limit = leg == TAKE_PROFIT_TAG or (leg == 0 and order.limit_price > 0)
    trigger = (leg == STOP_LOSS_TAG and order.stop_loss > 0) or (leg == 0 and order.trigger_price > 0)
    return [
        replace(
            target,
            kind=RequestKind.AMEND,
            side=order.side,
            qty=order.qty * NEW_SIZES[shape.size] if leg == 0 else 0.0,
            limit_price=price if limit and shape.flags != 5 else 0.0,
            trigger_price=price if trigger and shape.flags != 6 else 0.0,
        )
    ]


def quotes_by_row(
    bars: Sequence[Sequence[Bar | None]], moves: Sequence[float], typical: Sequence[float]
) -> list[list[Quoted]]:
    """Return what is seen at each row: the last close of each instrument, or that of its first bar to come."""
    prices = [next((bar.open for bar in column if bar is not None), 1.0) for column in zip(*bars, strict=True)]
    table = []
    for row in bars:
        prices = [price if bar is None else bar.close for price, bar in zip(prices, row, strict=True)]
        table.append([Quoted(p, m, q) for p, m, q in zip(prices, moves, typical, strict=True)])
    return table
