"""Compile the simulator before it is needed, a function at a time, so that a first run can show how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from keel.domain.compiled_cache import mark_cache_warm
from keel.domain.layout import BAR, BAR_PRESENT, RUN, SLOT
from keel.metrics.curve import scan
from keel.metrics.returns import daily_rows
from keel.portfolio.trades_nb import round_trips
from keel.sim.engine import Simulator

STEPS: Final = 4
"""How many steps `warm_up` yields."""


def warm_up() -> Iterator[str]:
    """Compile everything a run calls; yield the name of each part before it is compiled."""
    run = np.zeros(1, RUN)
    run["cash"] = 1.0
    simulator = Simulator(_bars(), run, np.zeros(1, SLOT))
    yield "the bar loop"
    simulator.advance()
    yield "decisions"
    simulator.decide(np.zeros(1))
    yield "the end of a run"
    simulator.finish()
    yield "round trips and figures"
    round_trips(simulator.events, np.ones(1), 0)
    marks = simulator.marks
    scan(marks["equity"], marks["gross"])
    daily_rows(_bars()["day"][:, 0])
    mark_cache_warm()


def _bars() -> np.ndarray[tuple[int, int], np.dtype[np.void]]:
    bars = np.zeros((2, 1), BAR)
    for price in ("open", "high", "low", "close"):
        bars[price] = 1.0
    bars["open_ts_ms"][:, 0] = (0, 60_000)
    bars["close_ts_ms"][:, 0] = (60_000, 120_000)
    bars["flags"] = BAR_PRESENT
    return bars
