"""Random files of bars: well-formed ones with what they hold, and ones in which something is wrong."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import polars as pl
from hypothesis import strategies as st

from fuzz.importing import FOREIGN, WAYS, WORDS, as_bytes, import_file, seeds, zipped
from keel.domain.timeframe import MS_PER_HOUR

NEW_YEAR_2021 = 1_609_459_200_000
SESSIONS = ("2020-11-23", "2020-11-24", "2020-11-25", "2020-11-27", "2020-11-30", "2020-12-01", "2020-12-02")
_HEADER = "timestamp,open,high,low,close,volume"
_BINARY = ("zip", "lean_zip", "parquet", "parquet_daily", "freqtrade", "actions_parquet", "raw_zip", "raw_parquet",
           "raw_feather", "stored")  # fmt: skip


@dataclass(frozen=True)
class Written:
    """Hold a well-formed file of one of `FOREIGN` and its bars: open times (None: by calendar), prices, volume."""

    kind: str
    content: bytes
    opens: list[int] | None
    prices: dict[str, list[float]]


@st.composite
def columns(draw: st.DrawFn, rows: int, price: st.SearchStrategy[float]) -> dict[str, list[float]]:
    """Draw prices within low and high, and volumes."""
    table: dict[str, list[float]] = {name: [] for name in ("open", "high", "low", "close", "volume")}
    for _ in range(rows):
        low, one, other, high = sorted(draw(st.tuples(price, price, price, price)))
        first, last = (one, other) if draw(st.booleans()) else (other, one)
        for name, value in (("open", first), ("high", high), ("low", low), ("close", last)):
            table[name].append(value)
        table["volume"].append(draw(st.floats(0.0, 1e15) | st.just(0.0)))
    return table


@st.composite
def well_formed(draw: st.DrawFn) -> Written:
    """Draw a file that an importer must take, in any spelling of times and numbers that it reads."""
    kind = draw(st.sampled_from([kind for kind in FOREIGN if kind not in ("csv_hourly", "csv_counted", "lean_zip")]))
    daily = kind in ("csv_daily", "yahoo", "lean", "parquet_daily")
    numbers = sorted(draw(st.sets(st.integers(0, 6 if daily else 9), min_size=1, max_size=7)))
    if kind.startswith("lean"):
        price: st.SearchStrategy[float] = st.integers(1, 10**9).map(float)
    else:
        price = st.floats(1e-300, 1e300) | st.floats(1e-4, 1e6) | st.sampled_from([0.1, 2.225073858507201e-308, 5e-324])
    table = draw(columns(len(numbers), price))
    opens = None if daily or kind == "lean_minutes" else [NEW_YEAR_2021 + one * MS_PER_HOUR for one in numbers]
    stamps = _stamps(draw, kind, numbers)
    prices = {name: [one / 1e4 for one in values] for name, values in table.items()} if "lean" in kind else table
    return Written(kind, _file(draw, kind, stamps, table), opens, prices | {"volume": table["volume"]})


def _stamps(draw: st.DrawFn, kind: str, numbers: list[int]) -> list[Any]:
    if kind in ("csv_daily", "yahoo"):
        return [SESSIONS[one] for one in numbers]
    if kind == "lean":
        return [SESSIONS[one].replace("-", "") + " 00:00" for one in numbers]
    if kind == "lean_minutes":
        return [34_200_000 + one * 60_000 for one in numbers]
    if kind == "parquet_daily":
        return [datetime.fromisoformat(SESSIONS[one]).date() for one in numbers]
    moments = [datetime(2021, 1, 1, tzinfo=UTC) + timedelta(hours=one) for one in numbers]
    if kind in ("parquet", "freqtrade"):
        return moments
    if kind == "csv_naive":  # Europe/Berlin in winter
        return [(one + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M") for one in moments]
    ms = [int(one.timestamp()) * 1000 for one in moments]
    if kind.startswith("binance"):
        return ms
    spelled = draw(st.sampled_from(["s", "ms", "us", "ns", "iso", "offset"]))
    if spelled == "iso":
        return [one.strftime("%Y-%m-%dT%H:%M:%SZ") for one in moments]
    if spelled == "offset":
        return [(one + timedelta(hours=2)).strftime("%Y-%m-%d %H:%M:%S.000+02:00") for one in moments]
    return [one * {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[spelled] // 1000 for one in ms]


def _file(draw: st.DrawFn, kind: str, stamps: list[Any], table: dict[str, list[float]]) -> bytes:
    if kind in ("parquet", "parquet_daily", "freqtrade"):
        name = "date" if kind == "freqtrade" else "timestamp"
        return as_parquet_or_feather(pl.DataFrame({name: stamps} | table), feather=kind == "freqtrade")
    whole = kind.startswith("lean")
    cells = [[str(stamp)] for stamp in stamps]
    for name in table:
        for row, value in zip(cells, table[name], strict=True):
            row.append(str(int(value)) if whole and name != "volume" else repr(value))
    if kind.startswith("binance"):
        cells = [[*row, str(stamp + MS_PER_HOUR - 1), "0", "1", "0", "0", "0"] for row, stamp in zip(cells, stamps)]  # noqa: B905
    if kind == "yahoo":
        cells = [[*row[:5], "1.0", row[5]] for row in cells]
    headless = kind in ("csv_without_header", "lean", "lean_minutes") or kind.startswith("binance")
    header = "Date,Open,High,Low,Close,Adj Close,Volume" if kind == "yahoo" else _HEADER
    end = draw(st.sampled_from(["\n", "\r\n"]))
    lines = [] if headless else [draw(st.sampled_from(["", "\ufeff"])) + header]
    text = end.join([*lines, *(",".join(row) for row in cells)]) + draw(st.sampled_from(["", end]))
    return zipped(text.encode(), "x.csv") if kind == "zip" else text.encode()


def check_well_formed(written: Written) -> None:
    """Import a well-formed file and assert that every number is the one written, to the bit."""
    bars = import_file(written.kind, written.content)
    assert bars is not None, "a well-formed file was refused"
    for name, values in written.prices.items():
        assert bars.table[name].to_list() == values, name
    if written.opens is not None:
        assert bars.table["open_ts_ms"].to_list() == written.opens


def as_parquet_or_feather(table: pl.DataFrame, *, feather: bool) -> bytes:
    """Return the bytes of a table's file."""
    made = io.BytesIO()
    if feather:
        table.write_ipc(made, compression="uncompressed")
    else:
        table.write_parquet(made)
    return made.getvalue()


