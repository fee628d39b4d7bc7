"""Thinning keeps every extreme, the ends and the order."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keel.report.charts import histogram
from keel.report.downsample import extreme_rows, spread_rows


@settings(max_examples=150, deadline=None)
@given(
    hnp.arrays(np.float64, st.integers(1, 500), elements=st.floats(-1e6, 1e6)),
    st.integers(1, 40),
    st.integers(0, 9),
)
def test_thinned_curve_keeps_ends_and_extremes_within_its_limit(values, stretches, seed):
    other = np.random.default_rng(seed).normal(size=len(values))
    rows = extreme_rows([values, other], stretches)
    assert len(rows) <= 4 * stretches + 2
    assert np.all(np.diff(rows) > 0)
    assert (rows[0], rows[-1]) == (0, len(values) - 1)
    for series in (values, other):
        assert (series[rows].min(), series[rows].max()) == (series.min(), series.max())


def test_single_spike_in_a_million_points_survives():
    values = np.zeros(1_000_000)
    values[777_777] = -0.5
    assert 777_777 in extreme_rows([values], 800)


def test_short_curve_is_kept_whole():
    assert extreme_rows([np.arange(10.0)], 5).tolist() == list(range(10))
    assert len(extreme_rows([np.zeros(0)], 5)) == 0


def test_markers_are_spread_over_time_not_over_count():
    stamps = np.concatenate([np.arange(1000), [10_000, 20_000, 30_000]]).astype(np.int64)
    rows = spread_rows(stamps, 30)
    assert len(rows) <= 30
    assert {1000, 1001, 1002} <= set(rows.tolist())


@settings(max_examples=150, deadline=None)
@given(hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats(-0.9, 5.0)))
def test_histogram_holds_every_trade_and_no_bar_mixes_gains_and_losses(change):
    bars = histogram(change, 40)
    assert sum(bars["counts"]) == len(change)
    edges = np.array(bars["edges"])
    assert len(edges) == len(bars["counts"]) + 1
    assert not np.any((edges[:-1] < -1e-9) & (edges[1:] > 1e-9))


def test_histogram_of_no_trades_is_empty():
    assert histogram(np.zeros(0), 40) == {"edges": [], "counts": [], "cut": False}
