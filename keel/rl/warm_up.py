"""Compile the environments before they are needed, so that a first training can show how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from keel.config.environment import EnvironmentSection
from keel.domain.compiled_cache import ENVIRONMENTS, mark_cache_warm
from keel.domain.layout import ACTION, BAR, BAR_PRESENT, RUN, SLOT
from keel.features.observation_layout import ObservationLayout
from keel.rl.core import EnvCore
from keel.rl.world import Patch, build_world

STEPS: Final = 2
"""How many steps `warm_up` yields."""


def warm_up() -> Iterator[str]:
    """Compile everything an environment calls; yield the name of each part before it is compiled."""
    bars = np.zeros((4, 1), BAR)
    for price in ("open", "high", "low", "close"):
        bars[price] = 1.0
    bars["open_ts_ms"][:, 0] = np.arange(4) * 60_000
    bars["close_ts_ms"] = bars["open_ts_ms"] + 60_000
    bars["flags"] = BAR_PRESENT
    features = np.zeros((4, 1, 1), np.float32)
    patch = Patch("made up", bars, np.zeros((0, 1)), features, 0, np.zeros(1, SLOT))
    run, layout = np.zeros(1, RUN), ObservationLayout(1, ("A",), ("one",), ())
    run["cash"] = 1.0
    world = build_world([patch], run, EnvironmentSection(), layout, 10.0, np.zeros(0, BAR), np.zeros(0, ACTION))
    core = EnvCore(world, 1)
    yield "episodes"
    core.begin()
    yield "steps"
    core.step(np.zeros((1, 1)))
    mark_cache_warm(ENVIRONMENTS)
