"""Entries in words: one printable line each."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import singledispatch

from keel.domain.venue_messages import OrderState, OrderTicket
from keel.journal.codec import encode
from keel.journal.entries import (
    Alarm,
    AmendIntent,
    BarsSeen,
    BookAdjusted,
    CancelAnswered,
    CancelIntent,
    ClockDrift,
    Decision,
    Entry,
    ExternalSeen,
    FaultSeen,
    FillBooked,
    HistorySeen,
    Note,
    OrderHeld,
    OrderIntent,
    OrderResolved,
    ReportHeard,
    SubmitAnswered,
    TradingBegan,
)
from keel.journal.market_entries import MarketStateChanged


def describe(entry: Entry) -> str:
    """Return what an entry says in one line, kind and symbol left out; no sign in it moves a terminal's cursor."""
    line = " ".join(_words(entry).split())
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in line)


@singledispatch
def _words(entry: Entry) -> str:
    return _pairs({name: value for name, value in encode(entry, str).items() if name not in ("symbol", "config")})


@_words.register(Alarm | Note)
def _(entry: Alarm | Note) -> str:
    return entry.text


@_words.register
def _(entry: FaultSeen) -> str:
    return f"{entry.source}: {entry.text}"


@_words.register
def _(entry: BarsSeen) -> str:
    return " ".join(f"{bar.symbol} {bar.close!r}" for bar in entry.bars) or "none"


@_words.register
def _(entry: HistorySeen) -> str:
    return f"{max(map(len, entry.columns.values()), default=0)} bars from before"


@_words.register
def _(entry: TradingBegan) -> str:
    return f"with {entry.rows} bars to look back on, the last closed at {entry.close_ts_ms}"


@_words.register
def _(entry: Decision) -> str:
    names = dict.fromkeys((*entry.weights, *entry.why))
    return "; ".join(f"{name} {_weight(entry.weights.get(name))} {entry.why.get(name, '')}".strip() for name in names)


@_words.register(OrderIntent | OrderHeld)
def _(entry: OrderIntent | OrderHeld) -> str:
    return f"{_order(entry.ticket)} {_pairs({'why': entry.why})}"


@_words.register
def _(entry: CancelIntent) -> str:
    return f"{entry.ref.client_order_id} {_pairs({'why': entry.why})}"


@_words.register
def _(entry: AmendIntent) -> str:
    changed = {"qty": entry.qty, "limit": entry.limit_price, "trigger": entry.trigger_price, "why": entry.why}
    return f"{entry.ref.client_order_id} {_pairs(changed)}"


@_words.register
def _(entry: SubmitAnswered) -> str:
    result = entry.result
    answer = {"venue_order_id": result.venue_order_id, "code": result.code, "reason": result.reason}
    return f"{entry.client_order_id} {result.outcome.value} in {entry.latency_ms:.1f} ms {_pairs(answer)}"


@_words.register
def _(entry: CancelAnswered) -> str:
    outcome = "was over already" if entry.result.already_final else entry.result.outcome.value
    answer = {"code": entry.result.code, "reason": entry.result.reason}
    return f"{entry.client_order_id} {outcome} in {entry.latency_ms:.1f} ms {_pairs(answer)}"


@_words.register
def _(entry: ReportHeard) -> str:
    trade = entry.report.fill
    tail = "" if trade is None else f"trade {trade.trade_id}: {trade.qty} at {trade.price}"
    return f"{_state(entry.report.state)} {tail}"


@_words.register
def _(entry: FillBooked) -> str:
    fill = entry.fill
    liquidity = "maker" if fill.maker else "taker"
    return (
        f"{fill.client_order_id} {fill.side.name} {fill.qty} at {fill.price} "
        f"fee {fill.fee} {fill.fee_currency} {liquidity} trade {fill.trade_id}"
    )


@_words.register
def _(entry: BookAdjusted) -> str:
    return f"{entry.before} -> {entry.after} {_pairs({'why': entry.why})}"


@_words.register
def _(entry: OrderResolved) -> str:
    return f"{entry.client_order_id} {entry.what} {_pairs({'why': entry.why})}"


@_words.register
def _(entry: ExternalSeen) -> str:
    order = "" if entry.order is None else _state(entry.order)
    return f"{entry.what} {order} {_pairs({'qty': entry.qty})}"


@_words.register
def _(entry: MarketStateChanged) -> str:
    return f"{entry.before} -> {entry.after}: {entry.why}"


@_words.register
def _(entry: ClockDrift) -> str:
    return f"{entry.offset_ms:+.1f} ms"


def _order(ticket: OrderTicket) -> str:
    prices = {
        "limit": ticket.limit_price,
        "trigger": ticket.trigger_price,
        "trail": ticket.trail,
        "trail_rate": ticket.trail_rate,
    }
    what = f"{ticket.client_order_id} {ticket.side.name} {ticket.qty} {ticket.type.name} {ticket.time_in_force.name}"
    return f"{what} {_pairs(prices)}{' reduce_only' if ticket.reduce_only else ''}"


def _state(state: OrderState) -> str:
    done = f"{state.filled_qty} of {state.qty}"
    name = state.client_order_id or state.venue_order_id
    return f"{name} {state.side.name} {state.status.value} {done} {_pairs({'reason': state.reason})}"


def _weight(weight: float | None) -> str:
    return "as it was" if weight is None else f"{weight:.6g}"


def _pairs(values: Mapping[str, object]) -> str:
    def shown(value: object) -> str:
        if isinstance(value, Mapping):
            return "{" + _pairs(value) + "}"
        if isinstance(value, list):
            return ",".join(map(shown, value)) or "none"
        return f"{value:f}" if isinstance(value, Decimal) else str(value)

    return " ".join(f"{name} {shown(value)}" for name, value in values.items() if value is not None and value != "")
