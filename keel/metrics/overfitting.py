"""The probability that picking the best of many trials picks what was merely fitted to the past.

Combinatorially symmetric cross-validation (Bailey, Borwein, López de Prado and Zhu, The Probability of Backtest
Overfitting, J. Computational Finance 20(4), 2017): the days are cut into S blocks in order; each way to take half of
them as the sample and the other half as the future is played. In each the trial with the best Sharpe ratio of the
sample is picked, as one would have done, and its rank among all trials of the future is looked up. It judges the
picking, not the trial that was picked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCKS: Final = 16
"""The paper's own choice: 12,870 splits."""
_CELLS: Final = 1 << 15
"""Splits × trials looked at together: what the processor's cache holds, whatever the number of trials."""
_SPREAD: Final = 1e-12
"""Deviation of returns, and part of their mean square that is variance, below which there is only rounding."""


@dataclass(frozen=True, slots=True)
class Overfitting:
    """Hold what the splits of a matrix of trials say; NaN and empty where undefined.

    `probability` (PBO) is the part of splits in which the picked trial was not better than the median of the future.
    Per split: `logits` ln(ω / (1 - ω)) of its relative rank ω (above 0: better than the median), and its annual Sharpe
    ratio in the sample and in the future, `picked_in` and `picked_out`. `slope` is that of `picked_out` over
    `picked_in` (performance degradation: below 0, the better the sample, the worse the future) and
    `loss_probability` the part of splits whose pick had a Sharpe ratio below 0 in the future.
    """

    probability: float
    slope: float
    loss_probability: float
    trials: int
    logits: Floats
    picked_in: Floats
    picked_out: Floats


class _Blocks(NamedTuple):
    """Hold what a Sharpe ratio of any blocks is made of, each (blocks, trials); sums are of returns less `mean`."""

    rows: int
    mean: Floats
    sums: Floats
    squares: Floats


def backtest_overfitting(returns: Floats, year: float, blocks: int = BLOCKS) -> Overfitting:
    """Return how often the best of the sample disappoints, from daily returns (days, trials) of all trials of a search.

    `year` is how many returns a year has; `blocks` is even. The oldest days that do not fill a block are left out. A
    trial that stopped early earns 0 from then on; a trial that did nothing in a half has a Sharpe ratio of 0 there.
    Undefined for fewer than two trials or two days a block, and where a return is not finite: a hole is not filled by
    a guess. Time and memory grow with the number of splits, C(blocks, blocks / 2), and time with that of trials.
    Raises ValueError for an odd number of blocks or none.
    """
    if blocks < 2 or blocks % 2:
        raise ValueError(f"blocks must be even and at least 2, not {blocks}")
    days, trials = returns.shape
    if trials < 2 or days < 2 * blocks or not np.all(np.isfinite(returns)):
        nothing = np.zeros(0)
        return Overfitting(math.nan, math.nan, math.nan, trials, nothing, nothing, nothing)
    split = _cut(returns[days % blocks :], blocks)
    chosen = _halves(blocks)
    step = max(1, _CELLS // trials)
    found = [_play(split, chosen[start : start + step]) for start in range(0, len(chosen), step)]
    logits, inside, outside = (np.concatenate(parts) for parts in zip(*found, strict=True))
    scale = math.sqrt(year)
    return Overfitting(
        probability=float(np.mean(logits <= 0.0)),
        slope=_slope(inside, outside),
        loss_probability=float(np.mean(outside < 0.0)),
        trials=trials,
        logits=logits,
        picked_in=inside * scale,
        picked_out=outside * scale,
    )


def _halves(blocks: int) -> Floats:
    """Return every way to take half of the blocks, (splits, blocks), 1 where one is taken."""
    taken = np.array(list(combinations(range(blocks), blocks // 2)))
    chosen = np.zeros((len(taken), blocks))
    np.put_along_axis(chosen, taken, 1.0, axis=1)
    return chosen


def _cut(returns: Floats, blocks: int) -> _Blocks:
    # Sums of squares of what is left over the mean lose no digits to a mean that dwarfs the spread.
    mean = returns.mean(axis=0)
    apart = (returns - mean).reshape(blocks, -1, returns.shape[1])
    return _Blocks(apart.shape[1], mean, apart.sum(axis=1), np.square(apart).sum(axis=1))


def _play(split: _Blocks, chosen: Floats) -> tuple[Floats, Floats, Floats]:
    """Return logits and the picked trial's Sharpe ratio per return in sample and future, of a few splits."""
    sample, future = _sharpes(split, chosen), _sharpes(split, 1.0 - chosen)
    best, row = np.argmax(sample, axis=1), np.arange(len(chosen))
    picked = future[row, best]
    worse, equal = (np.count_nonzero(test(future, picked[:, None]), axis=1) for test in (np.less, np.equal))
    rank = worse + (equal + 1.0) / 2.0
    return np.log(rank / (future.shape[1] + 1.0 - rank)), sample[row, best], picked


def _sharpes(split: _Blocks, chosen: Floats) -> Floats:
    count = split.rows * chosen.shape[1] / 2.0
    apart, square = chosen @ split.sums / count, chosen @ split.squares / count
    variance = square - np.square(apart)
    known = variance > np.maximum(_SPREAD**2, _SPREAD * square)
    variance[~known] = math.inf
    return np.asarray((split.mean + apart) / np.sqrt(variance * (count / (count - 1.0))))


def _slope(inside: Floats, outside: Floats) -> float:
    apart = inside - inside.mean()
    spread = float(apart @ apart)
    return float(apart @ (outside - outside.mean())) / spread if spread > _SPREAD**2 else math.nan
