"""Environments keep target weights to their sectors, each by the weights it accepted last."""

from __future__ import annotations

import numpy as np
import pytest
from made_worlds import world_of

from keel.risk.sector_caps import SectorCaps
from keel.rl.core import EnvCore


def test_every_environment_s_targets_are_cut_by_what_it_holds():
    world = world_of(n=3, task={"begins_anew": 0})._replace(caps=SectorCaps.of(["a", "b", "a"], 0.3, {}))
    core = EnvCore(world, 2)
    core.begin()
    core.step(np.array([[0.4, 0.1, 0.2], [0.1, 0.2, 0.1]]))
    assert core._state.slots["last_weight"] == pytest.approx(np.array([[0.2, 0.1, 0.1], [0.1, 0.2, 0.1]]))
    core.step(np.array([[0.2, 0.1, 0.3], [0.5, 0.2, np.nan]]))
    assert core._state.slots["last_weight"] == pytest.approx(np.array([[0.2, 0.1, 0.1], [0.2, 0.2, 0.1]]))
