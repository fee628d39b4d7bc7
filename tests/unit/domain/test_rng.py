"""Philox4x32-10 by its published vectors, the normal quantile by the standard library's (rule 21)."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keel.domain.rng_nb import ENTRY_JITTER, PRICE_PATH, normal_quantile_nb, philox_nb, uniforms_nb

# Random123 1.14, tests/kat_vectors, philox4x32 10: counter, key, result.
VECTORS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text: str) -> list[np.uint64]:
    return [np.uint64(int(word, 16)) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "result"), VECTORS)
def test_philox_gives_the_published_vectors(counter: str, key: str, result: str):
    assert [np.uint64(word) for word in philox_nb(*words(counter), *words(key))] == words(result)


def unit_interval_point(high: int, low: int) -> float:
    """Return (n + 0.5) / 2^52 for the top 52 bits of two words, in whole numbers as far as they go."""
    return (float((high << 32 | low) >> 12) + 0.5) / 2**52


@given(
    seed=st.integers(0, 2**32 - 1),
    stream=st.integers(0, 2**32 - 1),
    instrument=st.integers(0, 2**32 - 1),
    ts_ms=st.integers(0, 2**43),
    seq=st.integers(0, 2**20 - 1),
    draw=st.integers(0, 2**24 - 1),
)
@settings(deadline=None)
def test_a_draw_is_philox_of_the_documented_counter(seed, stream, instrument, ts_ms, seq, draw):
    counter = [instrument, ts_ms % 2**32, (ts_ms >> 32) + seq * 2**12, PRICE_PATH + draw * 2**8]
    w = [int(word) for word in philox_nb(*map(np.uint64, counter), np.uint64(seed), np.uint64(stream))]
    expected = (unit_interval_point(w[0], w[1]), unit_interval_point(w[2], w[3]))
    assert uniforms_nb(seed, stream, instrument, ts_ms, seq, PRICE_PATH, draw) == expected


def test_every_part_of_key_and_counter_changes_the_draw():
    base = (1, 2, 3, 1_609_459_200_000, 4, ENTRY_JITTER, 5)
    changed = [tuple(value + (i == place) for i, value in enumerate(base)) for place in range(len(base))]
    assert len({uniforms_nb(*counter) for counter in [base, *changed]}) == 1 + len(base)


def test_draws_are_uniform_and_their_two_halves_are_independent():
    n = 20_000
    pairs = np.array([uniforms_nb(7, 0, 99, 1_609_459_200_000, 0, PRICE_PATH, draw) for draw in range(n)])
    assert pairs.min() > 0.0
    assert pairs.max() < 1.0
    for half in pairs.T:
        counts = np.histogram(half, bins=100, range=(0.0, 1.0))[0]
        chi_square = ((counts - n / 100) ** 2 / (n / 100)).sum()
        assert 60 < chi_square < 150  # 99 degrees of freedom: 0.05% in each tail
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 4 / math.sqrt(n)


@given(st.floats(2.0**-53, 1.0 - 2.0**-53))
@settings(deadline=None)
def test_normal_quantile_is_that_of_the_standard_library(u: float):
    assert normal_quantile_nb(u) == pytest.approx(NormalDist().inv_cdf(u), rel=1e-14, abs=1e-15)


@pytest.mark.parametrize(
    ("u", "z"),
    [(0.5, 0.0), (0.975, 1.9599639845400545), (0.001, -3.0902323061678132), (1e-12, -7.034483825301131)],
)
def test_normal_quantile_at_known_points(u: float, z: float):
    assert normal_quantile_nb(u) == pytest.approx(z, rel=1e-14, abs=0)


@given(st.integers(1, 2**51))
@settings(deadline=None)
def test_normal_quantile_is_odd_around_one_half(n: int):
    u = n / 2**52
    assert normal_quantile_nb(u) == -normal_quantile_nb(1.0 - u)
