"""Keel's execution rules in plain Python, written from docs/execution.md alone.

It shares no line with the compiled simulator except `keel/domain/rng_nb.py`, so a rule misread on one side shows
up as a difference. Slow and readable is its job: start at `simulate`, which is rule 14 from top to bottom.
"""

from __future__ import annotations

from dataclasses import dataclass

from keel.domain.orders import EventKind, RunStatus, TradingState

from .case import Case
from .reference_books import apply_fill, equity, gross_value, net_value
from .reference_costs import update_average_true_range, update_variances
from .reference_decision import decide
from .reference_fees import choose_tier
from .reference_holders import apply_corporate_actions, charge_for_days, hear_of
from .reference_hours import open_session
from .reference_liquidation import liquidate
from .reference_looks import note_best_prices
from .reference_state import Book, Event, Mark, State
from .reference_venue import cancel_what_is_left, expire_orders, run_venue

FINAL_KINDS = (EventKind.REJECTED, EventKind.CANCELED, EventKind.EXPIRED)
AMENDS = (EventKind.AMENDED, EventKind.AMEND_REJECTED)


@dataclass(frozen=True)
class Outcome:
    """Hold what a simulation left behind; both sides of the parity test produce one."""

    events: list[Event]
    marks: list[Mark]
    status: RunStatus
    timeouts: int
    trading_state: TradingState
    venue_cash: float
    local: Book


def simulate(case: Case) -> Outcome:
    """Simulate a case from its first row to its end (rules 14, 16)."""
    state = State.start(case)
    for k, row in enumerate(case.rows):
        state.row_index = k
        _open_row(state)
        run_venue(state)
        expire_orders(state)
        note_best_prices(state)
        liquidate(state)
        _mark_to_close(state)
        bankrupt = equity(state.venue, state.markets) <= 0
        _deliver_responses(state)
        local_equity = equity(state.local, state.markets)
        _update_latches(state, local_equity)
        _record_marks(state, local_equity)
        if bankrupt:
            state.status = RunStatus.BANKRUPT
            break
        decide(state, row)
    else:
        state.status = RunStatus.DONE
    cancel_what_is_left(state)
    return Outcome(
        events=state.events,
        marks=state.marks,
        status=state.status,
        timeouts=state.timeouts,
        trading_state=state.trading_state,
        venue_cash=state.venue.cash,
        local=state.local,
    )


def _open_row(state: State) -> None:
    """Begin a day, then count each instrument's new bar and apply its actions (rule 14.1)."""
    before = state.row_before
    if before is not None and before.day != state.row.day:
        choose_tier(state)
        charge_for_days(state)
    for i, (market, bar) in enumerate(zip(state.markets, state.row.bars, strict=True)):
        if bar is not None:
            market.bar = bar
            market.bar_count += 1
            market.bar_filled = 0.0
            open_session(market, state.row)
            apply_corporate_actions(state, i, bar)


def _mark_to_close(state: State) -> None:
    """Update variances and true ranges, then marks, then rates and values (rule 14.5)."""
    for market, bar in zip(state.markets, state.row.bars, strict=True):
        if bar is not None:
            if market.bar_count > 1:
                update_variances(state, market, bar.close)
            update_average_true_range(state, market, bar)
            market.mark = bar.close
    for market, rate in zip(state.markets, state.rates(state.row_index), strict=True):
        market.rate = rate
        market.value = market.mark * rate


def _deliver_responses(state: State) -> None:
    """Apply to the local book what has been heard by D(k), in the order in which it happened (rules 5, 14.7)."""
    for event in state.events:
        if not event.delivered and event.response_ts_ms <= state.row.close_ts_ms:
            event.delivered = True
            _deliver(state, event)


def _deliver(state: State, event: Event) -> None:
    if event.kind == EventKind.FILLED:
        apply_fill(state.local, state.case.instruments[event.instrument], event)
    elif event.kind >= EventKind.FUNDING:
        hear_of(state, event)
    if event.order_id >= 0:
        order = state.orders[event.order_id]
        order.local_filled = order.local_filled + (event.qty if event.kind == EventKind.FILLED else 0.0)
        order.local_final = order.local_final or event.final or event.kind in FINAL_KINDS
        order.amend_on_its_way = order.amend_on_its_way and event.kind not in AMENDS
    elif event.kind == EventKind.FILLED:
        market = state.markets[event.instrument]
        market.pursue = market.suspended = False


def _update_latches(state: State, local_equity: float) -> None:
    """Roll the day, then test the daily loss and the drawdown (rule 17)."""
    case = state.case
    if state.row.day != state.day:
        state.day = state.row.day
        state.day_start = state.last_local_equity
        if state.trading_state == TradingState.REDUCING:
            state.trading_state = TradingState.ACTIVE
    state.peak = max(state.peak, local_equity)
    active = state.trading_state == TradingState.ACTIVE
    if active and _lost(state.day_start, local_equity, case.max_daily_loss):
        state.trading_state = TradingState.REDUCING
    active = state.trading_state == TradingState.ACTIVE
    limit = case.max_daily_loss_notional
    if active and limit > 0 and local_equity <= state.day_start - limit:
        state.trading_state = TradingState.REDUCING
    if _lost(state.peak, local_equity, case.max_drawdown):
        state.trading_state = TradingState.HALTED
    state.last_local_equity = local_equity


def _lost(before: float, now: float, limit: float) -> bool:
    """Say whether a loss test is on, can be made, and has been failed (rule 17)."""
    return limit > 0 and before > 0 and now <= before * (1 - limit)


def _record_marks(state: State, local_equity: float) -> None:
    """Record the row (rule 14.9)."""
    venue, markets = state.venue, state.markets
    state.marks.append(
        Mark(
            ts_ms=state.row.close_ts_ms,
            equity=equity(venue, markets),
            local_equity=local_equity,
            cash=venue.cash,
            gross=gross_value(venue, markets),
            net=net_value(venue, markets),
        )
    )
