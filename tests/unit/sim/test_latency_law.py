"""The distribution of a delay as the kernel draws it (docs/execution.md, rule 13)."""

from __future__ import annotations

import numpy as np
import pytest
from made_fills import LAWS, hourly_bars, recording, simulated_tables

from keel.sim.calibration.latency import fit_latency
from keel.sim.calibration.latency_law import Delays, Law, log_likelihoods
from keel.sim.calibration.samples import response_delays

SPIKED = Law(base_ms=20.0, jitter_ms=10.0, jitter_sigma=0.5, spike_probability=0.1, spike_multiplier=4.0)


def delays(ms, factor=1.0, slowest_of=1.0, lost_ms=float("inf")) -> Delays:
    n = len(ms)
    alone = np.arange(n)
    return Delays(np.asarray(ms, float), np.full(n, factor), np.full(n, slowest_of), alone, alone % 168, lost_ms)


@pytest.mark.parametrize(("factor", "slowest_of"), [(1.0, 1.0), (2.5, 1.0), (0.5, 2.0), (1.7, 3.0)])
def test_probabilities_of_all_milliseconds_add_up_to_one(factor, slowest_of):
    every = delays(np.arange(1, 5001), factor, slowest_of)
    assert np.exp(log_likelihoods(SPIKED, every)).sum() == pytest.approx(1.0, abs=1e-3)


def test_lost_answers_have_the_probability_of_all_that_is_longer():
    told = np.exp(log_likelihoods(SPIKED, delays(np.arange(1, 101))))
    lost = np.exp(log_likelihoods(SPIKED, delays([100.0], lost_ms=100.0)))
    assert lost.sum() == pytest.approx(1.0 - told.sum(), abs=1e-4)


def test_fill_on_arrival_has_the_later_of_two_answers():
    bars = hourly_bars(np.random.default_rng(1), 1000)
    fills, orders = simulated_tables(bars, 100, 1, max_participation=0.03)
    made = recording(bars, fills, orders)
    found = response_delays(made.fills, made.around(made.fills, "ts_ms"), LAWS)
    assert found is not None
    on_arrival = (made.fills["ts_ms"] == made.fills["accepted_ts_ms"]).to_numpy()
    assert 0 < on_arrival.sum() < len(on_arrival)
    np.testing.assert_array_equal(found.slowest_of, np.where(on_arrival, 2.0, 1.0))


def test_later_of_two_answers_is_not_taken_for_a_slower_way():
    rng = np.random.default_rng(2)
    draws = np.ceil(50 + 20 * np.exp(0.5 * rng.standard_normal((2, 600))))
    found = fit_latency(None, delays(draws.max(axis=0), slowest_of=2.0), 0.999)
    assert found.median_ms["response_ms"].low <= 70 <= found.median_ms["response_ms"].high
    blind = fit_latency(None, delays(draws.max(axis=0)), 0.999)
    assert blind.median_ms["response_ms"].low > 70


def test_stray_delay_forbids_no_base():
    rng = np.random.default_rng(3)
    drawn = np.ceil(250 + 20 * np.exp(0.5 * rng.standard_normal(300)))
    drawn[7] = 3
    found = fit_latency(delays(drawn), None, 0.999).parameters["base_ms"]
    assert found.low <= 250 <= found.high
    assert found.high - found.low < 15


def test_delays_of_another_law_are_told():
    two_routes = np.concatenate([np.full(200, 100.0), np.full(200, 300.0)]) + np.arange(400) % 5
    assert any("fits badly" in line for line in fit_latency(delays(two_routes), None, 0.95).warnings)


def test_clusters_that_move_together_widen_the_interval():
    rng = np.random.default_rng(4)
    drawn = np.repeat(np.ceil(50 + 20 * np.exp(0.5 * rng.standard_normal(60))), 10)
    alone = delays(drawn)
    together = Delays(alone.ms, alone.factor, alone.slowest_of, np.repeat(np.arange(60), 10), alone.hour)
    widths = [
        each.high - each.low for each in (fit_latency(d, None, 0.95).median_ms["base_ms"] for d in (alone, together))
    ]
    assert widths[1] > 2 * widths[0]
