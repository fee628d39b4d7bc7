"""Conservation: cash, equity and both books, rebuilt from fills and from what happened to holders (rules 5, 14, 25)."""

from __future__ import annotations

from collections.abc import Iterator

from parity.reference_state import Event

from keel.domain.orders import EventKind, Reason, RunStatus

from .market import Market
from .played import ROUND_OFF, Played

MOVE_CASH = (
    *(EventKind.FILLED, EventKind.FUNDING, EventKind.BORROW, EventKind.INTEREST, EventKind.DIVIDEND),
    EventKind.SPLIT,
)


def _far(a: float, b: float, scale: float) -> bool:
    return not abs(a - b) <= ROUND_OFF * scale


def cash_is_the_first_cash_and_what_came_and_went(played: Played) -> Iterator[str]:
    cash = played.case.initial_cash
    for k, mark in enumerate(played.marks):
        cash += sum(e.cash for e in played.by_row[k])
        if _far(mark.cash, cash, played.turnover):
            yield f"row {k}: cash {mark.cash!r}, the events make it {cash!r}"


def cash_of_a_fill_is_its_price_and_its_fee(played: Played) -> Iterator[str]:
    for e in played.events:
        if e.kind not in MOVE_CASH and e.cash != 0:
            yield f"{e.kind.name} of order {e.order_id} moves cash by {e.cash!r}"
        if e.kind == EventKind.FILLED:
            paid = 0.0 if e.fee_qty > 0 else e.fee
            expected = -e.side * e.qty * e.price * e.rate - paid
            if _far(e.cash, expected, 1e-3 * (e.qty * e.price * e.rate + abs(e.fee))):
                yield f"fill of order {e.order_id} moves cash by {e.cash!r} instead of {expected!r}"


def equity_is_cash_and_positions_at_value(played: Played) -> Iterator[str]:
    market, held = Market(played.case), [0.0] * len(played.case.instruments)
    moves = iter(played.moves)
    following = next(moves, None)
    for k, mark in enumerate(played.marks):
        while following is not None and following[0].row == k:
            held[following[0].instrument] = following[2]
            following = next(moves, None)
        worth = [q * market.value(k, i) for i, q in enumerate(held)]
        scale = played.turnover + sum(played.moved[i] * market.value(k, i) for i in range(len(held)))
        found = (mark.equity, mark.net, mark.gross)
        expected = (mark.cash + sum(worth), sum(worth), sum(abs(x) for x in worth))
        for name, a, b in zip(("equity", "net", "gross"), found, expected, strict=True):
            if _far(a, b, scale):
                yield f"row {k}: {name} {a!r}, cash and positions make it {b!r}"


def change_of_equity_is_price_gains_less_each_cost(played: Played) -> Iterator[str]:
    """Compare each row's change of equity with what prices gave and what was paid, each taken by itself."""
    market, n = Market(played.case), len(played.case.instruments)
    held, equity = [0.0] * n, played.case.initial_cash
    for k, mark in enumerate(played.marks):
        values, before = [market.value(k, i) for i in range(n)], [market.value(k - 1, i) for i in range(n)]
        gained = -sum(q * v for q, v in zip(held, before, strict=True))
        for e in played.by_row[k]:
            if e.kind == EventKind.SPLIT:
                held[e.instrument] = e.qty
        gained += sum(q * v for q, v in zip(held, values, strict=True))
        for e in played.by_row[k]:
            gained += _gain(e, values)
            if e.kind == EventKind.FILLED:
                held[e.instrument] += e.side * e.qty - e.fee_qty
        scale = played.turnover + sum(played.moved[i] * max(values[i], before[i]) for i in range(n))
        if _far(mark.equity - equity, gained, scale):
            yield f"row {k}: equity changes by {mark.equity - equity!r}, prices less costs make it {gained!r}"
        equity = mark.equity


def _gain(e: Event, values: list[float]) -> float:
    """Return what an event added to equity by the row's end: a price gain since the fill less its costs."""
    if e.kind != EventKind.FILLED:
        return e.cash
    price_gain = e.side * e.qty * (values[e.instrument] - e.reference_price * e.rate)
    fee = e.fee_qty * values[e.instrument] if e.fee_qty > 0 else e.fee
    return price_gain - e.spread_cost - e.impact_cost - e.rounding_cost - fee


def local_book_is_what_responses_have_told(played: Played) -> Iterator[str]:
    market, n = Market(played.case), len(played.case.instruments)
    for k, (mark, books) in enumerate(zip(played.marks, played.local, strict=True)):
        expected = books.cash + sum(books.held[i] * market.value(k, i) for i in range(n))
        scale = played.turnover + sum(played.moved[i] * market.value(k, i) for i in range(n))
        if k not in played.unclear_rows and _far(mark.local_equity, expected, scale):
            yield f"row {k}: local equity {mark.local_equity!r}, what was heard makes it {expected!r}"
    last, told = played.local[-1], played.outcome.local
    if _far(told.cash, last.cash, played.turnover):
        yield f"local cash {told.cash!r} at the end, what was heard makes it {last.cash!r}"
    for i, (found, expected) in enumerate(zip(told.qty, last.held, strict=True)):
        if _far(found, expected, played.moved[i]):
            yield f"local position {found!r} of instrument {i} at the end, what was heard makes it {expected!r}"


def a_run_stops_where_nothing_is_left(played: Played) -> Iterator[str]:
    bankrupt = played.outcome.status == RunStatus.BANKRUPT
    if any(mark.equity <= 0 for mark in played.marks[:-1]):
        yield "a run went on without equity"
    if bankrupt != (played.marks[-1].equity <= 0) or bankrupt + len(played.marks) < 1:
        yield f"status {played.outcome.status.name} with equity {played.marks[-1].equity!r}"
    if not bankrupt and len(played.marks) != len(played.case.rows):
        yield f"{len(played.marks)} of {len(played.case.rows)} rows were played"


def nothing_is_held_after_a_liquidation(played: Played) -> Iterator[str]:
    for k in {e.row for e in played.fills if e.reason == Reason.LIQUIDATION}:
        if played.marks[k].gross != 0:
            yield f"row {k}: positions worth {played.marks[k].gross!r} after a liquidation"


CHECKS = (
    cash_is_the_first_cash_and_what_came_and_went,
    cash_of_a_fill_is_its_price_and_its_fee,
    equity_is_cash_and_positions_at_value,
    change_of_equity_is_price_gains_less_each_cost,
    local_book_is_what_responses_have_told,
    a_run_stops_where_nothing_is_left,
    nothing_is_held_after_a_liquidation,
)
