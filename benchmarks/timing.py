"""Time one side of a comparison. Every side runs in its own environment, so here is the standard library only."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Final

from processes import cpu_seconds, memory_mib

_MOST_REPEATS: Final = 7
_ENOUGH_S: Final = 6.0
"""Wall time after which no further repeat begins."""


def report(once: Callable[[], float], version: str) -> None:
    """Do the work once to warm up, then time repeats; print medians, the result and the idle memory as JSON.

    `once` does the whole work on what is in memory and returns a number that tells whether it did the right thing.
    """
    idle_mib = memory_mib(os.getpid())
    once()
    wall_s: list[float] = []
    cpu_s: list[float] = []
    result, began_s = 0.0, time.perf_counter()
    while len(wall_s) < _MOST_REPEATS and (not wall_s or time.perf_counter() - began_s < _ENOUGH_S):
        wall, cpu = time.perf_counter(), cpu_seconds()
        result = once()
        wall_s.append(time.perf_counter() - wall)
        cpu_s.append(cpu_seconds() - cpu)
    measured = {"seconds": statistics.median(wall_s), "cpu_seconds": statistics.median(cpu_s), "idle_mib": idle_mib}
    print(json.dumps(measured | {"result": result, "version": version}))
