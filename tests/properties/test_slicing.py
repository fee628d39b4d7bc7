"""Slicing an order never makes it cheaper than the impact law allows (rule 11).

The law's total for a metaorder of Q units in a volume of W is Q (Q / W)^δ, times Y and σ. Slices of one bar pay that
total, however many they are. Slices over bars pay at least the total of what the metaorder is by then: own fills and
volume of the bars traded in, both faded by the half-life.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parity.agreement import check_all_forms
from parity.case import Bar, Case, Request, Row, Rules
from parity.case_timelines import HOUR_MS, MONDAY_MS
from parity.reference_state import Event

from keel.domain.orders import EventKind, RequestKind

from .checks import violations
from .market import Market

COEFFICIENT = 0.7
EXPONENTS = [0.25, 0.5, 0.6, 1.0]
FIRST_ROW = 3
"""The first rows only show how much prices move."""


def bars(volumes: list[float]) -> list[Bar]:
    """Return bars that move by about a hundredth, up and down, each with its volume."""
    found, price = [], 100.0
    for k, volume in enumerate([1000.0] * FIRST_ROW + volumes):
        close = 101.0 if price == 100.0 else 100.0
        opens = MONDAY_MS + k * HOUR_MS
        found.append(Bar(opens, opens + HOUR_MS, price, 101.0, 100.0, close, volume, 60 * k))
        price = close
    return found


def purchases(slices: list[list[float]], volumes: list[float], exponent: float, half_life: float = 5.0) -> list[Event]:
    """Return the fills of market orders, some in each bar (negative ones sell), on an account with enough of it all."""
    tag, rows = 0, []
    asked = [[] for _ in range(FIRST_ROW - 1)] + slices + [[]]
    for bar, quantities in zip(bars(volumes), asked, strict=True):
        wants = []
        for qty in quantities:
            wants.append(Request(RequestKind.NEW, 0, tag, side=1 if qty > 0 else -1, qty=abs(qty)))
            tag += 3
        rows.append(Row(bar.close_ts_ms, bar.open_ts_ms // (24 * HOUR_MS), False, (bar,), (None,), tuple(wants)))  # noqa: FBT003
    case = Case(
        tuple(rows),
        (Rules(1, shortable=True, can_flip=True),),
        initial_cash=1e9,
        margin_account=True,
        max_participation=1.0,
        impact_coefficient=COEFFICIENT,
        impact_exponent=exponent,
        impact_half_life_bars=half_life,
    )
    outcome = check_all_forms(case)
    assert not violations(case, outcome)
    fills = [e for e in outcome.events if e.kind == EventKind.FILLED]
    assert len(fills) == tag / 3
    assert all(e.final for e in fills)
    return [in_units_of_the_law(Market(case), e) for e in fills]


def in_units_of_the_law(market: Market, e: Event) -> tuple[int, float, float]:
    """Return (row, signed quantity, impact paid / (Y σ)) of a fill."""
    sigma = math.sqrt(market.volatility_before(e.row, 0).short)
    return e.row, e.side * e.qty, e.impact_cost / (e.reference_price * COEFFICIENT * sigma)


def law(qty: float, volume: float, exponent: float) -> float:
    return qty * (qty / volume) ** exponent


def paid(fills: list[tuple[int, float, float]]) -> float:
    return math.fsum(impact for _, qty, impact in fills if qty > 0)


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_one_order_pays_the_laws_total(exponent: float):
    assert paid(purchases([[200.0]], [1000.0], exponent)) == pytest.approx(law(200.0, 1000.0, exponent), rel=1e-9)


@pytest.mark.parametrize("slices", [2, 7, 40])
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_slices_of_one_bar_pay_what_the_whole_order_pays(exponent: float, slices: int):
    sliced = purchases([[200.0 / slices] * slices], [1000.0], exponent)
    assert paid(sliced) == pytest.approx(law(200.0, 1000.0, exponent), rel=1e-9)


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_slices_over_bars_without_fading_pay_at_least_the_total_in_all_their_volume(exponent: float):
    sliced = purchases([[50.0]] * 4, [1000.0] * 4, exponent, half_life=1e9)
    assert paid(sliced) >= law(200.0, 4000.0, exponent) * (1 - 1e-6)
    assert paid(sliced) < law(200.0, 1000.0, exponent)  # four times the volume is what patience is for


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_a_metaorder_that_has_faded_is_paid_like_new_ones(exponent: float):
    sliced = purchases([[50.0]] * 4, [1000.0] * 4, exponent, half_life=0.01)
    assert paid(sliced) == pytest.approx(4 * law(50.0, 1000.0, exponent), rel=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    slices=st.lists(st.lists(st.integers(1, 60), max_size=4), min_size=1, max_size=8),
    volumes=st.lists(st.integers(250, 5000), min_size=8, max_size=8),
    exponent=st.sampled_from(EXPONENTS),
    half_life=st.sampled_from([0.5, 2.0, 5.0, 40.0, 1e9]),
)
def test_no_way_of_slicing_pays_less_than_the_law_asks_of_the_faded_metaorder(slices, volumes, exponent, half_life):
    fills = purchases(slices, [float(v) for v in volumes[: len(slices)]], exponent, half_life)
    for n in range(1, len(fills) + 1):
        done = fills[:n]
        now = done[-1][0]
        fade = {row: 0.5 ** ((now - row) / half_life) for row, _, _ in done}
        qty = sum(q * fade[row] for row, q, _ in done)
        volume = sum(volumes[row - FIRST_ROW] * keep for row, keep in fade.items())
        assert paid(done) >= law(qty, volume, exponent) * (1 - 1e-6)


def test_dust_of_the_other_side_does_not_wipe_the_memory_of_impact():
    clean = purchases([[50.0]] * 6, [1000.0] * 6, 0.5)
    dusty = purchases([[50.0, -1e-6]] * 6, [1000.0] * 6, 0.5)
    assert paid(dusty) == pytest.approx(paid(clean), rel=1e-9)
    assert clean[1][2] > clean[0][2]
