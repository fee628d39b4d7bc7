"""All checks of one instrument's bars, judged by the thresholds of a config."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from keel.config.quality import Answer, QualitySection
from keel.data.quality.anomalies import price_anomalies, split_ratio, stale_runs, volume_spikes
from keel.data.quality.arrays import BarArrays
from keel.data.quality.finding import TOLD, Finding, Severity
from keel.data.quality.grid import TradingGrid, trading_grid
from keel.data.quality.structure import EARLIER, MENDS, structural_faults

_Ints: TypeAlias = NDArray[np.int64]

_SESSIONS_MEND: Final = "state the calendar they trade by, or drop the rows"
_GAPS_MEND: Final = (
    "get the bars anew, raise quality.max_missing_fraction, set quality.gaps to warn, or forward_fill (quality.repair)"
)
_OUTLIERS_MEND: Final = "compare with another feed, then raise quality.outlier_sigmas or drop_outliers (quality.repair)"
_SPLITS_MEND: Final = "list it in data.actions, import prices adjusted for splits, or split_adjust (quality.repair)"
_STALE_MEND: Final = "ask the feed whether it was frozen; raise quality.stale_bars if nothing traded"
_NO_VOLUME_MEND: Final = (
    "nothing fills in such a bar (docs/execution.md, rule 12); raise quality.max_zero_volume_fraction"
)
_SPIKE_MEND: Final = "compare with another feed; raise quality.volume_spike_ratio if they are real"


@dataclass(frozen=True)
class Clock:
    """Say when bars are expected: one each `timeframe` while `calendar` has the market open."""

    timeframe: str
    calendar: str


@dataclass(frozen=True)
class Days:
    """Hold the time to look at, UTC epoch milliseconds, the end exclusive: bars missing at its edges count, too."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Question:
    """Hold what the checks need to know: thresholds, clock, the splits known of, and the days asked for, None = all."""

    rules: QualitySection
    clock: Clock
    splits_ts_ms: _Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    days: Days | None = None


def examine_bars(bars: BarArrays, question: Question, *, checked: bool = False) -> tuple[int, tuple[Finding, ...]]:
    """Return how many bars are expected, and what was found. Faults of rows are found first and then left out.

    `checked` says that every row has passed `check_bars` already. Raises DataError for a calendar that is not known.
    """
    judge, found = _Judge(question), []
    if not checked:
        faulty = np.zeros(len(bars), dtype=bool)
        for check, detail, bad in structural_faults(bars):
            kind = _Kind(check, detail, "refuse", 0.0, MENDS[check])
            found.append(judge.rows(kind, bars, np.flatnonzero(bad), len(bars)))
            faulty |= bad & (detail != EARLIER)
        if found:
            bars = bars.take(~faulty)
            bars = bars.take(np.argsort(bars.open_ts_ms, kind="stable"))
    expected = len(bars)
    if len(bars):
        days, clock = question.days, question.clock
        grid = trading_grid(clock.timeframe, clock.calendar, bars.open_ts_ms, None if days is None else days.end_ms)
        expected = judge.expected(bars, grid)
        found += [*judge.gaps(bars, grid, expected), *judge.anomalies(bars, expected)]
    return expected, tuple(one for one in found if one is not None)


@dataclass(frozen=True)
class _Kind:
    """Hold what all findings of one check share; `spared` of them pass whatever the limit."""

    check: str
    detail: str
    answer: Answer
    limit: float
    mend: str
    spared: int = 0


