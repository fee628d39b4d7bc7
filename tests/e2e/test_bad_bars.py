from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .desk import HEADER, Desk, bar_rows, refusal, write_csv

STORED = Path("testing") / "ACME-USDT" / "1h.parquet"
ROWS = bar_rows([100.0, 101.0, 102.0, 103.0, 104.0])
Rows = list[tuple[object, ...]]


def with_cell(row: int, column: str, value: object) -> Rows:
    changed = list(ROWS[row])
    changed[HEADER.index(column)] = value
    return [*ROWS[:row], tuple(changed), *ROWS[row + 1 :]]


def naive() -> Rows:
    return [(str(row[0]).removesuffix("+00:00"), *row[1:]) for row in ROWS]


def imported(desk: Desk, file: str, *more: str) -> str:
    named = ("--venue", "testing", "--symbol", "NEW/USDT", "--timeframe", "1h", "--store", "bars")
    return refusal(desk.script("scripts/import_bars.py", "csv", file, *named, *more))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (with_cell(2, "close", "nan"), ["row 3", "close"]),
        (with_cell(2, "high", "inf"), ["row 3", "high"]),
        (with_cell(2, "low", 0), ["row 3", "low", "above zero"]),
        (with_cell(2, "low", -1), ["row 3", "low", "above zero"]),
        (with_cell(2, "high", 1), ["row 3", "high 1.0 is below low"]),
        (with_cell(2, "close", "hello"), ["row 3", "close", "hello"]),
        ([*ROWS[:3], *ROWS[2:]], ["row 4", "same time"]),
        ([ROWS[1], ROWS[0], *ROWS[2:]], ["row 2", "earlier", "sort"]),
        (naive(), ["row 1", "zone", "--timezone"]),
        ([], ["no row below it"]),
    ],
    ids=["nan", "inf", "zero", "negative", "high below low", "text", "duplicate", "unsorted", "naive", "header only"],
)
def test_bad_row_is_refused_at_the_import_and_nothing_is_stored(desk: Desk, rows: Rows, told: list[str]) -> None:
    write_csv(desk.folder / "bad.csv", rows)
    line = imported(desk, "bad.csv")
    assert line.startswith("bad.csv")
    assert all(part in line for part in told), line
    assert not (desk.folder / "bars").exists()


def test_missing_and_empty_files_are_refused_at_the_import(desk: Desk) -> None:
    (desk.folder / "empty.csv").touch()
    assert imported(desk, "empty.csv").startswith("empty.csv: ")
    assert imported(desk, "none.csv").startswith("none.csv: no such file")


def change(column: str, value: float) -> Callable[[pa.Table], pa.Table]:
    def changed(table: pa.Table) -> pa.Table:
        cells = table[column].to_numpy().copy()
        cells[5] = value
        at = table.schema.get_field_index(column)
        return table.set_column(at, table.schema.field(at), pa.array(cells))

    return changed


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (change("close", np.nan), "row 6 (2021-01-01 05:00 UTC): close is nan"),
        (change("high", np.inf), "row 6 (2021-01-01 05:00 UTC): high is inf"),
        (change("low", 0.0), "row 6 (2021-01-01 05:00 UTC): low is 0.0"),
        (change("high", 1.0), "row 6 (2021-01-01 05:00 UTC): high 1.0 is below low"),
        (change("volume", -1.0), "row 6 (2021-01-01 05:00 UTC): volume is -1.0"),
        (lambda table: table.take([0, 1, 1, 2]), "row 3 (2021-01-01 01:00 UTC): the row above has the same time"),
        (lambda table: table.take([1, 0]), "row 2 (2021-01-01 00:00 UTC): it is earlier"),
        (lambda table: table.slice(0, 0), "no bar below it"),
        (lambda table: table.drop(["volume"]), "no column volume"),
        (lambda table: table.replace_schema_metadata({}), "Keel did not write it"),
    ],
)
def test_bad_bar_in_the_store_is_refused_by_file_and_row(
    desk: Desk, damage: Callable[[pa.Table], pa.Table], told: str
) -> None:
    own = desk.folder / "own" / STORED
    own.parent.mkdir(parents=True)
    pq.write_table(damage(pq.read_table(desk.store / STORED)), own)
    line = desk.refused("--set", "data.store=own")
    assert line.startswith(f"own/{STORED}: ")
    assert told in line


@pytest.mark.parametrize("kept", [0, 1000])
def test_store_file_that_is_cut_short_is_refused_by_name(desk: Desk, kept: int) -> None:
    own = desk.folder / "own" / STORED
    own.parent.mkdir(parents=True)
    own.write_bytes((desk.store / STORED).read_bytes()[:kept])
    line = desk.refused("--set", "data.store=own")
    assert line.startswith(f"own/{STORED}: damaged")
    assert "import the bars again" in line


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (
            "data.symbols=[ACNE/USDT]",
            ["no 1h bars of testing:ACNE/USDT", "did you mean testing:ACME/USDT", "import_bars"],
        ),
        ("data.timeframe=1d", ["no 1d bars of testing:ACME/USDT", "of it are stored 1h"]),
        ("data.store=nowhere", ["nowhere", "the store is empty", "import_bars"]),
        ("data.start=2031-01-01", ["no bar opens from 2031-01-01", "2021-01-01 00:00 UTC", "data.start"]),
        ("market.calendar=XNYS", ["market", "XNYS", "24/7"]),
    ],
)
def test_bars_that_are_not_stored_are_named_beside_those_that_are(desk: Desk, setting: str, told: list[str]) -> None:
    line = desk.refused("--set", setting)
    assert all(part in line for part in told), line
