"""Room for orders and events: a step that finds too little waits, and goes on as if there had been enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_worlds import world_of

from keel.rl.core import EnvCore

AT_ONCE = {"entry_ms": 0.0, "response_ms": 0.0, "jitter_ms": 0.0, "max_participation": 0.0}
"""Orders arrive and are answered in no time and filled whole."""
SLOW = {"entry_ms": 9_000_000.0, "response_ms": 20_000_000.0, "max_participation": 0.001}
"""Orders take hours and fill in small parts, so that many are live at once."""


class CountedCore(EnvCore):
    """Keep what each compiled call said of how many environments wait for room, beside how many do."""

    told: list[tuple[int, int]]

    def _step_part(self, *given: Any, **named: Any) -> int:
        starved = super()._step_part(*given, **named)
        self.told.append((starved, int(np.count_nonzero(self.envs["waits"]))))
        return starved


@pytest.mark.parametrize(("orders_at_first", "starved_at_once"), [(0, 4), (1, 1)])
def test_environment_that_runs_out_of_room_goes_on_as_if_there_had_been_enough(orders_at_first, starved_at_once):
    """Where all wait at the same time, and where one does and the others have gone on."""
    world = world_of(n=2, run=SLOW, task={"episode_bars": 90})
    roomy = EnvCore(world, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keel.rl.core._ORDERS_AT_FIRST", orders_at_first)
        cramped = CountedCore(world, 4)
    cramped.told = []
    room = cramped._state.orders.shape[1]
    rng = np.random.default_rng(8)
    roomy.begin()
    cramped.begin()
    for weights in rng.choice([-0.4, 0.0, 0.3], (100, 4, 2)):
        roomy.step(weights)
        cramped.step(weights)
        assert roomy.envs.tobytes() == cramped.envs.tobytes()
        assert roomy.observations.tobytes() == cramped.observations.tobytes()
    assert cramped._state.orders.shape[1] > room
    assert all(starved == waiting for starved, waiting in cramped.told)
    assert {starved for starved, _ in cramped.told} == {0, starved_at_once}


def test_tape_on_which_nothing_is_on_its_way_is_written_from_its_start_again():
    core = EnvCore(world_of(run=AT_ONCE, task={"episode_bars": 30}), 1)
    core.begin()
    start = int(core._state.runs[0]["tape_tail"])
    for weight in np.random.default_rng(5).choice([-0.5, 0.0, 0.5], 20):
        core.step(np.full((1, 1), weight))
        run = core._state.runs[0]
        assert [int(run[place]) for place in ("tape_head", "tape_tail", "told_from")] == [start] * 3
    assert core.envs[0]["fills"] > 5


@pytest.mark.parametrize("response_ms", [0.0, 5_000_000.0])
def test_long_episode_needs_no_more_room_than_a_short_one(response_ms):
    """What has been counted is forgotten, also where an answer is always on its way and the tape goes on and on."""
    run = AT_ONCE | {"response_ms": response_ms}
    core = EnvCore(world_of(rows=400, run=run, task={"episode_bars": 300, "begins_anew": 0}), 1)
    core.begin()
    room = core._state.tapes.shape[1]
    weights = np.tile([0.5, -0.5], 150)
    for weight in weights:
        core.step(np.full((1, 1), weight))
    assert core.envs[0]["fills"] * 3 > 2 * room
    assert core._state.tapes.shape[1] == room
