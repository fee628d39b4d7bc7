"""Give any bytes to everything that reads bars, actions or column names, as the import commands do."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from fuzz.bar_rules import assert_bars_hold, assert_same_as_python_reads
from fuzz.oracle import taken_or_refused
from keel.config.quality import QualitySection
from keel.data.actions import TradedBars, read_actions
from keel.data.bars import StoredBars
from keel.data.importers.binance import binance_target, read_binance
from keel.data.importers.columns import POSITIONS, STANDARD_COLUMNS, Target, parse_mapping
from keel.data.importers.files import freqtrade_target, read_csv, read_freqtrade, read_parquet, read_yahoo
from keel.data.importers.lean import read_lean
from keel.data.quality.arrays import arrays_of_table
from keel.data.quality.examine import Clock, Question, examine_bars
from keel.data.quality.raw_file import Layout, read_raw
from keel.data.quality.unchecked import read_unchecked
from keel.data.repair import repair_bars
from keel.data.resample import resample
from keel.data.store import BarStore
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import timeframe_ms

_FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "bars"
ACME = InstrumentId("testing", "ACME/USDT")
EXTRA = {**STANDARD_COLUMNS, "trade_count": "count", "taker_buy_volume": "taker"}
LONGER = {"1m": "1h", "1h": "4h", "1d": "1w"}
_DECADE_MS = 10**12


@dataclass(frozen=True)
class Foreign:
    """Say how the bytes of one kind of foreign file come to be bars.

    `inside` names the file in a zip that is put around the bytes. `columns` are those of a CSV that Python reads for
    comparison, `aware` says that it can tell the times.
    """

    file: str
    read: Callable[[Path], StoredBars]
    inside: str | None = None
    columns: tuple[str, ...] = ()
    header: bool = True
    aware: bool = True
    divisor: float = 1.0


def _target(timeframe: str = "1h", calendar: str = "24/7", timezone: str | None = None, **more: Any) -> Target:
    return Target(ACME, timeframe, "fuzz", "raw", calendar, timezone, **more)


def _csv(target: Target, mapping: Mapping[str, str] = STANDARD_COLUMNS, *, header: bool = True) -> Any:
    return lambda path: read_csv(path, mapping, target, header=header)


def _binance(path: Path) -> StoredBars:
    return read_binance(path, binance_target(path, "testing", None, None))


def _nothing_told(_rows: int) -> None:
    return


_PLAIN = tuple(STANDARD_COLUMNS.values())
_PLACES = tuple(POSITIONS.values())
_YAHOO = ("Date", "Open", "High", "Low", "Close", "Volume")
FOREIGN: dict[str, Foreign] = {
    "csv": Foreign("x.csv", _csv(_target()), columns=_PLAIN),
    "csv_without_header": Foreign(
        "x.csv", _csv(_target(), POSITIONS, header=False), columns=_PLACES, header=False
    ),
    "csv_naive": Foreign("x.csv", _csv(_target(timezone="Europe/Berlin")), columns=_PLAIN, aware=False),
    "csv_counted": Foreign("x.csv", _csv(_target(), EXTRA), columns=_PLAIN),
    "csv_daily": Foreign("x.csv", _csv(_target("1d", "XNYS")), columns=_PLAIN, aware=False),
    "csv_hourly": Foreign(
        "x.csv", _csv(_target("1h", "XNYS", "America/New_York", left_out=_nothing_told))
    ),
    "csv_in_zip": Foreign("x.zip", _csv(_target()), inside="x.csv", columns=_PLAIN),
    "zip": Foreign("x.zip", _csv(_target())),
    "binance": Foreign("ACME-1h-2021-01.csv", _binance),
    "binance_in_zip": Foreign("ACME-1h-2021-01.zip", _binance, inside="ACME-1h-2021-01.csv"),
    "lean": Foreign(
        "acme.zip", lambda path: read_lean(path, "testing"), "acme.csv", _PLACES, header=False, aware=False, divisor=1e4
    ),
    "lean_minutes": Foreign(
        "acme.zip", lambda path: read_lean(path, "testing"), "20201127_acme_minute_trade.csv", _PLACES,
        header=False, aware=False, divisor=1e4,
    ),
    "lean_zip": Foreign("acme.zip", lambda path: read_lean(path, "testing", left_out=_nothing_told)),
    "yahoo": Foreign("ACME.csv", lambda path: read_yahoo(path, _target("1d", "XNYS")), columns=_YAHOO, aware=False),
    "parquet": Foreign("x.parquet", lambda path: read_parquet(path, STANDARD_COLUMNS, _target(timezone="UTC"))),
    "parquet_daily": Foreign("x.parquet", lambda path: read_parquet(path, STANDARD_COLUMNS, _target("1d", "XNYS"))),
    "freqtrade": Foreign(
        "ACME_USDT-1h.feather", lambda path: read_freqtrade(path, freqtrade_target(path, "testing", None, None))
    ),
}  # fmt: skip


def import_file(kind: str, content: bytes) -> StoredBars | None:
    """Import bytes as a file of one of `FOREIGN`; return the bars, None where they were refused.

    Raises whatever a promise broken raises: an exception other than a UsageError, a line that names no file, bars that
    break a rule or are not those of the file, and anything left in the store after a refusal.
    """
    foreign = FOREIGN[kind]
    with tempfile.TemporaryDirectory() as folder:
        path, store = Path(folder) / foreign.file, BarStore(Path(folder) / "store")
        path.write_bytes(content if foreign.inside is None else zipped(content, foreign.inside))
        bars = taken_or_refused(lambda: _stored(foreign, path, store), str(path))
        if bars is None:
            assert not store.root.exists(), "a refused file left something in the store"
            return None
        assert_bars_hold(bars.table)
        if foreign.columns:
            text = content.decode("utf-8")
            header, divisor, aware = foreign.header, foreign.divisor, foreign.aware
            assert_same_as_python_reads(bars.table, text, foreign.columns, header=header, divisor=divisor, aware=aware)
        _check_store(store, bars)
        _check_longer(bars)
        return bars


def _stored(foreign: Foreign, path: Path, store: BarStore) -> StoredBars:
    bars = foreign.read(path)
    assert store.append_all({str(path): bars}) == {str(path): bars.table.height}
    return bars


def _check_store(store: BarStore, bars: StoredBars) -> None:
    path = store.path(bars.instrument_id, bars.timeframe)
    assert [one for one in store.root.rglob("*") if one.is_file()] == [path]
    again = store.read(bars.instrument_id, bars.timeframe)
    assert again.metadata() == bars.metadata()
    assert again.table.rechunk().equals(bars.table)
    assert again.content_hash() == bars.content_hash()
    assert store.append(bars) == 0
    opens = bars.table["open_ts_ms"]
    first = store.read(bars.instrument_id, bars.timeframe, None, int(opens[0]) + 1)
    assert first.table.height == 1


def _check_longer(bars: StoredBars) -> None:
    longer = LONGER.get(bars.timeframe)
    if longer is None or int(bars.table["open_ts_ms"][-1] - bars.table["open_ts_ms"][0]) > _DECADE_MS:
        return
    made = taken_or_refused(lambda: resample(bars, longer), str(bars.instrument_id), longer)
    if made is not None:
        assert_bars_hold(made.table)
        assert made.table["high"].max() <= bars.table["high"].max()
        assert made.table["open_ts_ms"][0] >= bars.table["open_ts_ms"][0] - timeframe_ms(longer)


def read_action_file(content: bytes, suffix: str) -> None:
    """Read bytes as splits, dividends and funding of two instruments."""
    traded = [
        TradedBars("ACME/USDT", "UTC", "raw", 1_577_836_800_000, 1_640_995_200_000),
        TradedBars("SPY", "America/New_York", "split", 1_577_836_800_000, 1_640_995_200_000),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{suffix}"
        path.write_bytes(content)
        actions = taken_or_refused(lambda: read_actions(path, traded), str(path))
    if actions is None:
        return
    for start, end, one in zip(actions.starts, actions.ends, traded, strict=True):
        stamps = actions.records["ts_ms"][start:end].tolist()
        assert stamps == sorted(stamps)
        assert all(one.first_open_ts_ms < ts < one.last_close_ts_ms for ts in stamps)
    values = actions.records["value"].tolist()
    assert all(abs(value) < float("inf") for value in values)
    assert len(actions.content_hash([one.symbol for one in traded])) == 64


def read_foreign_as_it_is(content: bytes, file: str, calendar: str = "24/7") -> None:
    """Read and check bytes as validate_data.py does with a file that has not been imported, mend and check again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        path.write_bytes(content)
        read = taken_or_refused(lambda: read_raw(path, Layout({}, calendar, "UTC")), str(path))
        if read is None:
            return
        table, timeframe = read
        clock = Clock(timeframe, calendar)
        arrays = arrays_of_table(table)
        examined = taken_or_refused(lambda: examine_bars(arrays, Question(QualitySection(), clock)), calendar)
        assert examined is None or examined[0] >= 0
        steps = ("drop_bad_rows", "sort", "drop_duplicates")
        bars = StoredBars(ACME, timeframe, "fuzz", "raw", calendar, "UTC", table)
        rules = QualitySection(repair=steps)
        repaired = taken_or_refused(lambda: repair_bars(bars, rules, path, _no_splits()), str(path))
        if repaired is not None:
            assert_bars_hold(repaired.bars.table)


