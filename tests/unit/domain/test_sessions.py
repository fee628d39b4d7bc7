"""The states of a trading day: which follow which, and that nothing else is taken."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keel.domain.sessions import STATE_OF, TRANSITIONS, SessionMachine, SessionState, Window

STATES = st.sampled_from(SessionState)
ALLOWED = {
    ("initializing", "pre_market"),
    ("pre_market", "market_open"),
    ("pre_market", "halted"),
    ("market_open", "market_close"),
    ("market_open", "halted"),
    ("market_close", "after_hours"),
    ("after_hours", "initializing"),
    ("halted", "market_open"),
    ("halted", "error"),
    ("error", "initializing"),
}


def machine_in(state: SessionState) -> SessionMachine:
    machine = SessionMachine()
    for step in machine.way_to(state):
        machine.move(step)
    assert machine.state is state
    return machine


@pytest.mark.parametrize("after", SessionState)
@pytest.mark.parametrize("before", SessionState)
def test_ten_transitions_are_allowed_and_every_other_one_names_both_states(before: SessionState, after: SessionState):
    machine = machine_in(before)
    if (before.value, after.value) in ALLOWED:
        machine.move(after)
        assert machine.state is after
        return
    with pytest.raises(ValueError, match=f"from {before.value} to {after.value}:"):
        machine.move(after)
    assert machine.state is before


def test_a_run_begins_initializing():
    assert SessionMachine().state is SessionState.INITIALIZING


def test_each_window_has_a_state_of_its_own():
    assert set(STATE_OF) == set(Window)
    assert len(set(STATE_OF.values())) == len(Window)


@given(before=STATES, after=STATES)
def test_a_way_is_made_of_allowed_transitions_and_passes_no_fault_that_was_not_meant(before, after):
    way = (before, *machine_in(before).way_to(after))
    assert way[-1] is after
    assert all(following in TRANSITIONS[state] for state, following in pairwise(way))
    assert SessionState.ERROR not in way[1:-1]
    assert SessionState.HALTED not in way[1:-1] or after is SessionState.ERROR


@pytest.mark.parametrize(
    ("before", "after", "way"),
    [
        ("initializing", "market_open", "pre_market market_open"),
        ("market_open", "error", "halted error"),
        ("pre_market", "initializing", "market_open market_close after_hours initializing"),
        ("after_hours", "halted", "initializing pre_market halted"),
        ("market_open", "market_open", ""),
    ],
)
def test_ways(before: str, after: str, way: str):
    assert machine_in(SessionState(before)).way_to(SessionState(after)) == tuple(map(SessionState, way.split()))
