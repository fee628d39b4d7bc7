from __future__ import annotations

import zipfile
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_bars import ACME, FIXTURES, NEW_YEAR_2021, hours

from keel.data.importers.columns import POSITIONS, STANDARD_COLUMNS, Target, bars_from_pieces, parse_mapping
from keel.data.importers.csv_file import read_pieces
from keel.data.importers.files import read_csv
from keel.domain.errors import DataError

HOURLY = Target(ACME, "1h", "fixture", "raw")
TABLE = pl.read_csv(FIXTURES / "hourly.csv", infer_schema=False)


def refusal(call) -> str:
    with pytest.raises(DataError) as caught:
        call()
    return str(caught.value)


def cut(table: pl.DataFrame, *places: int):
    edges = [0, *sorted(places), table.height]
    return (table[start:end] for start, end in pairwise(edges))


def outcome(pieces) -> str:
    try:
        return bars_from_pieces(pieces, STANDARD_COLUMNS, HOURLY, "x.csv").content_hash()
    except DataError as error:
        return str(error)


BAD = [
    (3, "timestamp", "2021-01-01T02:00:00Z"),
    (3, "timestamp", "2021-01-01T02:30:00Z"),
    (3, "timestamp", "1609470000000"),
    (3, "timestamp", "2021-01-01 03:00:00"),
    (3, "timestamp", "soon"),
    (2, "high", "1"),
    (3, "volume", "-1"),
    (3, "close", "x"),
    (3, "open", None),
]


@pytest.mark.parametrize(("row", "column", "value"), [(0, "volume", "5"), *BAD])
@settings(max_examples=30, deadline=None)
@given(places=st.lists(st.integers(0, 4), max_size=5))
def test_bars_and_refusals_are_the_same_wherever_a_file_is_cut_into_pieces(row, column, value, places):
    cells = TABLE[column].to_list()
    cells[row] = value
    table = TABLE.with_columns(pl.Series(column, cells, dtype=pl.String))
    assert outcome(cut(table, *places)) == outcome([table])
    assert (outcome([table]) == outcome([TABLE])) == (value == "5")


def test_a_file_larger_than_a_piece_is_read_row_by_row_as_it_stands(tmp_path):
    n = 400_000
    opens = NEW_YEAR_2021 + np.arange(n, dtype=np.int64) * 60_000
    prices = np.round(100 + np.sin(np.arange(n)), 4)
    columns = {"timestamp": opens, **dict.fromkeys(("open", "high", "low", "close"), prices), "volume": 1.5}
    table = pl.DataFrame(columns)
    table.write_csv(tmp_path / "long.csv")
    with zipfile.ZipFile(tmp_path / "long.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "long.csv", "long.csv")
    pieces = list(read_pieces(tmp_path / "long.csv", table.columns, ["close"], header=True))
    assert len(pieces) > 1
    assert sum(piece.height for piece in pieces) == n
    target = Target(ACME, "1m", "fixture", "raw")
    plain = read_csv(tmp_path / "long.csv", STANDARD_COLUMNS, target)
    np.testing.assert_array_equal(plain.table["close"].to_numpy(), prices)
    assert plain.table["close"].n_chunks() == 1
    assert read_csv(tmp_path / "long.zip", STANDARD_COLUMNS, target).content_hash() == plain.content_hash()
    with (tmp_path / "long.csv").open("a") as file:
        file.write(f"{opens[-1] + 60_000},1,1,1,1,x\n")
    told = refusal(lambda: read_csv(tmp_path / "long.csv", STANDARD_COLUMNS, target))
    assert f"row {n + 1}: volume 'x' is no number" in told


def test_csv_without_a_header_is_read_by_the_place_of_its_columns(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text("\n".join((FIXTURES / "hourly.csv").read_text().splitlines()[1:]))
    named = read_csv(FIXTURES / "hourly.csv", STANDARD_COLUMNS, HOURLY)
    assert read_csv(path, POSITIONS, HOURLY, header=False).content_hash() == named.content_hash()
    swapped = parse_mapping("volume=1,timestamp=6", POSITIONS)
    rows = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("\n".join(",".join([row[5], *row[1:5], row[0]]) for row in rows))
    assert read_csv(path, swapped, HOURLY, header=False).content_hash() == named.content_hash()
    told = refusal(lambda: read_csv(path, parse_mapping("open=9", POSITIONS), HOURLY, header=False))
    assert "no column '9' for open" in told
    assert "1, 2, 3, 4, 5, 6" in told


def test_row_with_too_few_cells_is_refused_by_the_cell_it_lacks(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text((FIXTURES / "hourly.csv").read_text().replace("120,6\n", "120\n"))
    assert "row 2: volume is empty" in refusal(lambda: read_csv(path, STANDARD_COLUMNS, HOURLY))


def test_header_twice_the_same_name_takes_the_first(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text("timestamp,open,high,low,close,volume,volume\n" + f"{hours(0)[0]},1,1,1,1,5,6\n")
    assert read_csv(path, STANDARD_COLUMNS, HOURLY).table["volume"].to_list() == [5.0]
