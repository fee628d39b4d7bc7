"""How a run begins: both books alike, nothing on its way (docs/execution.md, rules 5, 13)."""

from __future__ import annotations

from keel.domain.compile_nb import compiled
from keel.domain.layout import LOCAL, VENUE


@compiled
def start_run_nb(bars, rates, runs, slots, row):
    """Let a run whose parameters and cash are set begin at a row of bars."""
    run = runs[0]
    cash = run.cash[VENUE]
    run.cash[LOCAL] = cash
    run.equity[VENUE] = cash
    run.equity[LOCAL] = cash
    run.last_local_equity = cash
    run.day_start_equity = cash
    run.peak_equity = cash
    run.row = row
    run.first_row = row
    run.last_close_ts_ms = bars[row, 0].open_ts_ms
    run.rate_tokens = run.max_orders_per_minute
    run.rate_ts_ms = bars[row, 0].close_ts_ms
    run.needs_volatility = _grows_with_volatility_nb(run)
    for i in range(len(slots)):
        slots[i].rate = rates[row, i] if len(rates) > 0 else 1.0
        slots[i].next_corporate = slots[i].action_start
        slots[i].next_funding = slots[i].action_start


@compiled
def _grows_with_volatility_nb(run):
    """Say whether any cost or latency grows with volatility (rules 11, 13); where none does no bar reckons it."""
    if run.half_spread_bps > 0.0 or run.impact_coefficient > 0.0:
        return True
    return run.entry_ms > 0.0 or run.response_ms > 0.0 or run.jitter_ms > 0.0