def _no_splits() -> Any:
    from keel.data.actions import no_actions

    return no_actions(0).records


def read_stored_file(content: bytes) -> None:
    """Read bytes as the store's own file, with and without its checks, and what the store says of its contents."""
    with tempfile.TemporaryDirectory() as folder:
        store = BarStore(Path(folder) / "store")
        path = store.path(ACME, "1h")
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        bars = taken_or_refused(lambda: store.read(ACME, "1h"), str(path))
        if bars is not None:
            assert_bars_hold(bars.table.rechunk())
        taken_or_refused(lambda: store.read(ACME, "1h", 1_609_462_800_000, 1_609_470_000_000), str(path))
        taken_or_refused(lambda: read_unchecked(path).table, str(path))
        taken_or_refused(store.contents, str(path))
        assert [one for one in store.root.rglob("*") if one.is_file()] == [path]


def read_column_names(text: str) -> None:
    """Read text as the value of --columns."""
    mapping = taken_or_refused(lambda: parse_mapping(text), "--columns")
    assert mapping is None or set(STANDARD_COLUMNS) <= set(mapping)


def zipped(content: bytes, inside: str) -> bytes:
    """Return a zip that holds one file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(inside, content)
    return made.getvalue()


WAYS: dict[str, Callable[[bytes], object]] = {
    **{kind: (lambda content, kind=kind: import_file(kind, content)) for kind in FOREIGN},
    "actions": lambda content: read_action_file(content, ".csv"),
    "actions_parquet": lambda content: read_action_file(content, ".parquet"),
    "raw_csv": lambda content: read_foreign_as_it_is(content, "x.csv"),
    "raw_daily": lambda content: read_foreign_as_it_is(content, "x-1d.csv", "XNYS"),
    "raw_zip": lambda content: read_foreign_as_it_is(content, "x.zip"),
    "raw_parquet": lambda content: read_foreign_as_it_is(content, "x.parquet"),
    "raw_feather": lambda content: read_foreign_as_it_is(content, "x.feather"),
    "stored": read_stored_file,
    "columns": lambda content: read_column_names(content.decode("utf-8", "surrogateescape")),
}
"""Everything that reads a foreign file, by name."""
_NAMES = tuple(WAYS)


def import_bytes(data: bytes) -> None:
    """Read bytes in the way that the first of them says."""
    if data:
        WAYS[_NAMES[data[0] % len(_NAMES)]](data[1:])


def as_bytes(kind: str, content: bytes) -> bytes:
    """Return what `import_bytes` reads as content of this kind."""
    return bytes([_NAMES.index(kind)]) + content


def seeds() -> dict[str, bytes]:
    """Return inputs to begin with, made of the fixtures, by name."""
    found = {one.name: one.read_bytes() for one in sorted(_FIXTURES.glob("*")) if one.stat().st_size}
    hourly, parquet, feather = found["hourly.csv"], found["hourly.parquet"], found["ACME_USDT-1h.feather"]
    counted = "timestamp,open,high,low,close,volume,count,taker\n1609459200000,1e2,111,99,110,5,10,2.5\n"
    epoch = "1609459200,100,111,99,110,5\n1609462800,110,122,108,120,6\n"
    naive = hourly.replace(b"T", b" ").replace(b"Z", b"")
    standard = _as_parquet(hourly, numbers=True)
    daily = b"timestamp,open,high,low,close,volume\n2020-11-25,100,111,99,110,5\n2020-11-27,110,122,108,120,6\n"
    kline = "1609459200000,100,111,99,110,5,1609462799999,550,10,2.5,275,0\n"
    dollars = "20201125 00:00,1000000,1110000,990000,1103800,5000\n20201127 00:00,1100000,1220000,1080000,1200000,60\n"
    minutes = "34200000,1000000,1110000,990000,1103800,50\n34260000,1100000,1220000,1080000,1200000,60\n"
    actions = b"time,symbol,kind,value\n2021-01-04,ACME/USDT,split,4\n2021-02-05T05:00:00Z,SPY,dividend,0.82\n"
    by_kind = {
        "csv": [hourly, b"\xef\xbb\xbf" + hourly.replace(b"\n", b"\r\n")],
        "csv_without_header": [epoch.encode()],
        "csv_naive": [naive],
        "csv_counted": [counted.encode()],
        "csv_daily": [daily],
        "csv_hourly": [naive.replace(b"2021-01-01 0", b"2021-01-04 1")],
        "csv_in_zip": [hourly],
        "zip": [zipped(hourly, "x.csv")],
        "binance": [kline.encode(), kline.replace("9200000", "9200000000").replace("2799999", "2799999999").encode()],
        "binance_in_zip": [kline.encode()],
        "lean": [dollars.encode(), dollars.replace("00:00", "10:00").encode()],
        "lean_minutes": [minutes.encode()],
        "lean_zip": [zipped(dollars.encode(), "acme.csv")],
        "yahoo": [found["ACME.csv"]],
        "parquet": [parquet, standard],
        "parquet_daily": [_as_parquet(daily, numbers=True)],
        "freqtrade": [feather],
        "actions": [actions],
        "actions_parquet": [_as_parquet(actions)],
        "raw_csv": [hourly, epoch.encode()],
        "raw_daily": [daily],
        "raw_zip": [zipped(hourly, "x.csv")],
        "raw_parquet": [parquet],
        "raw_feather": [feather],
        "stored": [_stored_bytes(hourly)],
        "columns": [b"timestamp=t,open=o,trade_count=n"],
    }
    assert set(by_kind) == set(WAYS)
    return {
        f"{kind}-{number}": as_bytes(kind, content)
        for kind, contents in by_kind.items()
        for number, content in enumerate(contents)
    }


def _as_parquet(text: bytes, *, numbers: bool = False) -> bytes:
    made = io.BytesIO()
    pl.read_csv(text, infer_schema=numbers, try_parse_dates=numbers).write_parquet(made)
    return made.getvalue()


def _stored_bytes(text: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path, store = Path(folder) / "x.csv", BarStore(Path(folder))
        path.write_bytes(text)
        return store.write(FOREIGN["csv"].read(path)).read_bytes()


WORDS = (
    b"nan", b"inf", b"-inf", b"1e309", b"1e-400", b"5e-324", b"-0.0", b"0", b"-1", b"null", b"1_0", b"0x1p3",
    b"9223372036854775807", b"9223372036854775806", b"-9223372036854775808", b"18446744073709551616",
    b"1609459200", b"1609459200000", b"1609459200000000", b"1609459200000000000", b"9007199254740993",
    b"0001-01-01", b"9999-12-31", b"2021-03-28 02:30", b"2021-10-31 02:30", b"T24:00:00Z", b"23:59:60", b"+14:00",
    b"-99:99", b"\r\n", b"\r", b"\n\n", b'"', b'""', b"\x00", b"\xff", b"\xc2\x85", b"\xe2\x80\xa8", b"\xd9\xa1",
    b"\xef\xbb\xbf", b"PK\x03\x04", b"PAR1", b"ARROW1", b"timestamp", b"open", b"high", b"low", b"close", b"volume",
    b"split", b"dividend", b"funding",
)  # fmt: skip
"""Pieces of files that were trouble somewhere once."""
