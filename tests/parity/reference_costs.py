"""Hour of week, volatility, spread and impact: rules 4 and 11 of docs/execution.md."""

from __future__ import annotations

import math

from .case import Bar
from .reference_state import Market, Memory, State


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


def update_average_true_range(state: State, market: Market, bar: Bar) -> None:
    """Take in the range of a bar that closes (rule 24, last paragraph)."""
    n, span = market.bar_count, state.case.atr_bars
    true_range = bar.high - bar.low
    if n > 1:
        true_range = max(bar.high, market.mark) - min(bar.low, market.mark)
    bars = min(n, span)
    market.average_true_range = (market.average_true_range * (bars - 1) + true_range) / bars
