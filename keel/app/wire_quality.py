"""Check the bars of a run before it is simulated, and mend them where the config asks for it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from keel.config.modes import RunConfig
from keel.data.actions import Actions
from keel.data.parquet_file import BarFile
from keel.data.quality.arrays import arrays_of_records
from keel.data.quality.examine import Clock, Question, examine_bars
from keel.data.quality.finding import Finding, told
from keel.data.quality.unchecked import read_unchecked
from keel.data.repair import RepairedBars, read_splits, repair_bars, told_repair
from keel.domain.errors import DataError
from keel.domain.orders import ActionKind

_LOG: Final = logging.getLogger(__name__)

Source: TypeAlias = BarFile | RepairedBars
"""Where a run reads one instrument's bars: the file, or what was made of it in memory."""


def mend(config: RunConfig, files: Sequence[BarFile]) -> list[Source]:
    """Return the bars with the repairs of `quality.repair` done; the files themselves where none is asked for.

    Raises DataError naming the file and row that no repair has mended.
    """
    if not config.quality.repair:
        return list(files)
    bars = [read_unchecked(file.path, config.data.start_ms, config.data.end_ms) for file in files]
    mended: list[Source] = []
    for file, one, splits in zip(files, bars, read_splits(config.quality, bars), strict=True):
        repaired = repair_bars(one, config.quality, file.path, splits)
        for repair in filter(lambda one: one.count, repaired.repairs):
            _say(told_repair(repair, str(file.path)))
        mended.append(repaired)
    return mended


def examine_run(
    config: RunConfig, sources: Sequence[Source], bars: Sequence[NDArray[np.void]], actions: Actions
) -> list[tuple[Finding, ...]]:
    """Check each source's BAR records, where splits that `actions` lists are in order; say what warns.

    `sources` may hold the instruments of `actions` more than once, in the same order. Returns what was found, by
    source. Raises DataError, one line that names the first file that fails, its rows and the mend.
    """
    found = []
    for i, (source, records) in enumerate(zip(sources, bars, strict=True)):
        clock = Clock(source.header.timeframe, source.header.calendar)
        _, findings = examine_bars(
            arrays_of_records(records),
            Question(config.quality, clock, splits_ts_ms=_splits(actions, i % len(actions.starts))),
            checked=True,
        )
        if refused := [finding for finding in findings if finding.severity == "refuse"]:
            raise DataError(told(str(source.path), refused))
        if warned := [finding for finding in findings if finding.severity == "warn"]:
            _say(f"warning: {told(str(source.path), warned)}")
        found.append(findings)
    return found


def _splits(actions: Actions, instrument: int) -> NDArray[np.int64]:
    own = actions.records[actions.starts[instrument] : actions.ends[instrument]]
    return np.asarray(own["ts_ms"][own["kind"] == ActionKind.SPLIT])


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    _LOG.warning("%s", line)
