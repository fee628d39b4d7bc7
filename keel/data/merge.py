"""Joining bars of one instrument from two files without duplicates."""

from __future__ import annotations

import numpy as np
import polars as pl

from keel.data.bars import StoredBars
from keel.domain.errors import DataError
from keel.domain.timeframe import utc_text


def merge(old: StoredBars, new: StoredBars, where: str) -> StoredBars:
    """Return the bars of both, sorted; rows that are in both must be equal. The order of the two changes nothing else.

    Raises DataError, beginning with `where`, if the metadata or columns differ, or naming the row of `new`
    (from 1) whose values differ from those stored.
    """
    _refuse_other_origin(old, new, where)
    stored, opens = old.table["open_ts_ms"].to_numpy(), new.table["open_ts_ms"].to_numpy()
    at = np.minimum(np.searchsorted(stored, opens), stored.size - 1)
    known = stored[at] == opens
    rows = np.flatnonzero(known)
    _refuse_other_values(old.table[at[rows]], new.table[rows], rows, where)
    table = pl.concat([old.table, new.table.filter(pl.Series(~known))]).sort("open_ts_ms")
    return StoredBars(old.instrument_id, old.timeframe, old.feed, old.price_kind, old.calendar, old.timezone, table)


def _refuse_other_origin(old: StoredBars, new: StoredBars, where: str) -> None:
    for key, value in old.metadata().items():
        if (other := new.metadata()[key]) != value:
            raise DataError(
                f"{where}: {key} is {other!r} but the stored bars of {old.instrument_id} {old.timeframe} have "
                f"{value!r}; one file holds one origin: import into another venue name or store"
            )
    if old.table.columns != new.table.columns:
        raise DataError(
            f"{where}: its columns are {', '.join(new.table.columns)} but the stored bars of {old.instrument_id} "
            f"{old.timeframe} have {', '.join(old.table.columns)}; map the same columns"
        )


def _refuse_other_values(stored: pl.DataFrame, given: pl.DataFrame, rows: np.ndarray, where: str) -> None:
    for name in stored.columns:
        left, right = stored[name].to_numpy(), given[name].to_numpy()
        differs = left != right
        if differs.any():
            i = int(differs.argmax())
            time = utc_text(int(given["open_ts_ms"][i]))
            raise DataError(
                f"{where}: row {rows[i] + 1} ({time}): {name} is {right[i]} but the stored bar has {left[i]}; "
                f"bars are never rewritten: leave out the row, or delete the stored file and import afresh"
            )
