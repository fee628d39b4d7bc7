"""The split of a live run's difference by cause: exact, and each cause where it was put in."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from keel.backtest.drift import CAUSES, Drift, Equities, Filled, Pair, split

STEP = Decimal("0.001")
amounts = some.decimals(-1_000_000, 1_000_000, allow_nan=False, places=9)
prices = some.decimals("0.01", 100_000, allow_nan=False, places=2)
quantities = some.decimals(0, 1000, allow_nan=False, places=3)


@some.composite
def filled(draw: some.DrawFn, side: int) -> Filled:
    made = Filled()
    for _ in range(draw(some.integers(0, 3))):
        fee, kept = draw(quantities) / 1000, draw(quantities) / 1_000_000
        made.add(side, draw(quantities), draw(prices), fee, kept)
    return made


@some.composite
def pairs(draw: some.DrawFn) -> Pair:
    side = draw(some.sampled_from((-1, 1)))
    return Pair(draw(filled(side)), draw(filled(side)), draw(prices), STEP)


equities = some.builds(Equities, *[amounts] * 9)


def one(qty: str, price: str, fee: str = "0", side: int = 1) -> Filled:
    made = Filled()
    made.add(side, Decimal(qty), Decimal(price), Decimal(fee), Decimal(0))
    return made


def of(pair: Pair, *, live: Decimal | None = None, **changed: str) -> Drift:
    """Split a run of one order whose simulated equity is 1000; by itself live is what the order came to."""
    there = Decimal(1000)
    known = {name: Decimal(value) for name, value in changed.items()}
    simulated, own = there, known.get("own_configs", there)
    decided = known.get("decided_only", own)
    by_hand = known.get("by_hand", decided)
    sent = known.get("as_sent", by_hand)
    arrived = known.get("as_arrived", sent)
    came_to = arrived + pair.live.gain(pair.last_price) - pair.simulated.gain(pair.last_price)
    return split(Equities(simulated, own, decided, by_hand, sent, arrived, came_to if live is None else live), [pair])


def named(found: Drift) -> dict[str, Decimal]:
    return {name: value for name, value in found.causes.items() if value}


def test_a_fee_that_a_broker_takes_at_the_end_of_the_day_is_a_fee_as_one_of_the_fill_is():
    pair, there = Pair(one("1", "100"), one("1", "100", fee="0.3"), Decimal(100), STEP), Decimal(1000)
    found = split(Equities(there, there, there, there, there, there, there, fees_booked=Decimal("-0.3")), [pair])
    assert named(found) == {}
    found = split(Equities(there, there, there, there, there, there, there - 1, fees_booked=Decimal("-1.3")), [pair])
    assert named(found) == {"fees": Decimal(-1)}


@given(equities, some.lists(pairs(), max_size=5))
def test_causes_add_up_to_the_difference_whatever_it_is(made: Equities, orders: list[Pair]):
    found = split(made, orders)
    assert tuple(found.causes) == CAUSES
    assert sum(found.causes.values(), Decimal(0)) == found.difference


def test_a_worse_price_is_a_cost_of_price():
    assert named(of(Pair(one("2", "101"), one("2", "100"), Decimal(110), STEP))) == {"price": Decimal(-2)}


def test_a_better_price_of_a_sale_is_a_gain_of_price():
    pair = Pair(one("2", "101", side=-1), one("2", "100", side=-1), Decimal(90), STEP)
    assert named(of(pair)) == {"price": Decimal(2)}


def test_a_higher_fee_is_a_cost_of_fees():
    pair = Pair(one("2", "100", "0.5"), one("2", "100", "0.2"), Decimal(110), STEP)
    assert named(of(pair)) == {"fees": Decimal("-0.3")}


def test_a_step_more_is_rounding_and_a_fill_that_never_came_is_not():
    step_more = of(Pair(one("2.001", "100"), one("2", "100"), Decimal(110), STEP))
    assert named(step_more) == {"rounding": Decimal("0.01")}
    half = of(Pair(one("1", "100"), one("2", "100"), Decimal(110), STEP))
    assert named(half) == {"rest": Decimal(-10)}


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("own_configs", "config"),
        ("decided_only", "missed bar"),
        ("by_hand", "by hand"),
        ("as_sent", "held back"),
        ("as_arrived", "latency"),
    ],
)
def test_each_playing_is_a_cause_of_its_own(name: str, cause: str):
    same = Pair(one("2", "100"), one("2", "100"), Decimal(110), STEP)
    assert named(of(same, **{name: "1007"})) == {cause: Decimal(7)}


def test_money_that_nothing_explains_is_the_rest():
    same = Pair(one("2", "100"), one("2", "100"), Decimal(110), STEP)
    assert named(of(same, live=Decimal(1003))) == {"rest": Decimal(3)}
