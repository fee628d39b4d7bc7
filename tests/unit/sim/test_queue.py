"""The venue's queue gives back events in the order of rule 14: by time, instrument and order."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from keel.domain.layout import ORDER, RUN
from keel.sim.queue_nb import pop_nb, push_nb


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2), st.booleans()), min_size=1, max_size=24))
def test_queue_gives_the_earliest_event_first(events: list[tuple[int, int, bool]]):
    """Each event is a time, an instrument, and whether the earliest is taken out before the next one comes."""
    run, orders = np.zeros(1, RUN), np.zeros(len(events), ORDER)
    waiting: list[tuple[int, int, int]] = []
    for at, (ts_ms, instrument, takes) in enumerate(events):
        orders["next_ts_ms"][at], orders["instrument"][at], orders["id"][at] = ts_ms, instrument, at
        push_nb(run[0], orders, at)
        waiting.append((ts_ms, instrument, at))
        if takes:
            waiting.sort()
            assert pop_nb(run[0], orders) == waiting.pop(0)[2]
    taken = [pop_nb(run[0], orders) for _ in waiting]
    assert taken == [order for _, _, order in sorted(waiting)]
    assert run["n_queued"][0] == 0
