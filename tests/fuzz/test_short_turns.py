"""The fuzzer's properties for a few hundred draws each: `make fuzz` draws for half an hour."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from fuzz.rooms import ROOMS, Property

QUICK = settings(max_examples=100, deadline=None, derandomize=True, database=None)
PROPERTIES = [pytest.param(one, id=f"{name}: {one.name}") for name, room in ROOMS.items() for one in room.properties]
SEEDS = [
    pytest.param(room, seed, id=f"{name}: {kind}")
    for name, room in ROOMS.items()
    for kind, seed in room.seeds().items()
]


@pytest.mark.parametrize("one", PROPERTIES)
def test_whatever_is_given_is_taken_whole_or_refused_in_one_line(one: Property):
    QUICK(given(one.drawn)(one.check))()


@pytest.mark.parametrize(("room", "seed"), SEEDS)
def test_every_beginning_of_the_fuzzer_keeps_the_promise(room, seed):
    room.give(seed)
