"""What takes time: orders, cancels and amends on their way, responses on theirs (rule 13 of docs/execution.md)."""

from __future__ import annotations

import math

from keel.domain.rng_nb import (
    AMEND_JITTER,
    CANCEL_JITTER,
    ENTRY_JITTER,
    RESPONSE_JITTER,
    normal_quantile_nb,
    uniforms_nb,
)

from .reference_costs import hour_of_week, newest_bar, volatility_factor
from .reference_state import Order, State

DRAWS_PER_RESPONSE = 16


def _latency_ms(state: State, order: Order, base_ms: float, ts_ms: int, purpose: int, draw: int) -> int:
    """Return the delay of one leg (rule 13)."""
    case = state.case
    hash32 = case.instruments[order.instrument].stable_hash
    u1, u2 = uniforms_nb(case.seed, case.stream, hash32, order.birth_ts_ms, order.seq, purpose, draw)
    x = base_ms
    if case.jitter_ms > 0:
        x = base_ms + case.jitter_ms * math.exp(case.jitter_sigma * normal_quantile_nb(u1))
    hour = hour_of_week(newest_bar(state, order.instrument), ts_ms)
    x = x * case.latency_seasonality.at(hour) * volatility_factor(state.markets[order.instrument])
    if u2 < case.spike_probability:
        x = x * case.spike_multiplier
    return math.ceil(x)


def entry_latency_ms(state: State, order: Order, decision_ts_ms: int) -> int:
    """Return how long an order takes to the venue (rule 13)."""
    return _latency_ms(state, order, state.case.entry_ms, decision_ts_ms, ENTRY_JITTER, 0)


def cancel_latency_ms(state: State, order: Order, decision_ts_ms: int) -> int:
    """Return how long a cancel takes to the venue (rules 6, 13)."""
    return _latency_ms(state, order, state.case.entry_ms, decision_ts_ms, CANCEL_JITTER, 0)


def amend_latency_ms(state: State, order: Order, decision_ts_ms: int) -> int:
    """Return how long an amend takes to the venue (rules 13, 23)."""
    return _latency_ms(state, order, state.case.entry_ms, decision_ts_ms, AMEND_JITTER, order.amends_requested)


def response_ts_ms(state: State, order: Order, ts_ms: int) -> int:
    """Return when we hear of the order's next venue event, lost responses and queries included (rule 13)."""
    case = state.case
    delay = 0
    for attempt in range(case.retries + 1):
        draw = order.venue_events * DRAWS_PER_RESPONSE + attempt
        latency = _latency_ms(state, order, case.response_ms, ts_ms, RESPONSE_JITTER, draw)
        lost = 0 < case.timeout_ms < latency
        delay += case.timeout_ms if lost else latency
        if not lost:
            break
        state.timeouts += 1
    order.venue_events += 1
    order.last_response_ts_ms = max(ts_ms + delay, order.last_response_ts_ms)
    return order.last_response_ts_ms
