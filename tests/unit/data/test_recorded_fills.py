from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from keel.data.recorded_fills import parse_fill_columns, read_recorded_fills
from keel.domain.errors import DataError, UsageError

DESK = Path(__file__).resolve().parents[2] / "fixtures" / "fills" / "desk.csv"
NAMES = (
    "symbol=ticker,side=direction,qty=size,price=px,reference_price=mid,time=filled_at,submitted=sent_at,"
    "response=heard_at"
)
GOOD = {
    "time": "2024-03-04T09:43:28.245Z",
    "submitted": "2024-03-04T09:43:28.209Z",
    "side": "BUY",
    "qty": "2",
    "price": "101.5",
    "reference_price": "101.4",
    "bar_volume": "800",
}


def written(folder: Path, *rows: dict[str, str]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(names), *(",".join(row.get(name, "") for name in names) for row in rows)]
    path = folder / "fills.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path: Path, timezone: str | None = None) -> pl.DataFrame:
    return read_recorded_fills(path, {}, timezone).table


def test_desk_s_own_file_is_read_by_its_own_names_in_any_order():
    recorded = read_recorded_fills(DESK, parse_fill_columns(NAMES), None)
    assert recorded.not_read == ("fill", "note")
    assert recorded.table.height == 60
    first = recorded.table.row(0, named=True)
    assert (first["symbol"], first["side"], first["ts_ms"]) == ("ACME", 1, 1_709_545_408_245)
    assert first["submitted_ts_ms"] < first["ts_ms"] < first["response_ts_ms"]
    assert first["accepted_ts_ms"] is None
    assert recorded.table["ts_ms"].is_sorted()


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("price", "NaN", "row 2: price NaN is no finite number"),
        ("price", "", "row 2: price None is empty"),
        ("qty", "-3", "row 2: qty -3 is not above 0"),
        ("qty", "two", "row 2: qty two is no number"),
        ("side", "hold", "row 2: side hold is no side: write BUY or SELL"),
        ("side", "", "row 2: side None is no side"),
        ("bar_volume", "0", "row 2: bar_volume 0 is not above 0"),
        ("reference_price", "inf", "row 2: reference_price inf is no finite number"),
        (
            "time",
            "2024-03-04T09:43:28.100Z",
            "row 2: ts_ms: it was filled at 2024-03-04 09:43:28.100 UTC, before it was",
        ),
        ("time", "yesterday", "row 2: time yesterday is no time"),
        ("submitted", "soon", "row 2: submitted soon is no time"),
    ],
)
def test_bad_row_is_refused_with_file_row_and_column(tmp_path, column, value, told):
    path = written(tmp_path, GOOD, GOOD | {column: value})
    with pytest.raises(DataError) as refused:
        read(path)
    assert str(refused.value).startswith(f"{path}: {told}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "no such file"),
        ("", "the file is empty"),
        ("time,side,qty,price\n", "there is a header but no row below it"),
        ("time,side,qty,prices\n", "no column price (did you mean 'prices'?); its columns are time, side, qty, prices"),
        ("side,qty,price\n", "no column ts_ms (or time)"),
    ],
)
def test_file_without_fills_is_refused(tmp_path, text, told):
    path = tmp_path / "fills.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=r"fills\.csv") as refused:
        read(path)
    assert told in str(refused.value)


def test_damaged_parquet_is_refused(tmp_path):
    path = tmp_path / "fills.parquet"
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match="cannot be read"):
        read(path)


def test_unknown_column_of_the_mapping_is_refused_on_either_side(tmp_path):
    with pytest.raises(UsageError, match=r"'cost' is no column of a fill"):
        parse_fill_columns("cost=px")
    with pytest.raises(UsageError, match="is not NAME=COLUMN"):
        parse_fill_columns("price")
    with pytest.raises(DataError, match=r"no column 'pricee' for price \(did you mean 'price'\?\)"):
        read_recorded_fills(written(tmp_path, GOOD), {"price": "pricee"}, None)


@pytest.mark.parametrize("stamp", ["1709545408", "1709545408245", "1709545408245999", "1709545408245999999"])
def test_epoch_stamps_of_any_unit_are_cut_to_milliseconds(tmp_path, stamp):
    row = {name: value for name, value in GOOD.items() if name != "submitted"}
    assert read(written(tmp_path, row | {"time": stamp}))["ts_ms"][0] // 1000 == 1_709_545_408


def test_naive_times_need_a_zone(tmp_path):
    path = written(tmp_path, {name: value.removesuffix("Z") for name, value in GOOD.items()})
    with pytest.raises(DataError, match="add --timezone UTC"):
        read(path)
    assert read(path, "America/New_York")["ts_ms"][0] - read(path, "UTC")["ts_ms"][0] == 5 * 3_600_000


def test_optional_values_may_be_missing_row_by_row(tmp_path):
    table = read(written(tmp_path, GOOD, GOOD | {"submitted": "", "bar_volume": ""}))
    assert table["submitted_ts_ms"].null_count() == 1
    assert np.isnan(table["bar_volume"].to_numpy()).sum() == 1


def test_liquidations_are_no_fills_of_ours(tmp_path):
    table = read(written(tmp_path, GOOD | {"reason": ""}, GOOD | {"reason": "LIQUIDATION"}))
    assert table["row"].to_list() == [1]


def test_fills_without_an_order_are_orders_of_their_own(tmp_path):
    table = read(written(tmp_path, *(GOOD | {"order_id": each} for each in ("7", "7", "", ""))))
    assert table["order"].n_unique() == 3
