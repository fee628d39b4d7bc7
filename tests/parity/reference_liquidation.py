"""The venue closes a margin account that can no longer carry its positions: rule 26 of docs/execution.md."""

from __future__ import annotations

from dataclasses import dataclass

from keel.domain.orders import EventKind, OrderStatus, Reason

from .reference_books import apply_fill, fill_cash, fill_price
from .reference_costs import half_spread
from .reference_fees import count_volume
from .reference_holders import NO_ORDER
from .reference_links import end_order_alone
from .reference_prices import Walk, fraction, path_price, worst_of_the_rest
from .reference_state import Event, State


@dataclass
class Span:
    """Hold where an instrument's price stands after its last match of the row, and the worst it still comes to."""

    start: float
    end: float


def liquidate(state: State) -> None:
    """Test the account against the worst of what is left of the row; close everything where it falls short."""
    case, venue = state.case, state.venue
    if not case.margin_account or case.maintenance_margin == 0 or all(q == 0 for q in venue.qty):
        return
    spans = [_span(state, i) for i in range(len(state.markets))]
    e0, m0 = _equity_and_margin(state, [span.start for span in spans])
    e1, m1 = _equity_and_margin(state, [span.end for span in spans])
    if e1 >= m1:
        return
    part = 0.0 if e0 <= m0 else (e0 - m0) / ((e0 - m0) - (e1 - m1))
    for order in state.orders:
        if order.status in (OrderStatus.WORKING, OrderStatus.HELD):
            end_order_alone(state, order, state.row.close_ts_ms, OrderStatus.CANCELED, Reason.LIQUIDATION)
    for i, span in enumerate(spans):
        if venue.qty[i] != 0:
            _close(state, i, span.start + part * (span.end - span.start))


def _span(state: State, i: int) -> Span:
    bar, market, q = state.bar_now(i), state.markets[i], state.venue.qty[i]
    if bar is None:
        return Span(market.mark, market.mark)
    tau = fraction(bar, market.last_match_ts_ms) if market.bar_filled > 0 else 0.0
    start = path_price(bar, tau) if market.bar_filled > 0 else bar.open
    total = Walk.of(bar).total
    if total <= 0:
        return Span(start, start)
    return Span(start, worst_of_the_rest(bar, start, tau * total, -1 if q > 0 else 1))


def _equity_and_margin(state: State, prices: list[float]) -> tuple[float, float]:
    equity, margin = state.venue.cash, 0.0
    for q, price, market in zip(state.venue.qty, prices, state.markets, strict=True):
        if q != 0:
            equity = equity + q * price * market.rate
            margin = margin + abs(q) * price * market.rate
    return equity, state.case.maintenance_margin * margin


def _close(state: State, i: int, reference: float) -> None:
    """Close a position at the row's end, with half the spread and the venue's fee."""
    rules, market, ts = state.case.instruments[i], state.markets[i], state.row.close_ts_ms
    side, qty = (-1 if state.venue.qty[i] > 0 else 1), abs(state.venue.qty[i])
    half = half_spread(state, i, ts, reference)
    price = fill_price(reference + side * half, side, rules.tick)
    rate = market.rate
    event = Event(
        *(EventKind.FILLED, Reason.LIQUIDATION, side, i, NO_ORDER, state.row_index, ts, ts, qty, price, reference),
        fee=qty * price * rate * (market.fees.taker_rate + state.case.liquidation_fee_rate),
        spread_cost=qty * half * rate,
        rate=rate,
        final=True,
    )
    event.rounding_cost = side * qty * (price - reference) * rate - event.spread_cost - event.impact_cost
    event.cash = fill_cash(event)
    state.events.append(event)
    count_volume(state, qty, price, rate)
    apply_fill(state.venue, rules, event)
