"""What a trading day's windows allow, in the engine: the same whole or in steps, and nothing leaves beyond it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made_markets import Market, make_bars, make_run, make_slots, make_targets

from keel.domain.layout import LOCAL
from keel.domain.orders import EventKind, OrderSide, TradingState
from keel.domain.sessions import Activity
from keel.sim.engine import Simulator

ROWS, N = 60, 2


def a_market(seed: int) -> Market:
    rng = np.random.default_rng(seed)
    run = make_run(entry_ms=250.0, response_ms=70.0)
    return Market(make_bars(rng, ROWS, N, 0.1), make_targets(rng, ROWS, N), run, make_slots(N, fee_rate=0.001))


def allowed_at(runs: list[tuple[Activity, int]]) -> np.ndarray:
    return np.repeat([one for one, _ in runs], [n for _, n in runs]).astype(np.uint8)[:ROWS]


def simulator_of(market: Market, allowed: np.ndarray | None) -> Simulator:
    return Simulator(market.bars, market.run, market.slots, activities=allowed)


def same(a: Simulator, b: Simulator) -> bool:
    return a.events.tolist() == b.events.tolist() and a.marks.tobytes() == b.marks.tobytes()


DAYS = st.lists(st.tuples(st.sampled_from(Activity), st.integers(1, 12)), min_size=8, max_size=8).map(
    lambda runs: allowed_at([*runs, (Activity.TRADE, ROWS)])
)


@given(seed=st.integers(0, 1000), allowed=DAYS)
@settings(max_examples=40, deadline=None)
def test_a_run_is_the_same_whole_in_steps_and_followed(seed: int, allowed: np.ndarray):
    market = a_market(seed)
    whole = simulator_of(market, allowed)
    whole.run(market.targets)
    steps = simulator_of(market, allowed)
    while steps.advance():
        steps.decide(market.targets[steps.row - 1])
    given_on = simulator_of(market, allowed)
    given_on.advance()
    while given_on.advance(market.targets[given_on.row - 1]):
        pass
    followed = simulator_of(market, allowed)
    for row in (0, 3, 4, 20, 21, 22, 40, ROWS - 1):
        followed.catch_up(market.targets, row)
    followed.decide(market.targets[-1])
    for other in (steps, given_on, followed):
        other.finish()
    whole.finish()
    assert same(whole, steps)
    assert same(whole, followed)
    assert same(whole, given_on)


@given(seed=st.integers(0, 1000), allowed=DAYS)
@settings(max_examples=40, deadline=None)
def test_nothing_leaves_where_it_is_watched_and_only_what_closes_where_it_is_reduced(seed: int, allowed: np.ndarray):
    market = a_market(seed)
    simulator = simulator_of(market, allowed)
    simulator.run(market.targets)
    told = simulator.events
    sent = told[told["kind"] == EventKind.SUBMITTED]
    assert not (allowed[sent["row"]] == Activity.WATCH).any()
    assert (sent["side"][allowed[sent["row"]] == Activity.REDUCE] == OrderSide.SELL).all(), "no shorts here"
    assert simulator.run_record["trading_state"] == TradingState.ACTIVE


def test_everything_allowed_is_as_if_there_were_no_sessions():
    market = a_market(1)
    free, allowed = simulator_of(market, None), simulator_of(market, np.full(ROWS, Activity.TRADE, np.uint8))
    for one in (free, allowed):
        one.run(market.targets)
    assert same(free, allowed)
    assert free.run_record["cash"][LOCAL] != market.run["cash"][0][LOCAL], "it trades"
