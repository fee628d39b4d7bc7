"""A run refuses bars that fail, tells what it warns of, and records what was found and what was mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keel.app.wiring import wire_backtest
from keel.config.load import load_config
from keel.data.bars import StoredBars
from keel.data.store import BarStore
from keel.domain.errors import ConfigError, DataError
from keel.domain.instrument import InstrumentId
from keel.runs.manifest import DataRecord

CONFIG = """\
mode: sim
data: {store: bars, venue: testing, symbols: [A/USDT, B/USDT], timeframe: 1h}
strategy: {class: "keel.strategies.buy_and_hold:BuyAndHold"}
"""
HOUR = 3_600_000
START = 1_609_459_200_000
FILE = "bars/testing/B-USDT/1h.parquet"
Wire = Callable[..., tuple[DataRecord, ...]]


def made(symbol: str, hours: list[int]) -> StoredBars:
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(5).normal(0.0, 0.004, max(hours) + 1)))[hours]
    opens = START + HOUR * np.array(hours)
    prices = {"open": close, "high": close * 1.001, "low": close * 0.999, "close": close}
    table = pl.DataFrame({"open_ts_ms": opens, "close_ts_ms": opens + HOUR, **prices, "volume": close * 3})
    return StoredBars(InstrumentId("testing", symbol), "1h", "made up", "raw", "24/7", "UTC", table)


def put(symbol: str, hours: list[int], **values: float) -> StoredBars:
    """Store bars, with values changed in the row of hour 100."""
    bars = made(symbol, hours)
    at = pl.col("open_ts_ms") == START + 100 * HOUR
    changes = [pl.when(at).then(value).otherwise(pl.col(name)).alias(name) for name, value in values.items()]
    bars = replace(bars, table=bars.table.with_columns(changes))
    BarStore(Path("bars")).write(bars)
    return bars


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """Read the bars of the config above, with overrides, in a folder whose store has A, without a fault."""
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(CONFIG)
    put("A/USDT", list(range(300)))

    def run(*overrides: str) -> tuple[DataRecord, ...]:
        loaded = load_config(Path("x.yaml"), overrides)
        return wire_backtest(loaded.deciding, loaded.document)[1]

    return run


GAP = [hour for hour in range(300) if not 50 <= hour < 60]


def test_run_refuses_bars_with_a_gap_by_file_rows_and_mend(wire: Wire) -> None:
    put("B/USDT", GAP)
    with pytest.raises(DataError) as caught:
        wire()
    assert str(caught.value) == (
        f"{FILE}: bars are missing: 10 of 300 bars (3.3%, 1% allowed), 10 before row 51 (2021-01-03 02:00 UTC): get "
        "the bars anew, raise quality.max_missing_fraction, set quality.gaps to warn, or forward_fill (quality.repair)"
    )


def test_answer_and_threshold_are_the_configs(wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    put("B/USDT", GAP)
    first, second = wire("quality.gaps=warn")
    told = capsys.readouterr().err
    assert told.startswith(f"warning: {FILE}: bars are missing: 10 of 300 bars")
    assert told.count("\n") == 1
    assert first.findings == ()
    assert [(one["check"], one["severity"], one["count"]) for one in second.findings] == [("gaps", "warn", 10)]
    (note,) = wire("quality.max_missing_fraction=0.05")[1].findings
    assert note["severity"] == "note"
    assert wire("quality.gaps=off")[1].findings == ()
    assert capsys.readouterr().err == ""


def test_only_the_range_of_the_run_is_checked(wire: Wire) -> None:
    put("B/USDT", GAP)
    assert wire("data.start=2021-01-04")[1].findings == ()


def test_repair_is_for_this_run_told_recorded_and_hashed(wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    stored = put("B/USDT", GAP)
    first, second = wire("quality.repair=[forward_fill]")
    (repair,) = second.repairs
    assert (repair["step"], repair["count"], repair["rows"]) == ("forward_fill", 10, [[51, 51]])
    assert repair["hash_before"] == stored.content_hash()
    assert repair["hash_after"] == second.content_hash
    assert (second.rows, [one["detail"] for one in second.findings]) == (300, ["no volume"])
    assert first.repairs[0]["count"] == 0
    assert f"{FILE}: forward_fill changed 10 bars: row 51\n" in capsys.readouterr().err
    assert BarStore(Path("bars")).read(InstrumentId("testing", "B/USDT"), "1h").table.equals(stored.table)


def test_bars_that_break_a_rule_run_once_they_are_repaired(wire: Wire) -> None:
    put("B/USDT", list(range(300)))
    table = pq.read_table(FILE)
    highs = table["high"].to_numpy().copy()
    highs[100] = 0.5
    pq.write_table(table.set_column(table.schema.get_field_index("high"), "high", pa.array(highs)), FILE)
    with pytest.raises(DataError, match=r"row 101 .*high 0.5 is below low"):
        wire()
    record = wire("quality.repair=[drop_bad_rows]")[1]
    assert (record.repairs[0]["rows"], record.rows) == ([[101, 101]], 299)


def test_split_in_the_actions_of_the_run_is_no_finding(wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    bars = made("B/USDT", list(range(300)))
    after = pl.when(pl.col("open_ts_ms") >= START + 100 * HOUR).then(4.0).otherwise(1.0)
    prices = pl.col("open", "high", "low", "close")
    BarStore(Path("bars")).write(replace(bars, table=bars.table.with_columns(prices / after)))
    assert [one["check"] for one in wire()[1].findings] == ["splits"]
    assert "looks like a split of 4:1" in capsys.readouterr().err
    Path("actions.csv").write_text("time,symbol,kind,value\n2021-01-05T04:00:00Z,B/USDT,split,4\n")
    assert wire("data.actions=actions.csv")[1].findings == ()


def test_splits_of_one_symbol_adjust_that_symbol_only(wire: Wire) -> None:
    put("B/USDT", list(range(300)))
    Path("splits.csv").write_text("time,symbol,kind,value\n2021-01-05T04:00:00Z,B/USDT,split,4\n")
    with pytest.raises(ConfigError, match=r"split_adjust and split_file go together"):
        wire("quality.repair=[split_adjust]")
    first, second = wire("quality.repair=[split_adjust]", "quality.split_file=splits.csv", "quality.splits=off")
    assert (first.price_kind, first.repairs[0]["count"]) == ("split", 0)
    assert (second.price_kind, second.repairs[0]["rows"]) == ("split", [[1, 100]])


def test_finer_bars_are_checked_too(wire: Wire) -> None:
    for symbol in ("A/USDT", "B/USDT"):
        put(symbol, list(range(8, 16)))
        gap = replace(made(symbol, list(range(32))), timeframe="15m")
        quarters = START + 8 * HOUR + HOUR // 4 * np.arange(32)
        table = gap.table.with_columns(open_ts_ms=pl.Series(quarters), close_ts_ms=pl.Series(quarters + HOUR // 4))
        BarStore(Path("bars")).write(replace(gap, table=table.filter(pl.int_range(pl.len()) != 20)))
    with pytest.raises(DataError, match=r"bars/testing/A-USDT/15m.parquet: bars are missing: 1 of 32"):
        wire("data.reference_timeframe=15m", "execution.price_model=reference")
