"""What holders pay and get, worked out from the positions and the actions (rule 25)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from parity.case import Action
from parity.reference_state import Event

from keel.domain.orders import ActionKind, EventKind

from .market import Market, price_at
from .played import ROUND_OFF, Played

DAYS_A_YEAR = 365
ACCOUNT_EVENTS = (EventKind.FUNDING, EventKind.BORROW, EventKind.INTEREST, EventKind.DIVIDEND, EventKind.SPLIT)


@dataclass
class Due:
    """Hold what has to stand on the tape: an event's kind, instrument, time and what it does to cash."""

    kind: EventKind
    instrument: int
    ts_ms: int
    cash: float


def holders_pay_and_get_what_is_due(played: Played) -> Iterator[str]:
    """Compare the account events of each row with what the positions and the actions make due."""
    market, n = Market(played.case), len(played.case.instruments)
    held = [0.0] * n
    for k in range(len(played.marks)):
        expected = _charges(played, market, k, held)
        expected += _corporate(played, market, k, held) + _funding(played, market, k, held)
        found = [e for e in played.by_row[k] if e.kind in ACCOUNT_EVENTS]
        yield from _differences(played, k, expected, found)
        for e in played.by_row[k]:
            if e.kind == EventKind.FILLED:
                held[e.instrument] = played.after_fill(e, held[e.instrument])
            elif e.kind == EventKind.SPLIT:
                held[e.instrument] = e.qty


def _differences(played: Played, k: int, expected: list[Due], found: list[Event]) -> Iterator[str]:
    def key(x: Due | Event) -> tuple[int, int, int]:
        return x.kind, x.instrument, x.ts_ms

    due, told = sorted(expected, key=key), sorted(found, key=key)
    if [key(d) for d in due] != [key(e) for e in told]:
        yield f"row {k}: holders' events {[(e.kind.name, e.instrument) for e in told]} instead of {due}"
        return
    for d, e in zip(due, told, strict=True):
        if not abs(d.cash - e.cash) <= ROUND_OFF * (abs(d.cash) + 1e-3 * played.turnover):
            yield f"row {k}: {e.kind.name} of {e.cash!r} on instrument {e.instrument} instead of {d.cash!r}"


def _charges(played: Played, market: Market, k: int, held: list[float]) -> list[Due]:
    """Return borrow and interest of a row that begins a day."""
    rows, case, due = played.case.rows, played.case, []
    if k == 0 or rows[k].day == rows[k - 1].day:
        return []
    years, ts = (rows[k].day - rows[k - 1].day) / DAYS_A_YEAR, rows[k - 1].close_ts_ms
    for i, (q, rules) in enumerate(zip(held, case.instruments, strict=True)):
        if q < 0 and rules.borrow_rate > 0:
            due.append(Due(EventKind.BORROW, i, ts, q * market.value(k - 1, i) * rules.borrow_rate * years))
    cash = played.marks[k - 1].cash + sum(d.cash for d in due)
    if cash < 0 and case.interest_rate > 0:
        due.append(Due(EventKind.INTEREST, -1, ts, cash * case.interest_rate * years))
    return due


def _corporate(played: Played, market: Market, k: int, held: list[float]) -> list[Due]:
    """Return splits and dividends, which come before a row's first fill."""
    due = []
    for i, actions in enumerate(market.corporate[k]):
        bar, rate, q = played.case.rows[k].bars[i], market.rate_inside(k, i), held[i]
        for action in actions:
            assert bar is not None
            if action.kind == ActionKind.SPLIT:
                left = _whole_steps(played, i, q * action.value)
                due.append(Due(EventKind.SPLIT, i, bar.open_ts_ms, (q * action.value - left) * bar.open * rate))
                q = left
            elif q != 0:
                due.append(Due(EventKind.DIVIDEND, i, bar.open_ts_ms, q * action.value * rate))
    return due


def _whole_steps(played: Played, i: int, qty: float) -> float:
    rules = played.case.instruments[i]
    if rules.step.mantissa == 0 or rules.fee_in_base:
        return qty
    steps = abs(qty) * rules.step.scale / rules.step.mantissa
    whole = int(steps + 1e-9 + steps * 1e-15) * rules.step.mantissa / rules.step.scale
    return whole if qty > 0 else -whole


def _funding(played: Played, market: Market, k: int, held: list[float]) -> list[Due]:
    due = []
    for i, rules in enumerate(played.case.instruments):
        for action in rules.actions:
            if action.kind == ActionKind.FUNDING and _falls_in_row(played, k, action):
                q = _held_at(played, k, i, held[i], action.ts_ms)
                price = _price_then(played, market, k, i, action.ts_ms)
                cash = -q * price * market.rate_inside(k, i) * action.value
                due += [Due(EventKind.FUNDING, i, action.ts_ms, cash)] if q != 0 else []
    return due


def _falls_in_row(played: Played, k: int, action: Action) -> bool:
    rows = played.case.rows
    return k > 0 and rows[k - 1].close_ts_ms <= action.ts_ms < rows[k].close_ts_ms


def _held_at(played: Played, k: int, i: int, q: float, ts_ms: int) -> float:
    """Return the position at a moment of a row: funding comes before orders of the same time."""
    for e in played.by_row[k]:
        if e.instrument == i and e.kind == EventKind.SPLIT:
            q = e.qty
        elif e.instrument == i and e.kind == EventKind.FILLED and e.ts_ms < ts_ms:
            q = played.after_fill(e, q)
    return q


def _price_then(played: Played, market: Market, k: int, i: int, ts_ms: int) -> float:
    bar = played.case.rows[k].bars[i]
    if bar is not None and bar.open_ts_ms <= ts_ms:
        return price_at(bar, ts_ms)
    return market.marks[k - 1][i] / market.ratio(k, i)


CHECKS = (holders_pay_and_get_what_is_due,)