_weird = st.sampled_from([word.decode("latin-1") for word in WORDS]) | st.text(max_size=8) | st.floats().map(repr)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw an input for `import_bytes` in which cells, rows or bytes of a good file are changed."""
    data = draw(st.sampled_from(_good_files()))
    kind, content = tuple(WAYS)[data[0]], data[1:]
    if kind not in _BINARY and draw(st.integers(0, 3)):
        content = _damaged_cells(draw, content)
    if kind in _BINARY or not draw(st.integers(0, 3)):
        content = _damaged_bytes(draw, content)
    return data[:1] + content


def _damaged_cells(draw: st.DrawFn, content: bytes) -> bytes:
    rows = [line.split(",") for line in content.decode("utf-8", "replace").split("\n")]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(rows) - 1))
        place = draw(st.integers(0, len(rows[at]) - 1)) if rows[at] else 0
        change = draw(st.sampled_from(["cell", "cell", "cell", "drop", "twice", "swap", "wider", "narrower", "quote"]))
        if change == "cell" and rows[at]:
            rows[at][place] = draw(_weird)
        elif change == "drop" and len(rows) > 1:
            del rows[at]
        elif change == "twice":
            rows.insert(at, list(rows[at]))
        elif change == "swap":
            rows[at], rows[-1] = rows[-1], rows[at]
        elif change == "wider":
            rows[at].append(draw(_weird))
        elif change == "narrower" and rows[at]:
            del rows[at][place]
        elif rows[at]:
            rows[at][place] = f'"{rows[at][place]}"'
    return "\n".join(",".join(row) for row in rows).encode("utf-8", "replace")


def _damaged_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    out = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(out) - 1, 0)))
        change = draw(st.sampled_from(["flip", "word", "cut", "repeat", "zero"]))
        if change == "flip" and out:
            out[at] ^= draw(st.integers(1, 255))
        elif change == "word":
            word = draw(st.sampled_from(WORDS) | st.binary(max_size=8))
            out[at : at + draw(st.integers(0, len(word)))] = word
        elif change == "cut":
            del out[at : at + draw(st.integers(1, 64))]
        elif change == "repeat":
            out[at:at] = out[at : at + 64] * draw(st.integers(1, 20))
        else:
            out[at : at + 8] = bytes(8)
    return bytes(out)


_TYPED = ("parquet", "parquet_daily", "freqtrade", "actions_parquet", "raw_parquet", "raw_feather")
_TYPES: tuple[tuple[pl.DataType, st.SearchStrategy[Any]], ...] = (
    (pl.Float64(), st.floats()),
    (pl.Float32(), st.floats(width=32)),
    (pl.Int64(), st.integers(-(2**63), 2**63 - 1) | st.integers(1, 200)),
    (pl.UInt64(), st.integers(0, 2**64 - 1)),
    (pl.Int8(), st.integers(-128, 127)),
    (pl.String(), _weird),
    (pl.Boolean(), st.booleans()),
    (pl.Date(), st.dates()),
    (pl.Datetime("us"), st.datetimes()),
    (pl.Datetime("ms", "UTC"), st.datetimes(timezones=st.just(UTC))),
    (pl.Datetime("ns", "America/New_York"), st.integers(-(2**62), 2**62)),
    (pl.Duration("us"), st.integers(-(2**40), 2**40)),
    (pl.Time(), st.times()),
    (pl.Binary(), st.binary(max_size=5)),
    (pl.Null(), st.none()),
    (pl.List(pl.Int64()), st.lists(st.integers(-9, 9), max_size=2)),
    (pl.Struct({"a": pl.Int64()}), st.fixed_dictionaries({"a": st.integers(-9, 9)})),
    (pl.Decimal(20, 4), st.decimals(0, 10**6, places=4)),
)


@st.composite
def typed(draw: st.DrawFn) -> bytes:
    """Draw a Parquet or feather file whose columns have any type and value, most of them those of bars."""
    rows = draw(st.integers(0, 4))
    kind = draw(st.sampled_from(_TYPED))
    names = ["time", "symbol", "kind", "value"] if kind == "actions_parquet" else _HEADER.split(",")
    found = {}
    for name in names:
        if draw(st.integers(0, 2)) and name not in ("time", "timestamp", "symbol", "kind"):
            dtype, values = _TYPES[0][0], st.just(1.0)
        elif draw(st.booleans()) and name in ("time", "timestamp"):
            dtype, values = pl.Int64(), st.integers(0, 99).map(lambda hour: NEW_YEAR_2021 + hour * MS_PER_HOUR)
        else:
            dtype, values = draw(st.sampled_from(_TYPES))
        given = [draw(values if draw(st.integers(0, 9)) else st.none()) for _ in range(rows)]
        called = "date" if kind == "freqtrade" and name == "timestamp" else name
        found[called] = pl.Series(name, given, dtype, strict=False)
    feather = kind in ("freqtrade", "raw_feather")
    return as_bytes(kind, as_parquet_or_feather(pl.DataFrame(found), feather=feather))


@cache
def _good_files() -> tuple[bytes, ...]:
    return tuple(seeds().values())
