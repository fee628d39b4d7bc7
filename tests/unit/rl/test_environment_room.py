"""Room for orders and events: a step that finds too little waits, and goes on as if there had been enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_worlds import world_of

from keel.rl.core import EnvCore

SAME_EVERY_TIME = {"jitter_ms": 0.0, "spike_probability": 0.0, "vol_short_alpha": 0.01, "vol_long_alpha": 0.01}
LATE = SAME_EVERY_TIME | {"entry_ms": 0.0, "response_ms": 9_000_000.0, "max_participation": 0.0}
"""Orders arrive in no time and are filled whole; every answer takes two and a half hours."""
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
    core = EnvCore(world_of(run=LATE, task={"episode_bars": 30}), 1)
    core.begin()
    start, rewound, waiting = int(core._state.runs[0]["tape_tail"]), 0, 0
    for weight in np.random.default_rng(5).choice([-0.5, 0.0, 0.5], 20):
        core.step(np.full((1, 1), weight))
        head, tail, told = (int(core._state.runs[0][place]) for place in ("tape_head", "tape_tail", "told_from"))
        if head == tail:
            assert (tail, told) == (start, start)
            rewound += 1
        else:
            waiting += 1
    assert min(rewound, waiting) > 3


def test_tape_on_which_something_always_is_on_its_way_needs_no_more_room_with_time():
    """What has been counted is forgotten, though the tape goes on and on."""
    core = EnvCore(world_of(rows=400, n=3, run=LATE, task={"episode_bars": 300, "begins_anew": 0}), 1)
    core.begin()
    room = core._state.tapes.shape[1]
    for step in range(300):
        weights = np.full((1, 3), np.nan)  # no new target
        weights[0, step % 3] = 0.2 if step % 2 else -0.2
        core.step(weights)
    assert core._state.runs[0]["tape_tail"] > 3 * room
    assert core._state.tapes.shape[1] == room
