"""Grids against exact decimal arithmetic (rule 19)."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keel.domain.grid_nb import grid_ceil_nb, grid_floor_nb
from keel.domain.instrument import Grid

STEPS = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(-exponent),
    st.sampled_from([1, 2, 5, 25, 125]),
    st.integers(0, 8),
)
POINTS = st.integers(0, 10**9)
FRACTIONS = st.integers(1, 999).map(lambda n: Decimal(n) / 1000)
exactly = settings(deadline=None, max_examples=300)


def floor_of(value: float, step: Decimal) -> float:
    grid = Grid.from_decimal(step)
    return grid_floor_nb(value, grid.mantissa, grid.scale)


def ceil_of(value: float, step: Decimal) -> float:
    grid = Grid.from_decimal(step)
    return grid_ceil_nb(value, grid.mantissa, grid.scale)


@given(STEPS, POINTS)
@example(Decimal("0.01"), 29)  # 29 × 0.01 is 0.29000000000000004 in floating point
@exactly
def test_a_grid_value_stays_itself_and_is_the_float_of_its_decimal(step: Decimal, n: int):
    value = float(n * step)
    assert floor_of(value, step) == value
    assert ceil_of(value, step) == value


@given(STEPS, POINTS, FRACTIONS)
@exactly
def test_between_two_grid_values_floor_gives_the_lower_and_ceil_the_upper(step: Decimal, n: int, part: Decimal):
    exact = (n + part) * step
    below = (exact / step).to_integral_value(ROUND_FLOOR) * step
    above = (exact / step).to_integral_value(ROUND_CEILING) * step
    assert floor_of(float(exact), step) == float(below)
    assert ceil_of(float(exact), step) == float(above)


@given(STEPS, st.integers(1, 10**5))
@exactly
def test_a_value_within_the_tolerance_of_a_grid_value_counts_as_on_it(step: Decimal, n: int):
    crumb = step * Decimal("5e-10")
    point = float(n * step)
    assert floor_of(float(n * step - crumb), step) == point
    assert ceil_of(float(n * step + crumb), step) == point


@given(STEPS, st.integers(1, 10**5))
@exactly
def test_a_value_beyond_the_tolerance_is_rounded(step: Decimal, n: int):
    crumb = step * Decimal("1e-8")
    assert floor_of(float(n * step - crumb), step) == float((n - 1) * step)
    assert ceil_of(float(n * step + crumb), step) == float((n + 1) * step)


@given(STEPS, st.floats(0, 1e6))
@exactly
def test_rounding_twice_changes_nothing(step: Decimal, value: float):
    assert floor_of(floor_of(value, step), step) == floor_of(value, step)
    assert ceil_of(ceil_of(value, step), step) == ceil_of(value, step)


@given(st.floats(allow_nan=False))
@exactly
def test_without_a_grid_every_value_stays(value: float):
    assert floor_of(value, Decimal(0)) == value
    assert ceil_of(value, Decimal(0)) == value


@given(STEPS, st.floats(1e16, 1e30))
@exactly
def test_a_value_too_large_for_its_grid_keeps_its_size(step: Decimal, value: float):
    """Beyond 2^53 steps a float has no finer digits than its grid: nothing is left to round, nothing may overflow."""
    assert floor_of(value, step) == pytest.approx(value, rel=1e-12)
    assert ceil_of(value, step) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("step", "mantissa", "scale"),
    [
        ("0.01", 1.0, 100.0),
        ("0.25", 25.0, 100.0),
        ("0.00001000", 1.0, 1e5),
        ("5", 5.0, 1.0),
        ("100", 100.0, 1.0),
    ],
)
def test_grid_of_a_decimal_step(step: str, mantissa: float, scale: float):
    assert Grid.from_decimal(Decimal(step)) == Grid(mantissa, scale)


@pytest.mark.parametrize("step", ["-0.01", "NaN", "Infinity"])
def test_a_step_that_is_no_step_is_refused(step: str):
    with pytest.raises(ValueError, match="zero or positive"):
        Grid.from_decimal(Decimal(step))
