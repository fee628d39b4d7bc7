"""Which rows an evaluation plays, and whether the model has seen them before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from keel.backtest.search.windows import Rows
from keel.domain.errors import DataError, UsageError
from keel.domain.timeframe import MS_PER_HOUR, utc_text
from keel.runs.model_file import ModelCard

SpanMs = tuple[int, int]
"""Start and end of a span of time, UTC epoch milliseconds: a bar is in it if it opens and closes within."""

_LEAST_BARS: Final = 2
_SEEN: Final = {"train": "trained on", "validation": "chosen by its figures of"}
"""What a span of a card was used for."""


def rows_between(close_ts_ms: NDArray[np.int64], span: SpanMs, first: int = 0) -> Rows:
    """Return the rows from `first` on that close within a span; (n, n) for none."""
    start = int(np.searchsorted(close_ts_ms, span[0], side="right"))
    end = int(np.searchsorted(close_ts_ms, span[1], side="right"))
    start = max(start, first)
    return start, max(end, start)


def test_span(card: ModelCard, last_ms: int, where: str) -> SpanMs:
    """Return the span that a model is put to the test on: its test span, or all bars after those it has seen.

    `last_ms` is where the bars end. Raises UsageError where the model has seen them all; `where` names it.
    """
    spans = card.spans
    if spans.get("test") is not None:
        return int(spans["test"][0]), int(spans["test"][1])
    seen = max((end for _, (_, end) in _seen_spans(spans)), default=None)
    if seen is None or seen >= last_ms:
        raise UsageError(
            f"{where}: has no test span, and has seen all these bars: give newer bars, or ask for the last of these by "
            "--period, which is then told to be in-sample"
        )
    return seen, last_ms


def last_span(period_ms: int, asked: str, close_ts_ms: NDArray[np.int64], first_ms: int) -> SpanMs:
    """Return the last so many milliseconds of the bars; `asked` is how that was written, `first_ms` where bars begin.

    Raises UsageError for more than there are.
    """
    end = int(close_ts_ms[-1])
    if end - period_ms < first_ms:
        have = (end - first_ms) / MS_PER_HOUR
        raise UsageError(
            f"--period {asked}: is longer than the bars, which span {_length(have)} up to {utc_text(end)}: take a "
            "shorter one, or give more bars"
        )
    return end - period_ms, end


def refuse_few(rows: Rows, what: str) -> Rows:
    """Return rows as they are. Raises DataError, naming `what` they are of, where they are too few to play."""
    if rows[1] - rows[0] < _LEAST_BARS:
        raise DataError(
            f"{what}: {rows[1] - rows[0]} bars are too few to evaluate, after those that the first observation needs: "
            "give more bars (data.start, data.end), or another span"
        )
    return rows


def seen_before(card: ModelCard, span: SpanMs) -> list[str]:
    """Return, a line for each, where the model was trained on, or chosen by, bars of a span; empty for none."""
    lines = []
    for kind, (start, end) in _seen_spans(card.spans):
        low, high = max(start, span[0]), min(end, span[1])
        if low < high:
            lines.append(f"the model was {_SEEN[kind]} {utc_text(low)} to {utc_text(high)}")
    return lines


def deepest_falls(closes: NDArray[np.float64], rows: Rows, count: int, bars: int) -> list[Rows]:
    """Return up to `count` windows of `bars` rows, in order of time, with the deepest falls; no two share a row.

    `closes` is (rows, N), NaN where a bar is missing. A window's fall is from its first close to its lowest, of equal
    amounts held in all instruments; the deepest is taken first. Windows that do not fall are left out.
    """
    span = min(bars, rows[1] - rows[0])
    index = _index(closes[rows[0] : rows[1]])
    falls = sliding_window_view(index, span).min(axis=1) / index[: len(index) - span + 1] - 1.0
    found: list[Rows] = []
    while len(found) < count and len(falls) and float(np.min(falls)) < 0.0:
        start = int(np.argmin(falls))
        found.append((rows[0] + start, rows[0] + start + span))
        falls[max(0, start - span + 1) : start + span] = 0.0
    return sorted(found)


def _index(closes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the value of equal amounts held from the first close of each instrument on, missing closes carried."""
    known = ~np.isnan(closes)
    last = np.maximum.accumulate(np.where(known, np.arange(len(closes))[:, None], 0), axis=0)
    carried = np.take_along_axis(closes, last, axis=0)
    first = closes[known.argmax(axis=0), np.arange(closes.shape[1])]
    # Before its first close an instrument is worth what it will begin with.
    return np.asarray(np.mean(np.where(np.isnan(carried), 1.0, carried / first), axis=1))


def _seen_spans(spans: Mapping[str, Any]) -> list[tuple[str, SpanMs]]:
    found = [("train", (int(start), int(end))) for start, end in spans.get("train") or ()]
    if spans.get("validation") is not None:
        found.append(("validation", (int(spans["validation"][0]), int(spans["validation"][1]))))
    return found


def _length(hours: float) -> str:
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours"