class _Judge:
    """Turn what the checks find into findings, by the answers and limits of a config."""

    def __init__(self, question: Question) -> None:
        self._question, self._rules, self._days = question, question.rules, question.days

    def expected(self, bars: BarArrays, grid: TradingGrid) -> int:
        days = self._days
        edges = (bars.open_ts_ms[0], bars.open_ts_ms[-1] + 1) if days is None else (days.start_ms, days.end_ms)
        first, last = grid.index(np.array(edges, dtype=np.int64))
        return int(last - first)

    def rows(
        self, kind: _Kind, bars: BarArrays, at: _Ints, expected: int, amounts: _Ints | None = None
    ) -> Finding | None:
        """Return a finding of the bars at these positions, None if there is none in the days asked for."""
        keep = self._asked(bars.open_ts_ms[at])
        at, amounts = at[keep], None if amounts is None else amounts[keep]
        return _finding(kind, bars.row[at], np.ascontiguousarray(bars.open_ts_ms[at]), expected, amounts)

    def gaps(self, bars: BarArrays, grid: TradingGrid, expected: int) -> Iterator[Finding | None]:
        answer, limit = self._rules.gaps, self._rules.max_missing_fraction
        if answer == "off":
            return
        closed = np.flatnonzero(grid.is_closed(bars.open_ts_ms, bars.close_ts_ms))
        detail = f"a bar lies outside the sessions of {self._question.clock.calendar}"
        yield self.rows(_Kind("sessions", detail, answer, 0.0, _SESSIONS_MEND), bars, closed, expected)
        rows, ts_ms, amounts = _missing(bars, grid) if self._days is None else _missing_in(bars, grid, self._days)
        yield _finding(_Kind("gaps", "bars are missing", answer, limit, _GAPS_MEND), rows, ts_ms, expected, amounts)

    def anomalies(self, bars: BarArrays, expected: int) -> Iterator[Finding | None]:
        rules = self._rules
        if rules.outliers != "off" or rules.splits != "off":
            yield from self._prices(bars, expected)
        if rules.stale != "off":
            starts, lengths = stale_runs(bars.close, rules.stale_bars)
            detail = f"the close stands still for {rules.stale_bars} bars or more"
            kind = _Kind("stale", detail, rules.stale, rules.max_stale_fraction, _STALE_MEND)
            yield self.rows(kind, bars, starts, expected, lengths)
        if rules.volume != "off":
            kind = _Kind("volume", "no volume", rules.volume, rules.max_zero_volume_fraction, _NO_VOLUME_MEND)
            yield self.rows(kind, bars, np.flatnonzero(bars.volume == 0.0), expected)
            detail = f"volume is over {rules.volume_spike_ratio:g} times what is usual around it"
            kind = _Kind("volume", detail, rules.volume, rules.max_volume_spike_fraction, _SPIKE_MEND)
            yield self.rows(kind, bars, volume_spikes(bars.volume, rules.volume_spike_ratio), expected)

    def _prices(self, bars: BarArrays, expected: int) -> Iterator[Finding | None]:
        rules = self._rules
        found = price_anomalies(bars, rules.outlier_sigmas, rules.outlier_least_move)
        if rules.outliers != "off":
            detail = f"a price is over {rules.outlier_sigmas:g} local volatilities away and comes back"
            spared = 1 if self._days is None else 0  # a takeover in a year of an illiquid share is no bad feed
            kind = _Kind("outliers", detail, rules.outliers, rules.max_outlier_fraction, _OUTLIERS_MEND, spared)
            yield self.rows(kind, bars, np.union1d(found.closes, found.extremes), expected)
        if rules.splits != "off":
            at = found.splits[~np.isin(found.splits, np.searchsorted(bars.open_ts_ms, self._question.splits_ts_ms))]
            ratios = ", ".join(split_ratio(bars, int(i)) for i in at[:TOLD])
            detail = f"the open looks like a split of {ratios} that is neither adjusted for nor listed"
            yield self.rows(_Kind("splits", detail, rules.splits, 0.0, _SPLITS_MEND), bars, at, expected)

    def _asked(self, ts_ms: _Ints) -> NDArray[np.bool_]:
        if self._days is None:
            return np.ones(ts_ms.size, dtype=bool)
        return np.asarray((ts_ms >= self._days.start_ms) & (ts_ms < self._days.end_ms))


def _finding(kind: _Kind, rows: _Ints, ts_ms: _Ints, expected: int, amounts: _Ints | None) -> Finding | None:
    if rows.size == 0:
        return None
    count = rows.size if amounts is None else int(amounts.sum())
    allowed = max(kind.limit * expected, kind.spared)
    severity: Severity = "note" if kind.answer == "off" or count <= allowed else kind.answer
    return Finding(kind.check, kind.detail, severity, rows, ts_ms, count, expected, kind.limit, kind.mend, amounts)


def _missing(bars: BarArrays, grid: TradingGrid) -> tuple[_Ints, _Ints, _Ints]:
    """Return the row behind each gap, the first time missing and how many bars are."""
    gaps = np.flatnonzero(bars.open_ts_ms[1:] > bars.close_ts_ms[:-1])
    first, last = grid.index(bars.close_ts_ms[gaps]), grid.index(bars.open_ts_ms[gaps + 1])
    real = last > first
    opens, _ = grid.bars(first[real])
    return bars.row[gaps[real] + 1], opens, (last - first)[real]


def _missing_in(bars: BarArrays, grid: TradingGrid, days: Days) -> tuple[_Ints, _Ints, _Ints]:
    first, last = grid.index(np.array([days.start_ms, days.end_ms]))
    opens, _ = grid.bars(np.arange(first, last))
    opens = opens[~np.isin(opens, bars.open_ts_ms)]
    behind = np.minimum(np.searchsorted(bars.open_ts_ms, opens), len(bars) - 1)
    rows, firsts, amounts = np.unique(behind, return_index=True, return_counts=True)
    return bars.row[rows], opens[firsts], amounts
