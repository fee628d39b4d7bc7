"""What the simulator would have known of the market at each fill (docs/execution.md, rules 4, 11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.domain.layout import BAR_PRESENT, HOURS_PER_WEEK
from keel.domain.timeframe import MS_PER_HOUR, MS_PER_MINUTE

_BPS: Final = 10_000.0
_LEAST_FACTOR: Final = 0.5
_MOST_FACTOR: Final = 3.0

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Surroundings:
    """Hold the market around moments, one entry each; NaN (or −1) where it is not known.

    `hour` is the hour of the week, `factor` the volatility factor, `sigma_bps` the short volatility of a bar; both as
    of the last close before. `volume` is that of the bar around the moment and `bar` counts bars. One unit of
    `volume` is `units` of those traded then: 1 where nothing splits.
    """

    hour: Whole
    factor: Floats
    sigma_bps: Floats
    volume: Floats
    bar: Whole
    units: Floats

    def at(self, places: NDArray[Any]) -> Surroundings:
        """Return some of the moments' surroundings."""
        return Surroundings(*(getattr(self, each.name)[places] for each in fields(self)))

    def put(self, places: NDArray[Any], of: Surroundings) -> None:
        """Write the surroundings of some moments."""
        for each in fields(self):
            getattr(self, each.name)[places] = getattr(of, each.name)

    @classmethod
    def unknown(cls, n: int) -> Surroundings:
        """Return the surroundings of moments of which nothing is known yet."""
        whole = (np.zeros(n, np.int64), np.full(n, -1, np.int64))
        return cls(whole[0], np.ones(n), np.full(n, np.nan), np.full(n, np.nan), whole[1], np.ones(n))


class BarHistory:
    """Look moments up in one instrument's bars, a column of BAR records whose splits are adjusted for."""

    def __init__(self, bars: NDArray[Any], factors: Floats, short_bars: int, long_bars: int) -> None:
        """Take all rows, the factor on each one's prices, and the spans of the two volatility averages in bars."""
        present = bars["flags"] & BAR_PRESENT != 0
        there, self._units = bars[present], factors[present]
        self._open, self._close = there["open_ts_ms"].copy(), there["close_ts_ms"].copy()
        self._volume = there["volume"].copy()
        self._monday = there["minute_of_week"].astype(np.int64) * MS_PER_MINUTE + self._open % MS_PER_MINUTE
        squares = np.square(there["close"][1:] / there["close"][:-1] - 1.0)
        short, long = _average(squares, short_bars), _average(squares, long_bars)
        self._sigma_bps = np.sqrt(short) * _BPS
        self._factor = np.ones(len(short))
        known = long > 0
        self._factor[known] = np.clip(np.sqrt(short[known] / long[known]), _LEAST_FACTOR, _MOST_FACTOR)

    def around(self, ts_ms: Whole) -> Surroundings:
        """Return what was known at moments inside bars; outside of all bars volume is NaN and `bar` −1."""
        before = np.searchsorted(self._close, ts_ms, side="right") - 1
        at = np.searchsorted(self._open, ts_ms, side="right") - 1
        inside = (at >= 0) & (ts_ms < self._close[at])
        known = before >= 1
        sigma = np.where(known, self._sigma_bps[np.maximum(before, 0)], np.nan)
        return Surroundings(
            hour=self._hours(np.where(inside, at, before), ts_ms),
            factor=np.where(known, self._factor[np.maximum(before, 0)], 1.0),
            sigma_bps=sigma,
            volume=np.where(inside, self._volume[at], np.nan),
            bar=np.where(inside, at, -1),
            units=self._units[np.maximum(at, 0)],
        )

    def _hours(self, near: Whole, ts_ms: Whole) -> Whole:
        near = np.maximum(near, 0)
        hours: Whole = (self._monday[near] + ts_ms - self._open[near]) // MS_PER_HOUR % HOURS_PER_WEEK
        return hours


def _average(squares: Floats, span: int) -> Floats:
    """Return the exponential average after each bar: rule 11's recursion, which starts at the first return."""
    average = pl.Series(squares).ewm_mean(alpha=2.0 / (span + 1), adjust=False, min_samples=1).to_numpy()
    return np.concatenate([[0.0], average])


def metaorder_growth(
    side: Whole, qty: Floats, surroundings: Surroundings, exponent: float, half_life_bars: float
) -> Floats:
    """Return what rule 11's law of the metaorder grows by with each fill, per unit: the impact in bar volatilities.

    Fills are one instrument's, in time order. NaN where a fill has no bar or its bar no volume: such a fill leaves no
    trace in the memory.
    """
    grown = np.full(len(qty), np.nan)
    decay = np.log(2.0) / half_life_bars
    memory = {1: (0.0, 0.0, 0), -1: (0.0, 0.0, 0)}
    rows: Sequence[tuple[int, float, float, int]] = list(
        zip(side.tolist(), qty.tolist(), surroundings.volume.tolist(), surroundings.bar.tolist(), strict=True)
    )
    for at, (way, amount, volume, bar) in enumerate(rows):
        if bar < 0 or not volume > 0.0:
            continue
        own, traded, seen = memory[way]
        if traded == 0.0 or seen != bar:
            keep = float(np.exp(-decay * (bar - seen)))
            own, traded = own * keep, traded * keep + volume
        grown[at] = (_law(own + amount, traded, exponent) - _law(own, traded, exponent)) / amount
        memory[way] = (own + amount, traded, bar)
    return grown


def _law(total: float, volume: float, exponent: float) -> float:
    return total * float((total / volume) ** exponent) if total > 0.0 else 0.0
