"""Costs and latency other than the config's by a factor each: drawn for an episode, or set by a stress profile."""

from __future__ import annotations

from keel.domain.compile_nb import compiled


@compiled
def scale_costs_nb(run, slots, multipliers):
    """Multiply fees, spread, impact and latency, in this order, of a run that has not begun."""
    fee, latency = multipliers[0], multipliers[3]
    for tier in range(run.n_tiers):
        run.tier_taker_rate[tier] = run.tier_taker_rate[tier] * fee
        run.tier_maker_rate[tier] = run.tier_maker_rate[tier] * fee
    for i in range(len(slots)):
        slots[i].fee_rate = slots[i].fee_rate * fee
        slots[i].maker_rate = slots[i].maker_rate * fee
        slots[i].min_fee = slots[i].min_fee * fee
    run.half_spread_bps = run.half_spread_bps * multipliers[1]
    run.impact_coefficient = run.impact_coefficient * multipliers[2]
    run.entry_ms = run.entry_ms * latency
    run.response_ms = run.response_ms * latency
    run.jitter_ms = run.jitter_ms * latency
