"""How much history a strategy needs: begin its bars later, and see when it decides as it does with all of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.backtest.probe import Decide, Decisions
from keel.domain.errors import UsageError
from keel.strategies.decisions import Weights
from keel.strategies.holding import hold

EQUAL_WEIGHT: Final = 1e-6
"""Difference, as a fraction of equity, within which two weights are equal: an average with endless memory, such as an
exponential one, comes ever nearer to that of the whole history and never meets it."""

_STARTS: Final = 16
"""Later beginnings tried; each leaves at least half of the bars."""


@dataclass(frozen=True)
class WarmUp:
    """Hold the most bars an instrument needed until all its weights were those of the whole history.

    `bars` is None where they still differed at the end of the `seen` bars from the beginning at row `start`.
    """

    symbol: str
    bars: int | None
    start: int
    seen: int


def warm_up_need(
    decide: Decide, bars: NDArray[np.void], whole: Decisions, symbols: Sequence[str], seconds: float
) -> tuple[WarmUp, ...]:
    """Return the worst need of each instrument over several later beginnings, as many as the time allows.

    Empty where there are fewer than two bars. Raises UsageError for a strategy that fails on the later bars alone.
    """
    worst: dict[str, WarmUp] = {}
    deadline_s = time.monotonic() + seconds
    for start in _beginnings(len(bars)):
        if worst and time.monotonic() > deadline_s:
            break
        late = _held(_decide_late(decide, bars, start))
        differs = np.abs(late - _held(whole.weights)[start:]) > EQUAL_WEIGHT
        for column, symbol in enumerate(symbols):
            need = _need(symbol, np.flatnonzero(differs[:, column]), start, len(late))
            if symbol not in worst or _rank(need) > _rank(worst[symbol]):
                worst[symbol] = need
    return tuple(worst.values())


def _beginnings(rows: int) -> list[int]:
    """Return rows to begin at, the middle first, then spread over the first half."""
    spread = np.unique(np.linspace(1, max(rows // 2, 1), _STARTS).astype(int)) if rows > 1 else np.zeros(0, int)
    return [int(start) for start in spread[::-1]]


def _decide_late(decide: Decide, bars: NDArray[np.void], start: int) -> Weights:
    try:
        return decide(bars[start:]).weights
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"the strategy fails on the {len(bars) - start} bars from row {start} on alone: {type(error).__name__}: "
            f"{error}"
        ) from error


def _held(weights: Weights) -> Weights:
    return np.column_stack([hold(weights[:, column]) for column in range(weights.shape[1])])


def _need(symbol: str, differing: NDArray[np.intp], start: int, seen: int) -> WarmUp:
    bars = int(differing[-1]) + 1 if len(differing) else 0
    return WarmUp(symbol, None if bars == seen else bars, start, seen)


def _rank(need: WarmUp) -> float:
    return float("inf") if need.bars is None else need.bars
