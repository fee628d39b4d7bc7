"""Hour of week, volatility, spread, impact, fees and latency: rules 4, 11, 13 and 15 of docs/execution.md."""

from __future__ import annotations

import math

from keel.domain.rng_nb import CANCEL_JITTER, ENTRY_JITTER, RESPONSE_JITTER, normal_quantile_nb, uniforms_nb

from .case import Bar, Rules
from .reference_state import Market, Memory, Order, State

DRAWS_PER_RESPONSE = 16


def hour_of_week(bar: Bar, ts_ms: int) -> int:
    """Return 0 … 167, Monday 00:00 = 0, read off the instrument's newest bar (rule 4)."""
    ms = bar.minute_of_week * 60_000 + bar.open_ts_ms % 60_000 + ts_ms - bar.open_ts_ms
    return ms // 3_600_000 % 168


def newest_bar(state: State, instrument: int) -> Bar:
    """Return the instrument's newest bar; whatever has an order has had a bar (rule 4)."""
    bar = state.markets[instrument].bar
    assert bar is not None
    return bar


def volatility_factor(market: Market) -> float:
    """Return √(var_short / var_long) clipped to [0.5, 3], 1 while nothing is known (rule 11)."""
    if market.var_long <= 0:
        return 1.0
    return min(max(math.sqrt(market.var_short / market.var_long), 0.5), 3.0)


def update_variances(state: State, market: Market, close: float) -> None:
    """Take in the return of a bar that closes at `close` (rule 11)."""
    r = close / market.mark - 1
    v = r * r
    if market.bar_count == 2:
        market.var_short = market.var_long = v
        return
    market.var_short = market.var_short + 2 / (state.case.vol_short_bars + 1) * (v - market.var_short)
    market.var_long = market.var_long + 2 / (state.case.vol_long_bars + 1) * (v - market.var_long)


def half_spread(state: State, instrument: int, ts_ms: int, reference: float) -> float:
    """Return half the spread in quote currency (rule 11)."""
    hour = hour_of_week(newest_bar(state, instrument), ts_ms)
    seasonal = state.case.spread_seasonality.at(hour)
    factor = volatility_factor(state.markets[instrument])
    return min(state.case.half_spread_bps * seasonal * factor, 2500) / 10000 * reference


def market_impact(state: State, instrument: int, side: int, qty: float, reference: float) -> float:
    """Return what a match of `qty` adds to the price (rule 11)."""
    case, market = state.case, state.markets[instrument]
    if case.impact_coefficient == 0:
        return 0.0
    memory = age_metaorder(state, market, side, newest_bar(state, instrument).volume)
    volume = memory.volume

    def law(x: float) -> float:
        if case.impact_exponent == 0.5:
            return x * math.sqrt(x / volume)
        return 0.0 if x <= 0 else x * math.exp(case.impact_exponent * math.log(x / volume))

    growth = (law(memory.qty + qty) - law(memory.qty)) / qty
    bps = case.impact_coefficient * (math.sqrt(market.var_short) * 10000) * growth
    return min(max(bps, 0), 5000) / 10000 * reference


def age_metaorder(state: State, market: Market, side: int, volume: float) -> Memory:
    """Return one side's memory of own fills, brought up to the instrument's newest bar (rule 11)."""
    n, memory = market.bar_count, market.memory[side]
    if memory.seen != n:
        decay = math.log(2) / state.case.impact_half_life_bars
        keep = math.exp(-(decay * (n - memory.seen)))
        memory.qty = memory.qty * keep
        memory.volume = memory.volume * keep + volume
        memory.seen = n
    return memory


def fee_rate(rules: Rules) -> float:
    """Return the taker's fee as a fraction of the notional (rule 15)."""
    return rules.taker_bps / 10000 * (1 - rules.discount)


def fill_fee(rules: Rules, order: Order, qty: float, price: float) -> float:
    """Return the fee of one fill: what the order owes by now less what it has paid (rule 15)."""
    order.rated = order.rated + qty * price * fee_rate(rules)
    due = max(order.rated, rules.min_fee)
    fee = due - order.paid
    order.paid = due
    return fee


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
