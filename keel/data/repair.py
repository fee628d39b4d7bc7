"""Mending bars, step by step, only where a config or a command asks for it; every step says what it did.

The order is the caller's. What a step makes is bars like any others: their content hash is that of what a run reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.config.quality import QualitySection, RepairStep
from keel.data.actions import TradedBars, no_actions, read_actions
from keel.data.bars import StoredBars
from keel.data.check import check_bars
from keel.data.quality.anomalies import price_anomalies
from keel.data.quality.arrays import PRICES, arrays_of_table
from keel.data.quality.grid import trading_grid
from keel.data.quality.structure import structural_faults
from keel.domain.errors import DataError
from keel.domain.orders import ActionKind

_RANGES_KEPT: Final = 1000
"""Ranges of rows a record lists before it says how many more there are; step and hash still tell them all."""


@dataclass(frozen=True)
class Repair:
    """Record one step: how many bars it changed, which, and the hashes of the bars before and after it.

    `rows` are ranges of row numbers, from 1, in what the step was given; a filled gap is named by the row behind it.
    """

    step: str
    count: int
    rows: tuple[tuple[int, int], ...]
    ranges_left_out: int
    hash_before: str
    hash_after: str

    def as_json(self) -> dict[str, Any]:
        """Return what the manifest holds."""
        return {
            "step": self.step,
            "count": self.count,
            "rows": [list(pair) for pair in self.rows],
            "ranges_left_out": self.ranges_left_out,
            "hash_before": self.hash_before,
            "hash_after": self.hash_after,
        }


@dataclass(frozen=True)
class RepairedBars:
    """Hold mended bars in memory (a `BarSource`), the file they were read from and what was done to them."""

    path: Path
    bars: StoredBars
    repairs: tuple[Repair, ...]

    @property
    def header(self) -> StoredBars:
        """Return what is known of the bars."""
        return self.bars

    def closes(self) -> NDArray[np.int64]:
        """Return all close times, UTC epoch milliseconds."""
        return self.bars.closes()

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Yield the rows in time order."""
        return self.bars.pieces()

    def content_hash(self) -> str:
        """Return the hash of the bars as mended."""
        return self.bars.content_hash()


def read_splits(rules: QualitySection, bars: Sequence[StoredBars]) -> list[NDArray[Any]]:
    """Return the splits that `rules.split_file` lists of each instrument, as ACTION records; none without a file.

    Raises DataError as `read_actions` does, and where the prices are adjusted for splits already.
    """
    if rules.split_file is None:
        return [no_actions(0).records for _ in bars]
    traded = []
    for one in bars:
        first, last = (
            int(cast(int, value or 0)) for value in (one.table["open_ts_ms"].min(), one.table["close_ts_ms"].max())
        )
        traded.append(TradedBars(one.instrument_id.symbol, one.timezone, one.price_kind, first, last))
    actions = read_actions(Path(rules.split_file), traded)
    parts = [actions.records[start:end] for start, end in zip(actions.starts, actions.ends, strict=True)]
    return [part[part["kind"] == ActionKind.SPLIT] for part in parts]


def repair_bars(bars: StoredBars, rules: QualitySection, path: Path, splits: NDArray[Any]) -> RepairedBars:
    """Return bars with the repairs of `rules.repair` done in order; `path` is where they come from.

    `splits` are the ACTION records that split_adjust is to adjust for. Raises DataError if a step cannot be done, or
    naming the first row that still breaks a rule of `check_bars`.
    """
    done = []
    for step in rules.repair:
        mended, rows, count = _STEPS[step](bars, _Order(rules, splits, str(path)))
        ranges = _ranges(rows)
        kept, left_out = ranges[:_RANGES_KEPT], max(len(ranges) - _RANGES_KEPT, 0)
        done.append(Repair(step, count, tuple(kept), left_out, bars.content_hash(), mended.content_hash()))
        bars = mended
    check_bars(bars.table, f"{path}, after {', '.join(rules.repair)}")
    return RepairedBars(path, bars, tuple(done))


@dataclass(frozen=True)
class _Order:
    """Hold what a step needs to know besides the bars."""

    rules: QualitySection
    splits: NDArray[Any]
    where: str


_Done = tuple[StoredBars, NDArray[np.int64], int]
"""The bars, the numbers of the rows concerned, and how many bars were changed."""


def _drop_bad_rows(bars: StoredBars, _order: _Order) -> _Done:
    """Drop rows with a missing or impossible value; times out of order are for `sort` and `drop_duplicates`."""
    return _without(bars, _bad_rows(bars.table))


def _bad_rows(table: pl.DataFrame) -> NDArray[np.int64]:
    times = pl.any_horizontal(pl.col("open_ts_ms", "close_ts_ms").is_null())
    numbers = table.with_row_index("row", offset=1)
    bad = [numbers.filter(times | _lacks_extra(table))["row"].cast(pl.Int64).to_numpy()]
    arrays = arrays_of_table(table)
    for check, _, mask in structural_faults(arrays):
        if check in ("values", "ohlc"):
            bad.append(arrays.row[mask])
    bad.append(arrays.row[arrays.close_ts_ms <= arrays.open_ts_ms])
    return np.unique(np.concatenate(bad))


