"""Whether a strategy decides from the past alone: cut its bars, decide again, compare.

A *cut* after row c takes the later bars away, and then lets them go on otherwise (made to rise, made to fall). Whatever
a causal strategy decided up to c stays as it was. A look ahead by h bars shows only at the h cuts from the deciding row
on, so no bisection over cuts is valid; the first such row is certain once every cut up to it has been tried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.backtest.probe import Change, Decisions, Prober
from keel.domain.errors import UsageError

_NEAR: Final = 64
"""Bars made up after a cut: few, so that every cut can be tried; a farther look shows at the cuts nearer to its end."""
_SAMPLES: Final = 256
"""Cuts where decisions change that are tried before all others."""

Tick = Callable[[int], None]
"""Told how many cuts have been tried."""


@dataclass(frozen=True)
class Leak:
    """Hold the first decision that depends on later bars.

    `bars_ahead` is how many bars after its own it looked at, None for as many as there are. `exact` says that every cut
    at which an earlier such decision would have shown was tried.
    """

    change: Change
    bars_ahead: int | None
    exact: bool


@dataclass(frozen=True)
class Verdict:
    """Hold what a check found: the leak, if any, and how many of the cuts it tried.

    The bars before `first_cut` are too few for the strategy, which fails on them as `too_few` says.
    """

    leak: Leak | None
    rows: int
    cuts: int
    first_cut: int
    too_few: str | None


def find_leak(prober: Prober, seconds: float, tick: Tick = lambda _cuts: None) -> Verdict:
    """Look for the first decision that changes with later bars, for about so many seconds.

    Cuts where a leak is likely to show come first, then all others in random order; after a find, every cut up to it.
    Raises UsageError for a strategy that decides by chance, and for one that fails on the beginning of bars on the
    whole of which it does not.
    """
    deadline_s = time.monotonic() + seconds
    _refuse_chance(prober)
    found = _try_cuts(prober, _likely_cuts(prober.whole), deadline_s, tick)
    found = found or _try_cuts(prober, _other_cuts(prober), deadline_s, tick)
    leak = None if found is None else _first_leak(prober, found, time.monotonic() + seconds, tick)
    first_cut = _first_cut(prober)
    return Verdict(leak, len(prober.bars), len(prober.cuts), first_cut, prober.failed.get(first_cut - 1))


def _refuse_chance(prober: Prober) -> None:
    if chance := prober.changes_at(len(prober.bars) - 1, 0):
        raise UsageError(
            f"the strategy decides differently each time on the same bars: {chance.with_all}, then {chance.without} at "
            f"row {chance.row}: draw its random numbers from a seeded generator made in target_weights or __init__"
        )


def _likely_cuts(whole: Decisions) -> Iterator[int]:
    rows = len(whole.weights)
    yield from range(min(rows, _NEAR))
    moved = np.flatnonzero((np.diff(whole.weights, axis=0) != 0.0).any(axis=1))
    yield from _spread(np.unique(np.concatenate([moved, moved + 1])))


def _spread(cuts: NDArray[np.int64]) -> Iterator[int]:
    if len(cuts):
        yield from map(int, cuts[np.unique(np.linspace(0, len(cuts) - 1, _SAMPLES).astype(np.int64))])


def _other_cuts(prober: Prober) -> Iterator[int]:
    order = np.random.default_rng(0).permutation(len(prober.bars))
    return (cut for cut in map(int, order) if cut not in prober.cuts)


def _try_cuts(prober: Prober, cuts: Iterator[int], deadline_s: float, tick: Tick) -> Change | None:
    """Return the first change found at any of the cuts; None without one or out of time."""
    for cut in cuts:
        if time.monotonic() > deadline_s:
            return None
        found = prober.changes_at(cut, _NEAR)
        tick(len(prober.cuts))
        if found is not None:
            return found
    return None


def _first_leak(prober: Prober, found: Change, deadline_s: float, tick: Tick) -> Leak:
    """Return the earliest leak: try every cut up to the one found, and on as far as it looks ahead, all bars made up.

    An earlier look shows at its own row's cut, if not by chance this strategy decides the same after it.
    """
    rows, ahead, cut = len(prober.bars), _bars_ahead(prober, found), 0
    while found.row > 0 and cut < min(found.row + (ahead or _NEAR), rows - 1):
        if time.monotonic() > deadline_s:
            return Leak(found, ahead, exact=False)
        earlier = prober.changes_at(cut, rows)
        tick(len(prober.cuts))
        cut += 1
        if earlier is not None and earlier.row < found.row:
            found, ahead = earlier, _bars_ahead(prober, earlier)
    return Leak(found, ahead, exact=True)


def _bars_ahead(prober: Prober, found: Change) -> int | None:
    """Return how many bars after its own a decision looked at: the last later bar whose change changes it."""
    last = len(prober.bars) - 2
    low, step = found.cut, 1
    while low + step <= last and prober.row_changes(found.row, low + step):
        low, step = low + step, 2 * step
    high = min(low + step, last + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if prober.row_changes(found.row, middle) else (low, middle)
    return None if low == last and last > found.row else low + 1 - found.row


def _first_cut(prober: Prober) -> int:
    """Return the first cut at which the strategy could be asked; all before it failed."""
    if not prober.failed:
        return 0
    last, worked = max(prober.failed), prober.cuts - prober.failed.keys()
    if not worked or min(worked) < last:
        raise UsageError(
            f"the strategy fails on the first {last + 1} bars alone ({prober.failed[last]}), though not on all "
            f"{len(prober.bars)}: live it would fail there: make it return one row of weights for each bar it is given"
        )
    return last + 1
