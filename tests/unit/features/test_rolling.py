"""Moving sums do not drift, and do not depend on where they began."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keel.features.normalise_nb import lay_nb
from keel.features.price import ratio, rolling_moments, rolling_sum
from keel.features.rolling_nb import two_product_nb, two_sum_nb

WIDE = st.floats(-1e12, 1e12).filter(lambda value: value == 0.0 or abs(value) > 1e-12)


@settings(max_examples=100, deadline=None)
@given(WIDE, WIDE)
def test_sum_and_product_of_two_floats_lose_nothing(a, b):
    total, lost = two_sum_nb(a, b)
    assert Fraction(total) + Fraction(lost) == Fraction(a) + Fraction(b)
    product, lost = two_product_nb(a, b)
    assert Fraction(product) + Fraction(lost) == Fraction(a) * Fraction(b)


@settings(max_examples=100, deadline=None)
@given(st.lists(WIDE, min_size=1, max_size=60), st.integers(1, 20))
def test_sums_are_the_correctly_rounded_ones(values, bars):
    out = rolling_sum(np.array(values), bars)
    assert np.isnan(out[: bars - 1]).all()
    for t in range(bars - 1, len(values)):
        assert out[t] == pytest.approx(math.fsum(values[t - bars + 1 : t + 1]), rel=1e-15, abs=1e-18)


def test_last_window_of_many_bars_is_the_same_to_the_bit_as_that_window_alone():
    rng = np.random.default_rng(4)
    values = np.exp(rng.normal(0.0, 3.0, 200_000))
    for bars in (2, 37, 5000):
        alone = values[-bars:].copy()
        assert rolling_sum(values, bars)[-1] == rolling_sum(alone, bars)[-1]
        for long, short in zip(rolling_moments(values, bars), rolling_moments(alone, bars), strict=True):
            assert long[-1] == short[-1]


def test_deviation_is_right_far_from_zero_and_after_a_wild_bar():
    rng = np.random.default_rng(5)
    values = 50_000.0 + rng.normal(0.0, 1e-4, 3000)
    values[1000] = 1e9
    mean, deviation = rolling_moments(values, 20)
    last = values[-20:] - 50_000.0
    assert mean[-1] - 50_000.0 == pytest.approx(np.mean(last), abs=1e-11)
    assert deviation[-1] == pytest.approx(np.std(last), rel=1e-6)


def test_least_movement_of_a_price_is_a_deviation():
    values = 1e6 + 1e-4 * np.array([1.0, -1.0] * 20)
    assert rolling_moments(values, 10)[1][-1] == pytest.approx(1e-4, rel=1e-5)


def test_constant_window_has_no_deviation_at_all():
    rng = np.random.default_rng(6)
    for bars in (3, 7, 20, 51):
        for price in rng.lognormal(0.0, 5.0, 40):
            walk = np.append(price * rng.random(50), np.full(bars, price))
            assert rolling_moments(walk, bars)[1][-1] == 0.0


def test_leading_nan_are_left_out_and_others_spread():
    assert rolling_sum(np.array([np.nan, 1.0, 2.0, 3.0]), 2)[1:].tolist()[1:] == [3.0, 5.0]
    assert np.isnan(rolling_sum(np.array([1.0, np.nan, 2.0, 3.0, 4.0]), 2)[1:]).all()
    assert np.isnan(rolling_sum(np.full(3, np.nan), 2)).all()


def test_ratio_has_a_word_for_nothing_over_nothing():
    assert ratio(np.array([1.0, 0.0, 3.0]), np.array([2.0, 0.0, 0.0]), 7.0).tolist() == [0.5, 7.0, 7.0]


def test_row_without_a_bar_carries_the_last_value_and_nan_before_the_first():
    out = np.zeros(5, np.float32)
    present, values = np.array([False, True, False, True, True]), np.array([3.0, 100.0, -100.0])
    lay_nb(out, present, values, 1.0, 2.0, 5.0)
    assert np.isnan(out[0])
    assert out[1:].tolist() == [1.0, 1.0, 5.0, -5.0]
