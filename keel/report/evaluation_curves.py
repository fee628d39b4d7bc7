"""Curves of an evaluation with few enough points to draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.report import text
from keel.report.downsample import extreme_rows
from keel.report.evaluation import Tree

_STRETCHES: Final = 600
_LEARNT: Final = ("return", "sharpe", "max_drawdown")
"""Figures of training that are drawn."""


def thinned(ts_ms: NDArray[Any], values: NDArray[Any]) -> tuple[list[str], NDArray[np.float64]]:
    """Return times as ISO texts, and the values at them: the highest and the lowest of each stretch are kept."""
    count = min(len(ts_ms), len(values))
    column = np.ascontiguousarray(values[:count], np.float64)
    rows = extreme_rows([column], _STRETCHES) if count else np.zeros(0, np.intp)
    stamps = np.ascontiguousarray(ts_ms[rows]).astype("datetime64[ms]")
    return [str(stamp) for stamp in stamps], column[rows]


def learning_series(notes: Sequence[Tree]) -> dict[str, tuple[list[int], list[float]]]:
    """Return steps and values of each figure that training noted, by name; empty where it noted none."""
    series: dict[str, tuple[list[int], list[float]]] = {}
    for kind in ("train", "validation"):
        for name in _LEARNT:
            own = [note for note in notes if note.get("kind") == kind and isinstance(note.get(name), int | float)]
            if own:
                series[f"{text.label(name)}, {kind}"] = ([note["steps"] for note in own], [note[name] for note in own])
    return series
