"""Normalisation learned from training rows alone, several symbols with missing bars, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_features import EVERY_KIND, beside, market, section_of, take_away

from keel.domain.errors import DataError
from keel.features.kinds import extra_columns, feature_names, warm_up_bars
from keel.features.normalise import centre_and_scale
from keel.features.observation import compute_features, first_row, fit

SYMBOLS = ("S0", "S1", "S2")
ALL = section_of(*EVERY_KIND)


@pytest.fixture(scope="module")
def fitted():
    bars = market(900, n=3, seed=11)
    return fit(ALL, SYMBOLS, bars, beside(bars))


def test_features_are_one_float32_array_of_rows_symbols_and_features(fitted):
    bars = market(300, n=3, seed=12)
    features = compute_features(fitted, bars, beside(bars))
    assert features.dtype == np.float32
    assert features.shape == (300, 3, len(feature_names(ALL)))
    assert features.flags.c_contiguous


def test_training_features_have_mean_zero_and_deviation_one():
    section = section_of({"kind": "log_return", "bars": 5}, {"kind": "rsi"}, {"kind": "atr"}, clip=100.0)
    bars = market(3000, n=2)
    features = compute_features(fit(section, ("S0", "S1"), bars), bars)[warm_up_bars(section) :]
    np.testing.assert_allclose(features.mean(axis=0), 0.0, atol=0.02)
    np.testing.assert_allclose(features.std(axis=0), 1.0, atol=0.03)


def test_features_are_clipped():
    section = section_of({"kind": "log_return", "bars": 1}, clip=1.5)
    bars = market(500)
    features = compute_features(fit(section, ("S0",), bars), bars)[1:]
    assert (features.min(), features.max()) == (-1.5, 1.5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), later=st.integers(400, 899))
def test_rows_after_the_training_rows_change_nothing_fitted(seed, later):
    section = section_of(*(entry for entry in EVERY_KIND if entry["kind"] != "garch"))
    bars = market(900, n=2, seed=13)
    extra = beside(bars)
    before = fit(section, ("S0", "S1"), bars, extra, spans=[(0, 400)])
    changed, other = bars.copy(), market(900, n=2, seed=seed)
    changed[later:] = other[later:]
    changed_extra = {name: np.where(np.arange(900)[:, None] < later, values, 7.0) for name, values in extra.items()}
    assert fit(section, ("S0", "S1"), changed, changed_extra, spans=[(0, 400)]) == before


def test_rows_between_two_spans_are_not_read_garch_included():
    bars = market(1200, n=1, seed=14)
    extra = beside(bars)
    before = fit(ALL, ("S0",), bars, extra, spans=[(100, 500), (700, 1200)])
    changed = bars.copy()
    changed[500:700] = market(1200, n=1, seed=15)[500:700]
    changed[:100] = market(1200, n=1, seed=15)[:100]
    assert fit(ALL, ("S0",), changed, extra, spans=[(100, 500), (700, 1200)]) == before
    assert fit(ALL, ("S0",), bars, extra) != before


def test_spans_are_pooled():
    section = section_of({"kind": "relative_volume", "bars": 5})
    bars = market(400)
    whole = fit(section, ("S0",), bars, spans=[(0, 200), (200, 400)])
    volume = bars["volume"][:, 0]
    relative = np.array([volume[t] / np.mean(volume[t - 4 : t + 1]) for t in range(4, 400)])
    own = np.delete(relative, slice(196, 200))  # the second span warms up by itself
    assert whole.centre[0][0] == pytest.approx(own.mean())
    assert whole.scale[0][0] == pytest.approx(own.std())


def test_each_symbol_is_normalised_by_its_own_values(fitted):
    bars = market(900, n=3, seed=11)
    extra = beside(bars)
    alone = fit(ALL, ("S1",), bars[:, 1:2], {name: values[:, 1:2] for name, values in extra.items()})
    assert (alone.centre[0], alone.scale[0], alone.garch[0]) == (fitted.centre[1], fitted.scale[1], fitted.garch[1])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 50))
def test_missing_bars_carry_the_last_values_and_change_no_other(fitted, seed):
    bars = market(300, n=3, seed=16)
    extra = beside(bars)
    take_away(bars, np.random.default_rng(seed).random(bars.shape) < 0.3)
    features = compute_features(fitted, bars, extra)
    for i, symbol in enumerate(SYMBOLS):
        there = bars["flags"][:, i] != 0
        one = replace(
            fitted, symbols=(symbol,), centre=fitted.centre[i : i + 1], scale=fitted.scale[i : i + 1],
            garch=fitted.garch[i : i + 1],
        )  # fmt: skip
        alone = compute_features(
            one, bars[there][:, i : i + 1], {name: values[there][:, i : i + 1] for name, values in extra.items()}
        )
        carried = np.maximum.accumulate(np.where(there, np.arange(300), 0))
        np.testing.assert_array_equal(features[there, i], alone[:, 0])
        np.testing.assert_array_equal(features[:, i], features[carried, i])


def test_first_row_waits_for_the_symbol_that_was_listed_last_and_for_the_window(fitted):
    bars = market(200, n=3, seed=17)
    bars["flags"][:50, 1] = 0
    assert first_row(ALL, SYMBOLS, bars) == 50 + warm_up_bars(ALL)
    windowed = section_of(*EVERY_KIND, window=4)
    assert first_row(windowed, SYMBOLS, bars) == 50 + warm_up_bars(ALL) + 3
    assert np.isfinite(compute_features(fitted, bars, beside(bars))[50 + warm_up_bars(ALL) :]).all()


def test_constant_feature_gets_scale_one():
    section = section_of({"kind": "column", "name": "rate"}, {"kind": "time_of_day"})
    bars = market(60)
    bars["minute_of_week"] = 570  # daily bars all open at the same minute
    fitted = fit(section, ("S0",), bars, {"rate": np.full((60, 1), 0.1)})
    assert fitted.scale == ((1.0, 1.0, 1.0),)
    assert np.abs(compute_features(fitted, bars, {"rate": np.full((60, 1), 0.1)})).max() < 1e-7


def test_one_wild_value_hardly_moves_the_scale_and_a_rare_event_has_one():
    values = np.random.default_rng(1).normal(5.0, 2.0, 10_000)
    calm = centre_and_scale("x", values)
    values[77] = 1e6
    assert centre_and_scale("x", values) == pytest.approx(calm, rel=0.02)
    rare = np.zeros(10_000)
    rare[5] = 1.0
    assert centre_and_scale("x", rare) == pytest.approx((1e-4, 1e-2), rel=1e-3)


def test_values_too_large_to_be_squared_are_refused():
    bars = market(60)
    with pytest.raises(DataError, match=r"feature column_x of S0 reaches 1e\+200: too large to be normalised"):
        fit(section_of({"kind": "column", "name": "x"}), ("S0",), bars, {"x": np.full((60, 1), 1e200)})


@pytest.mark.parametrize(
    ("field", "value", "feature"),
    [("close", 0.0, "log_return_3"), ("close", -1.0, "log_return_3"), ("close", np.nan, "log_return_3"),
     ("high", np.inf, "parkinson_7"), ("open", 0.0, "yang_zhang_9"), ("volume", np.nan, "relative_volume_11")],
)  # fmt: skip
def test_feature_that_is_no_number_is_told_with_symbol_and_time(fitted, field, value, feature):
    bars = market(200, n=3, seed=18)
    extra = beside(bars)
    bars[field][120, 1] = value
    with pytest.raises(DataError, match=rf"feature {feature} of S1 is \S+ at the bar that closes 1970-01-06 01:00 UTC"):
        compute_features(fitted, bars, extra)
    with pytest.raises(DataError, match=r"feature \w+ of S1 is"):
        fit(ALL, SYMBOLS, bars, extra)


def test_missing_value_of_a_column_is_told_where_there_is_a_bar_only(fitted):
    bars = market(200, n=3, seed=18)
    extra = beside(bars)
    extra["funding"][60, 2] = np.nan
    bars["flags"][30:40, 2] = 0
    with pytest.raises(DataError, match="feature column_funding of S2 is nan at the bar that closes 1970-01-03 13:00"):
        compute_features(fitted, bars, extra)
    bars["flags"][60, 2] = 0
    assert np.isfinite(compute_features(fitted, bars, extra)[20:]).all()


def test_column_that_was_not_given_is_told(fitted):
    assert extra_columns(ALL) == ("funding", "taker_buy_volume")
    bars = market(200, n=3)
    with pytest.raises(DataError, match=r"S0: a feature needs the column 'taker_buy_volume' beside the bars; .*: none"):
        compute_features(fitted, bars)


def test_too_few_bars_are_told_with_the_feature_that_needs_them():
    section = section_of({"kind": "rsi"}, {"kind": "log_return", "bars": 50}, window=3)
    bars = market(51, n=2)
    fitted = fit(section, ("S0", "S1"), bars)
    assert fitted.scale == ((1.0, 1.0), (1.0, 1.0))
    bars["flags"][7, 1] = 0
    message = "S1: 50 bars are too few: feature log_return_50 has its first value after 50"
    for refused in (
        lambda: fit(section, ("S0", "S1"), bars),
        lambda: compute_features(fitted, bars),
        lambda: first_row(section, ("S0", "S1"), bars),
    ):
        with pytest.raises(DataError, match=message):
            refused()
    with pytest.raises(DataError, match="52 rows are too few for a window of 3 bars"):
        first_row(section, ("S0",), market(52))
    assert first_row(section, ("S0",), market(53)) == 52


def test_span_with_too_few_bars_is_refused():
    with pytest.raises(DataError, match="S0: 10 bars are too few: feature rsi_14"):
        fit(section_of({"kind": "rsi"}), ("S0",), market(100), spans=[(0, 50), (90, 100)])


def test_arrays_of_other_shapes_are_our_own_mistake(fitted):
    bars = market(200, n=2)
    with pytest.raises(ValueError, match=r"bars have shape \(200, 2\), bars of 3 symbols"):
        compute_features(fitted, bars)
    with pytest.raises(ValueError, match="funding have shape"):
        fit(ALL, ("S0", "S1"), bars, {"funding": np.zeros((200, 1))})
    with pytest.raises(ValueError, match="no training rows"):
        fit(section_of({"kind": "rsi"}), ("S0",), market(200), spans=[])