def _lacks_extra(table: pl.DataFrame) -> pl.Expr:
    extra = [name for name in ("trade_count", "taker_buy_volume") if name in table.columns]
    faults = [pl.col(name).is_null() | (pl.col(name) < 0) | pl.col(name).cast(pl.Float64).is_nan() for name in extra]
    return pl.any_horizontal(pl.lit(value=False), *faults)


def _sort(bars: StoredBars, _order: _Order) -> _Done:
    opens = bars.table["open_ts_ms"].to_numpy()
    moved = np.flatnonzero(np.argsort(opens, kind="stable") != np.arange(opens.size)) + 1
    table = bars.table.sort("open_ts_ms", maintain_order=True) if moved.size else bars.table
    return replace(bars, table=table), moved, moved.size


def _drop_duplicates(bars: StoredBars, _order: _Order) -> _Done:
    """Keep the first row of each time: the first closed bar wins, a revision is never traded."""
    first = bars.table["open_ts_ms"].is_first_distinct().to_numpy()
    return _without(bars, np.flatnonzero(~first) + 1)


def _drop_outliers(bars: StoredBars, order: _Order) -> _Done:
    check_bars(bars.table, f"{order.where}, before drop_outliers")
    found = price_anomalies(arrays_of_table(bars.table), order.rules.outlier_sigmas, order.rules.outlier_least_move)
    return _without(bars, np.union1d(found.closes, found.extremes) + 1)


def _forward_fill(bars: StoredBars, order: _Order) -> _Done:
    """Fill gaps of the trading calendar with bars at the close before, volume 0, so that nothing fills in them."""
    check_bars(bars.table, f"{order.where}, before forward_fill")
    opens, closes = (bars.table[name].to_numpy() for name in ("open_ts_ms", "close_ts_ms"))
    grid = trading_grid(bars.timeframe, bars.calendar, opens)
    behind = np.flatnonzero(opens[1:] > closes[:-1]) + 1
    first, counts = grid.index(closes[behind - 1]), np.zeros(behind.size, dtype=np.int64)
    np.maximum(grid.index(opens[behind]) - first, 0, out=counts)
    total = int(counts.sum())
    before = np.repeat(behind - 1, counts)
    numbers = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(total)
    made, ends = grid.bars(numbers)
    filled = pl.DataFrame({"open_ts_ms": made, "close_ts_ms": np.minimum(ends, opens[before + 1])})
    price = bars.table["close"].gather(before)
    filled = filled.with_columns(*(price.alias(name) for name in PRICES))
    nothing = [pl.lit(0).cast(bars.table.schema[name]).alias(name) for name in bars.table.columns[6:]]
    table = pl.concat([bars.table, filled.with_columns(nothing).select(bars.table.columns)]).sort("open_ts_ms")
    return replace(bars, table=table), behind[counts > 0] + 1, total


def _split_adjust(bars: StoredBars, order: _Order) -> _Done:
    """Divide prices and multiply volumes before each split by its ratio; raw prices become `split` prices."""
    if bars.price_kind != "raw":
        raise DataError(
            f"{order.where}: prices are {bars.price_kind}, adjusted for splits already: take split_adjust out of the "
            f"repairs"
        )
    check_bars(bars.table, f"{order.where}, before split_adjust")
    opens = bars.table["open_ts_ms"].to_numpy()
    factor = np.ones(opens.size)
    for split in order.splits:
        factor[: int(np.searchsorted(opens, split["ts_ms"]))] *= float(split["value"])
    scaled = pl.Series(factor)
    volumes = [name for name in ("volume", "taker_buy_volume") if name in bars.table.columns]
    table = bars.table.with_columns(pl.col(*PRICES) / scaled, pl.col(*volumes) * scaled)
    changed = np.flatnonzero(factor != 1.0) + 1
    return replace(bars, table=table, price_kind="split"), changed, changed.size


_STEPS: Final[Mapping[RepairStep, Callable[[StoredBars, _Order], _Done]]] = MappingProxyType(
    {
        "drop_bad_rows": _drop_bad_rows,
        "sort": _sort,
        "drop_duplicates": _drop_duplicates,
        "drop_outliers": _drop_outliers,
        "forward_fill": _forward_fill,
        "split_adjust": _split_adjust,
    }
)


def _without(bars: StoredBars, rows: NDArray[np.int64]) -> _Done:
    keep = np.ones(bars.table.height, dtype=bool)
    keep[rows - 1] = False
    return replace(bars, table=bars.table.filter(pl.Series(keep))), rows, rows.size


def _ranges(rows: Sequence[int] | NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return sorted row numbers as ranges, both ends included."""
    numbers = np.asarray(rows)
    if numbers.size == 0:
        return []
    breaks = np.flatnonzero(np.diff(numbers) > 1)
    starts, ends = numbers[np.concatenate([[0], breaks + 1])], numbers[np.concatenate([breaks, [numbers.size - 1]])]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def told_repair(repair: Repair, path: str) -> str:
    """Return one line that says what a step did."""
    if repair.count == 0:
        return f"{path}: {repair.step}: nothing to do"
    first, last = repair.rows[0]
    rows = f"row {first:,}" if first == last else f"rows {first:,} to {last:,}"
    more = len(repair.rows) - 1 + repair.ranges_left_out
    return f"{path}: {repair.step} changed {repair.count:,} bars: {rows}" + (
        f" and {more:,} more places" if more else ""
    )
