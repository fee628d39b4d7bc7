"""Stress multiplies what trading costs, each by its own factor."""

from __future__ import annotations

import numpy as np
from made_markets import make_run, make_slots

from keel.sim.stress_nb import scale_costs_nb

FEE, SPREAD, IMPACT, LATENCY = 2.0, 3.0, 5.0, 7.0


def test_each_factor_multiplies_its_own_costs_and_nothing_else():
    run = make_run(half_spread_bps=1.5, impact_coefficient=0.7, entry_ms=250.0, response_ms=50.0, jitter_ms=20.0)
    run["n_tiers"] = 2
    run["tier_taker_rate"][0, :3] = run["tier_maker_rate"][0, :3] = (0.001, 0.002, 0.003)
    slots = make_slots(2)
    slots["fee_rate"], slots["maker_rate"], slots["min_fee"] = (0.1, 0.2), (0.3, 0.4), (0.5, 0.6)
    slots["sell_fee_rate"] = 0.7
    before, slots_before = run.copy(), slots.copy()
    scale_costs_nb(run[0], slots, np.array([FEE, SPREAD, IMPACT, LATENCY]))
    record, was = run[0], before[0]
    assert record["half_spread_bps"] == 1.5 * SPREAD
    assert record["impact_coefficient"] == 0.7 * IMPACT
    assert [record[name] for name in ("entry_ms", "response_ms", "jitter_ms")] == [250 * 7.0, 50 * 7.0, 20 * 7.0]
    for name in ("tier_taker_rate", "tier_maker_rate"):
        assert record[name][:3].tolist() == [0.001 * FEE, 0.002 * FEE, 0.003]
    for name in ("fee_rate", "maker_rate", "min_fee"):
        assert slots[name].tolist() == (slots_before[name] * FEE).tolist()
    changed = {"half_spread_bps", "impact_coefficient", "entry_ms", "response_ms", "jitter_ms"}
    changed |= {"tier_taker_rate", "tier_maker_rate"}
    assert [n for n in record.dtype.names if n not in changed and record[n].tobytes() != was[n].tobytes()] == []
    kept = [n for n in slots.dtype.names if n not in ("fee_rate", "maker_rate", "min_fee")]
    assert [n for n in kept if slots[n].tobytes() != slots_before[n].tobytes()] == []
