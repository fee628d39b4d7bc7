"""Ask early for the rows that the next environments play: a step would wait for memory longer than it computes.

Nothing here changes a result. Each environment is at a row of its own, anywhere in the bars, and no processor guesses
it; the environments' own records lie in order, and that it does guess: to ask for them, too, made steps slower.
"""

from __future__ import annotations

from keel.domain.compile_nb import compiled, prefetch
from keel.domain.layout import offset_in_run
from keel.sim.costs_nb import hour_of_week_nb

_ROW_AHEAD = 4
"""Environments between asking for a row and need: long enough for memory, and few enough for the first cache."""
_HOUR_AHEAD = 2
"""The same for what the row's hour multiplies costs by, which is known when the row is there."""

_LINE = 64
_SPREAD, _LATENCY = offset_in_run("spread_by_hour"), offset_in_run("latency_by_hour")
_HOUR_BYTES = 8


@compiled
def fetch_ahead_nb(bars, features, runs, e, last):
    """Ask, at the turn of environment `e`, for what those after it will read, up to `last` - 1."""
    if e + _ROW_AHEAD < last:
        _fetch_row_nb(bars, features, runs[e + _ROW_AHEAD])
        _fetch_hour_nb(bars, runs, e + _HOUR_AHEAD)


@compiled
def _fetch_row_nb(bars, features, run):
    """Ask for the bar to be played, the one before it, and the first 32 features."""
    prefetch(bars, run.row, -_LINE)
    prefetch(bars, run.row, 0)
    prefetch(bars, run.row, _LINE)
    prefetch(features, run.row, 0)
    prefetch(features, run.row, _LINE)
    prefetch(features, run.row, 2 * _LINE)


@compiled
def _fetch_hour_nb(bars, runs, e):
    """Ask for what the hour in which an environment decides multiplies spread and latency by."""
    bar = bars[runs[e].row - 1, 0]
    hour = hour_of_week_nb(bar, bar.close_ts_ms)
    prefetch(runs, e, _SPREAD + hour * _HOUR_BYTES)
    prefetch(runs, e, _LATENCY + hour * _HOUR_BYTES)
