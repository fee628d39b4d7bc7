"""From the `spans` of a config to rows: what is trained on, what chooses the best model, and what is sealed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from keel.config.moments import epoch_ms
from keel.config.spans import DateSpans, FractionSpans, Span, Spans
from keel.domain.errors import DataError, UsageError
from keel.domain.timeframe import utc_text

Rows = tuple[int, int]
"""Rows from the first up to, not including, the second."""
Stamps = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Hold the rows of each span; `weights` are those of the training spans, None for their number of bars.

    The bars of the test span are `sealed`: training and tuning that reach for them are refused.
    """

    train: tuple[Rows, ...]
    weights: tuple[float | None, ...]
    validation: Rows
    sealed: Rows | None

    @property
    def test(self) -> Rows:
        """Refuse: whoever learns or chooses must not look. Raises UsageError."""
        raise UsageError(
            "the test span is sealed: training and tuning never touch it; python script_eval.py does, once"
        )

    @property
    def open_rows(self) -> int:
        """Return how many rows, from the first on, training may read."""
        return max(self.validation[1], *(end for _, end in self.train))

    def in_ms(self, close_ts_ms: Stamps) -> dict[str, list[list[int]] | list[int] | None]:
        """Return each span as [start, end] in UTC epoch milliseconds, for a model's card.

        A bar belongs to a span if start < its close <= end.
        """

        def stamps(rows: Rows) -> list[int]:
            first, end = rows
            before = int(close_ts_ms[first - 1]) if first > 0 else int(close_ts_ms[0]) - 1
            return [before, int(close_ts_ms[end - 1])]

        return {
            "train": [stamps(rows) for rows in self.train],
            "validation": stamps(self.validation),
            "test": None if self.sealed is None else stamps(self.sealed),
        }


def split_rows(section: Spans, close_ts_ms: Stamps) -> Split:
    """Cut rows into spans; `close_ts_ms` is when each row's bar closes. A bar belongs to the span it closes in.

    Bars within `purge_bars` before a validation or test span, and `embargo_bars` after a validation span, are left out
    of training (López de Prado, Advances in Financial Machine Learning, 2018, chapter 7). Raises DataError where spans
    overlap, are out of order, or have no bars.
    """
    if isinstance(section, DateSpans):
        split = _by_dates(section, close_ts_ms)
    elif isinstance(section, FractionSpans):
        first, second = (
            _cut(len(close_ts_ms), section.train),
            _cut(len(close_ts_ms), section.train + section.validation),
        )
        split = Split(((0, first),), (None,), (first, second), (second, len(close_ts_ms)))
    else:
        split = _walk(
            len(close_ts_ms), section.train, section.validation, section.folds, section.fold, section.anchored
        )
    _refuse_overlaps(split, close_ts_ms)
    return _with_gaps(split, section.purge_bars, section.embargo_bars)


def _cut(rows: int, part: float) -> int:
    return int(rows * part + 1e-9)


def _walk(rows: int, train: float, validation: float, folds: int, fold: int, anchored: bool) -> Split:
    first, second = _cut(rows, train), _cut(rows, train + validation)
    shift = (rows - second) * (fold - 1) // folds
    end = second + (rows - second) * fold // folds
    return Split(
        ((0 if anchored else shift, first + shift),), (None,), (first + shift, second + shift), (second + shift, end)
    )


def _by_dates(section: DateSpans, close_ts_ms: Stamps) -> Split:
    return Split(
        tuple(_rows_of(span, close_ts_ms) for span in section.train),
        tuple(span.weight for span in section.train),
        _rows_of(section.validation, close_ts_ms),
        None if section.test is None else _rows_of(section.test, close_ts_ms),
    )


def _rows_of(span: Span, close_ts_ms: Stamps) -> Rows:
    first = 0 if span.start is None else int(np.searchsorted(close_ts_ms, epoch_ms(span.start), "right"))
    end = len(close_ts_ms) if span.end is None else int(np.searchsorted(close_ts_ms, epoch_ms(span.end), "right"))
    return first, end


def _refuse_overlaps(split: Split, close_ts_ms: Stamps) -> None:
    named = [(f"spans.train[{k}]", rows) for k, rows in enumerate(split.train)]
    named.append(("spans.validation", split.validation))
    if split.sealed is not None:
        named.append(("spans.test", split.sealed))
    for name, (first, end) in named:
        if end - first < 2:
            bounds = f"{utc_text(int(close_ts_ms[0]))} to {utc_text(int(close_ts_ms[-1]))}"
            raise DataError(f"{name}: has {max(end - first, 0)} bars of {bounds}: give it two or more")
    ordered = sorted(named, key=lambda one: one[1])
    for (name, (_, end)), (other, (first, _)) in pairwise(ordered):
        if first < end:
            raise DataError(f"{other}: overlaps {name}: let it start at {utc_text(int(close_ts_ms[end - 1]))} or later")
    if split.sealed is not None and ordered[-1][0] != "spans.test":
        raise DataError(f"spans.test: comes before {ordered[-1][0]}: what judges a model comes after all it has seen")


def _with_gaps(split: Split, purge: int, embargo: int) -> Split:
    starts = [split.validation[0]] + ([] if split.sealed is None else [split.sealed[0]])
    kept: list[Rows] = []
    for k, (first, end) in enumerate(split.train):
        after = [start for start in starts if start >= end]
        last = min([end, *(start - purge for start in after)])
        begin = max(first, split.validation[1] + embargo) if first >= split.validation[1] else first
        if last - begin < 2:
            raise DataError(
                f"spans.train[{k}]: purge_bars {purge} and embargo_bars {embargo} leave nothing: lower them"
            )
        kept.append((begin, last))
    return replace(split, train=tuple(kept))
