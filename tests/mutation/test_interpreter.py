"""The interpreted kernel is the compiled one, to the last bit."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from parity.agreement import disagreement
from parity.case import Case
from parity.drawing import check_cases
from parity.kernel_adapter import Arrays, forms_of, outcome_of, run_at_once, run_in_a_small_room, run_in_steps
from tables import test_fees_by_tier, test_partners, test_splits, test_stops, test_trailing_stops

from keel.domain.grid_nb import grid_ceil_nb, grid_floor_nb
from keel.domain.layout import EVENT
from keel.domain.orders import EventKind, OrderStatus
from keel.domain.rng_nb import normal_quantile_nb, uniforms_nb
from keel.portfolio import trades_nb
from keel.sim import engine, room
from keel.sim.engine import Simulator

from .interpreter import STAND_INS, Interpreter, divide, interpreted, parsed_sources

SEQUENCE = 300
TABLES = [
    test
    for module in (test_fees_by_tier, test_partners, test_splits, test_stops, test_trailing_stops)
    for name, test in vars(module).items()
    if name.startswith("test_") and not hasattr(test, "pytestmark")
]


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    return Interpreter(parsed_sources())


@pytest.mark.parametrize("form", [run_at_once, run_in_steps, run_in_a_small_room])
def test_interpreted_kernel_gives_the_same_bits_as_the_compiled_one(interpreter, form: Callable[[Arrays], Simulator]):
    played = 0

    def compare(case: Case) -> None:
        nonlocal played
        arrays = Arrays.of(case)
        if form not in forms_of(arrays):
            return
        compiled = outcome_of(form(arrays))
        with interpreted(interpreter):
            found = outcome_of(form(arrays))
        told = disagreement(compiled, found)
        assert not told, told.replace("reference", "compiled")
        played += len(compiled.events) > 0

    check_cases(compare, SEQUENCE, 40)
    assert played > 10


@pytest.mark.parametrize("table", TABLES, ids=lambda test: test.__name__)
def test_tables_hold_in_the_interpreted_kernel(interpreter, table: Callable[[], None]):
    with interpreted(interpreter):
        table()


def test_grids_and_draws_are_the_compiled_ones(interpreter):
    grid, rng = interpreter.outside("keel.domain.grid_nb"), interpreter.outside("keel.domain.rng_nb")
    numbers = np.random.default_rng(3)
    for value in numbers.normal(0, 1e4, 200).tolist():
        for mantissa, scale in ((0.0, 1.0), (1.0, 100.0), (25.0, 1.0)):
            assert grid.grid_floor_nb(value, mantissa, scale) == grid_floor_nb(value, mantissa, scale)
            assert grid.grid_ceil_nb(value, mantissa, scale) == grid_ceil_nb(value, mantissa, scale)
    for place in numbers.integers(0, 2**31, (200, 3)).tolist():
        drawn = uniforms_nb(*place, 1_609_459_200_000, 1, 2, 3)
        assert rng.uniforms_nb(*place, 1_609_459_200_000, 1, 2, 3) == drawn
        assert rng.normal_quantile_nb(drawn[0]) == normal_quantile_nb(drawn[0])


def test_round_trips_are_the_compiled_ones(interpreter):
    numbers = np.random.default_rng(4)
    events = np.zeros(300, EVENT)
    events["kind"] = numbers.choice([EventKind.FILLED] * 9 + [EventKind.SPLIT, EventKind.FUNDING], 300)
    events["instrument"], events["side"] = numbers.integers(0, 2, 300), numbers.choice([-1, 1], 300)
    events["qty"], events["price"] = numbers.integers(1, 9, 300), numbers.uniform(50, 150, 300)
    events["fee"], events["rate"], events["cash"] = 0.1, 1.1, -0.3
    given_ = (events, np.array([90.0, 110.0]), 99, np.array([1.0, 0.0]))
    compiled = trades_nb.round_trips(*given_)
    found = interpreter.outside("keel.portfolio.trades_nb").round_trips(*given_)
    assert len(compiled[0]) > 20
    assert [trades.tolist() for trades in compiled] == [trades.tolist() for trades in found]


def test_the_compiled_kernel_is_back_afterwards(interpreter):
    compiled = engine.kernel_nb
    with interpreted(interpreter):
        assert engine.kernel_nb is not compiled
    assert engine.kernel_nb is compiled


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.0), (-1.0, 0.0), (1.0, -0.0), (0.0, 0.0), (math.nan, 0.0), (7.0, 2.0)])
def test_division_is_that_of_floating_point(a: float, b: float):
    with np.errstate(all="ignore"):
        assert np.float64(divide(a, b)).tobytes()[:7] == (np.float64(a) / np.float64(b)).tobytes()[:7]


@pytest.mark.parametrize("x", [2.5, -2.5, -0.5, 0.0, -0.0, math.inf, 3.0])
def test_floor_and_ceil_are_those_of_numpy(x: float):
    numpy = STAND_INS["numpy"]
    assert np.float64(numpy.floor(x)).tobytes() == np.floor(x).tobytes()
    assert np.float64(numpy.ceil(x)).tobytes() == np.ceil(x).tobytes()


def test_members_of_enums_are_plain_numbers_inside(interpreter):
    status = np.zeros(1, room.ORDER)
    status["status"] = OrderStatus.WORKING
    waiting = interpreter.outside("keel.sim.looks_nb")._is_waiting_stop_nb(status[0])
    assert waiting is False
