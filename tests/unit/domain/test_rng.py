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


# Wichura (1988), PPND16: numerator and denominator of the central part, the near and the far tail, lowest power first.
CENTRAL = (
    "3.3871328727963666080 133.14166789178437745 1971.5909503065514427 13731.693765509461125 "
    "45921.953931549871457 67265.770927008700853 33430.575583588128105 2509.0809287301226727",
    "1 42.313330701600911252 687.18700749205790830 5394.1960214247511077 "
    "21213.794301586595867 39307.895800092710610 28729.085735721942674 5226.4952788528545610",
)
NEAR_TAIL = (
    "1.42343711074968357734 4.63033784615654529590 5.76949722146069140550 3.64784832476320460504 "
    "1.27045825245236838258 0.241780725177450611770 0.0227238449892691845833 7.74545014278341407640e-4",
    "1 2.05319162663775882187 1.67638483018380384940 0.689767334985100004550 "
    "0.148103976427480074590 0.0151986665636164571966 5.47593808499534494600e-4 1.05075007164441684324e-9",
)
FAR_TAIL = (
    "6.65790464350110377720 5.46378491116411436990 1.78482653991729133580 0.296560571828504891230 "
    "0.0265321895265761230930 1.24266094738807843860e-3 2.71155556874348757815e-5 2.01033439929228813265e-7",
    "1 0.599832206555887937690 0.136929880922735805310 0.0148753612908506148525 "
    "7.86869131145613259100e-4 1.84631831751005468180e-5 1.42151175831644588870e-7 2.04426310338993978564e-15",
)


def ratio(coefficients: tuple[str, str], r: float) -> float:
    sums = []
    for powers in coefficients:
        total = 0.0
        for coefficient in reversed(powers.split()):
            total = total * r + float(coefficient)
        sums.append(total)
    return sums[0] / sums[1]


def ppnd16(u: float) -> float:
    """Return the quantile by the published algorithm, step by step."""
    q = u - 0.5
    if abs(q) <= 0.425:
        return q * ratio(CENTRAL, 0.180625 - q * q)
    r = math.sqrt(-math.log(min(u, 1.0 - u)))
    tail = ratio(NEAR_TAIL, r - 1.6) if r <= 5.0 else ratio(FAR_TAIL, r - 5.0)
    return math.copysign(tail, q)


SEAMS = [0.075, 0.074, 0.0725, 0.0705, 0.926, 0.929, *(math.exp(-25.0 + n / 40) for n in range(-24, 25))]
"""Where one part of the algorithm passes into the next: |u - 1/2| = 0.425, and sqrt(-ln u) = 5."""


@pytest.mark.parametrize("u", [*SEAMS, 2.0**-53, 1e-15, 1e-14, 1e-13, 1e-12, 0.01, 0.3, 0.6, 0.9, 0.99, 1 - 2.0**-52])
def test_normal_quantile_is_the_published_algorithm_to_the_last_bit(u: float):
    assert normal_quantile_nb(u) == ppnd16(u)


def test_both_seams_of_the_normal_quantile_are_met_exactly():
    assert 0.075 - 0.5 == -0.425
    assert math.sqrt(-math.log(math.exp(-25.0))) == 5.0
