"""How long an order takes to the venue and its answer back (docs/execution.md, rule 13)."""

from __future__ import annotations

import math

from keel.domain.compile_nb import compiled
from keel.domain.rng_nb import RESPONSE_JITTER, normal_quantile_nb, uniforms_nb
from keel.sim.costs_nb import hour_of_week_nb, volatility_factor_nb

_ATTEMPTS_PER_EVENT = 16


@compiled
def latency_ms_nb(run, slot, order, bar, ts_ms, base_ms, purpose, draw):
    """Return one leg's latency in whole milliseconds; `bar` is the instrument's newest bar, `ts_ms` the leg's start."""
    if base_ms == 0.0 and run.jitter_ms <= 0.0:
        return 0  # whatever the draws, zero times the multipliers
    first, second = uniforms_nb(run.seed, run.stream, slot.hash, order.birth_ts_ms, order.seq, purpose, draw)
    latency = base_ms
    if run.jitter_ms > 0.0:
        latency = base_ms + run.jitter_ms * math.exp(run.jitter_sigma * normal_quantile_nb(first))
    latency = latency * run.latency_by_hour[hour_of_week_nb(bar, ts_ms)] * volatility_factor_nb(slot)
    if second < run.spike_probability:
        latency = latency * run.spike_multiplier
    return math.ceil(latency)


@compiled
def response_ts_nb(run, slot, order, bar, ts_ms):
    """Return when the answer to the order's next venue event is known locally, lost answers and queries included."""
    delay = 0
    for attempt in range(run.retries + 1):
        draw = order.n_events * _ATTEMPTS_PER_EVENT + attempt
        leg = latency_ms_nb(run, slot, order, bar, ts_ms, run.response_ms, RESPONSE_JITTER, draw)
        if run.timeout_ms == 0 or leg <= run.timeout_ms:
            delay += leg
            break
        delay += run.timeout_ms
        run.timeouts += 1
    order.n_events += 1
    response = ts_ms + delay
    if response < order.last_response_ts_ms:
        response = order.last_response_ts_ms
    order.last_response_ts_ms = response
    return response
