"""Bars that keep every rule and still look wrong: prices that jump away and back, splits, frozen feeds, odd volume.

Every test looks at a bar's surroundings on both sides. That is right for a diagnosis, and why no strategy may see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from keel.data.quality.arrays import BarArrays

_Floats: TypeAlias = NDArray[np.float64]
_Ints: TypeAlias = NDArray[np.int64]

AROUND: Final = 50
"""Bars on each side that say what is usual."""
_GUARD: Final = 3
"""Bars on each side that do not: the fault itself is among them."""
_LEAST: Final = 10
"""Returns from which a local volatility is taken for one."""
_BLOCK: Final = 1 << 16
"""Bars looked at together: their columns stay in cache and out of the memory peak."""
_ROOT_MOMENT: Final = 0.8221789586623885
"""The mean of |z|^(1/2) of a standard normal z: 2^(1/4) Γ(3/4) / √π."""
_REVERTED: Final = 0.5
"""A jump away has come back when less than this part of it is left."""
_LEAST_SPLIT: Final = 1.4
_SPLIT_RATIOS: Final = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0)
_SPLIT_MATCH: Final = 0.04
"""How far, as a fraction, the open may stand from a ratio: the market moves overnight, too."""


@dataclass(frozen=True)
class Prices:
    """Hold the positions of prices that look wrong: in the close, in high or low, and opens that look like a split."""

    closes: _Ints
    extremes: _Ints
    splits: _Ints


def price_anomalies(bars: BarArrays, sigmas: float, least_move: float) -> Prices:
    """Find prices further away than `sigmas` local volatilities and `least_move` (a fraction) that came back.

    A neighbourhood and a least deviation follow Brownlees and Gallo (2006, Computational Statistics & Data Analysis 51,
    2232-2245). The local volatility is the power variation of order 1/2 of the 50 returns on each side without the
    nearest three, which a jump barely moves (Barndorff-Nielsen and Shephard 2004, Journal of Financial Econometrics 2,
    1-37). A bad close is left by a move of the other sign; a bad high or low lies beyond this close and the one before.
    """
    closes: list[_Ints] = []
    extremes: list[_Ints] = []
    splits: list[_Ints] = []
    for start, end, first in _blocks(len(bars), AROUND + _GUARD):
        block = _Block(bars, start, end, sigmas, least_move)
        own = slice(first - start, min(first + _BLOCK, len(bars)) - start)
        for found, mask in ((closes, block.bad_closes()), (extremes, block.bad_extremes()), (splits, block.splits())):
            found.append(np.flatnonzero(mask[own]) + first)
    return Prices(*(np.concatenate(found) for found in (closes, extremes, splits)))


def split_ratio(bars: BarArrays, at: int) -> str:
    """Return what split the open at a position looks like: `4:1`, `1:10` or `3:2`."""
    gap = float(bars.close[at - 1] / bars.open[at])
    ratio = min(_SPLIT_RATIOS, key=lambda one: abs(max(gap, 1 / gap) / one - 1))
    more, less = ("3", "2") if ratio == _SPLIT_RATIOS[0] else (f"{ratio:.0f}", "1")
    return f"{more}:{less}" if gap > 1 else f"{less}:{more}"


def stale_runs(close: _Floats, length: int) -> tuple[_Ints, _Ints]:
    """Return where runs of at least `length` equal closes start, and how long they are."""
    changes = np.flatnonzero(close[1:] != close[:-1]) + 1
    edges = np.concatenate([[0], changes, [close.size]])
    lengths = np.diff(edges)
    long = lengths >= length
    return edges[:-1][long], lengths[long]


def volume_spikes(volume: _Floats, ratio: float) -> _Ints:
    """Find volumes above `ratio` times the geometric mean of those around, bars without volume left out.

    Volume is close to lognormal (Clark 1973, Econometrica 41, 135-155), so that mean is its median.
    """
    found = []
    for start, end, first in _blocks(volume.size, AROUND + _GUARD):
        part = np.ascontiguousarray(volume[start:end])
        traded = part > 0.0
        logs = np.zeros(part.size)
        np.log(part, out=logs, where=traded)
        at = np.arange(part.size + 1)
        sums, counts = _around(logs, at[:-1], at[1:]), _around(traded.astype(np.float64), at[:-1], at[1:])
        enough = counts >= _LEAST
        usual = np.divide(sums, counts, out=np.full(part.size, np.inf), where=enough)
        own = slice(first - start, min(first + _BLOCK, volume.size) - start)
        found.append(np.flatnonzero((traded & (logs - usual > np.log(ratio)))[own]) + first)
    return np.concatenate(found)


class _Block:
    """Look at the bars of one block and its surroundings."""

    def __init__(self, bars: BarArrays, start: int, end: int, sigmas: float, least_move: float) -> None:
        self._open, self._high, self._low, self._close = (
            np.ascontiguousarray(column[start:end]) for column in (bars.open, bars.high, bars.low, bars.close)
        )
        self._returns = np.diff(np.log(self._close))
        self._far = np.maximum(sigmas * self._volatility(), least_move)

    def bad_closes(self) -> NDArray[np.bool_]:
        away, back = self._returns[:-1], self._returns[1:]
        size = np.minimum(np.abs(away), np.abs(back))
        bad = np.zeros(self._close.size, dtype=bool)
        bad[1:-1] = (size > self._far[1:-1]) & (np.abs(away + back) < _REVERTED * size)
        return bad

    def bad_extremes(self) -> NDArray[np.bool_]:
        before = np.concatenate([self._close[:1], self._close[:-1]])
        far = 1.0 + self._far
        above = self._high > np.maximum(before, self._close) * far
        return np.asarray(above | (self._low * far < np.minimum(before, self._close)))

    def splits(self) -> NDArray[np.bool_]:
        gap = np.ones(self._close.size)
        np.divide(self._close[:-1], self._open[1:], out=gap[1:])
        gap = np.maximum(gap, 1.0 / gap)
        likely = (gap > _LEAST_SPLIT) & (gap > 1.0 + self._far)
        for i in np.flatnonzero(likely):
            likely[i] = any(abs(gap[i] / ratio - 1.0) < _SPLIT_MATCH for ratio in _SPLIT_RATIOS)
        return np.asarray(likely & ~self.bad_closes() & ~self.bad_extremes())

    def _volatility(self) -> _Floats:
        """Return the local volatility of a bar around each, infinite where too few returns tell."""
        roots = np.sqrt(np.abs(self._returns))
        bars = np.arange(self._close.size)
        # the returns into and out of bar k stand at k - 1 and k
        sums, counts = _around(roots, bars, bars), _around(np.ones(roots.size), bars, bars)
        mean = np.divide(sums, counts, out=np.full(bars.size, np.inf), where=counts >= _LEAST)
        return np.asarray(np.square(mean / _ROOT_MOMENT))


def _around(values: _Floats, left: _Ints, right: _Ints) -> _Floats:
    """Return the sums of the values around each place, those nearest to it left out."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    last = values.size

    def between(reach: int) -> _Floats:
        return np.asarray(total[np.minimum(right + reach, last)] - total[np.maximum(left - reach, 0)])

    return between(AROUND) - between(_GUARD)


def _blocks(size: int, around: int) -> Iterator[tuple[int, int, int]]:
    """Yield start and end of what to look at, and the first bar to judge in it."""
    for first in range(0, max(size, 1), _BLOCK):
        yield max(first - around, 0), min(first + _BLOCK + around, size), first
