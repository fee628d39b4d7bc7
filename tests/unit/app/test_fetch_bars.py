"""fetch_bars.py against the practice venue: what is missing is fetched, and nothing else."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from practice_here import MINUTE_MS, START_MS, WARM_UP, Here, practising

from keel.app.cli import run_cli
from keel.app.fetch_bars import fetch_bars
from keel.data.sources.history import PAGE, Fetched, History, Rows, Span
from keel.data.store import BarStore
from keel.domain.errors import RetryableError, UsageError
from keel.domain.instrument import InstrumentId

ROOT = Path(__file__).resolve().parents[3]
GAP = range(100, 130)
BTC, ETH = InstrumentId("binance-practice", "BTC/USDT"), InstrumentId("binance-practice", "ETH/USDT")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """Serve a market whose ETH/USDT has a hole of its own."""
    with practising(tmp_path_factory.mktemp("bars"), without=GAP) as served:
        yield served


def fetch(capsys: pytest.CaptureFixture[str], here: Here, folder: Path, *arguments: str, code: int = 0) -> Any:
    command = ["--address", here.address, "--store", str(folder), "--timeframe", "1m", "--start", "2024-01-01"]
    with pytest.raises(SystemExit) as ended:
        run_cli(fetch_bars, [*command, "--json", *arguments])
    shown = capsys.readouterr()
    assert ended.value.code == code, shown.err
    return json.loads(shown.out) if shown.out else shown.err


def test_bars_are_stored_as_imported_ones_and_a_second_run_adds_nothing(
    capsys: pytest.CaptureFixture[str], here: Here, tmp_path: Path
) -> None:
    (done,) = fetch(capsys, here, tmp_path, "--symbol", "BTC/USDT")
    assert (done["added"], done["gaps"], done["failure"]) == (WARM_UP, [], None)
    assert (done["first_ms"], done["last_ms"]) == (START_MS, START_MS + WARM_UP * MINUTE_MS)
    stored = BarStore(tmp_path).read(BTC, "1m")
    replayed = BarStore(here.folder / "replayed").read(InstrumentId("binance", "BTC/USDT"), "1m").table
    assert stored.table.select("open_ts_ms", "close_ts_ms").equals(
        replayed.head(WARM_UP).select("open_ts_ms", "close_ts_ms")
    )
    np.testing.assert_allclose(stored.table["close"].to_numpy(), replayed["close"].head(WARM_UP).to_numpy(), atol=0.01)
    assert (stored.feed, stored.price_kind, stored.calendar) == ("binance-practice", "raw", "24/7")
    assert {"trade_count", "taker_buy_volume"} <= set(stored.table.columns)
    assert fetch(capsys, here, tmp_path, "--symbol", "BTC/USDT")[0]["added"] == 0


def test_a_hole_in_the_store_is_filled_and_one_of_the_venue_is_told(
    capsys: pytest.CaptureFixture[str], here: Here, tmp_path: Path
) -> None:
    both = ("--symbol", "BTC/USDT", "--symbol", "ETH/USDT")
    fetch(capsys, here, tmp_path, *both)
    store = BarStore(tmp_path)
    whole = store.read(BTC, "1m")
    holed = whole.table.filter(~pl.col("open_ts_ms").is_between(START_MS + 50 * MINUTE_MS, START_MS + 59 * MINUTE_MS))
    store.write(type(whole)(BTC, "1m", whole.feed, "raw", "24/7", "UTC", holed))
    btc, eth = fetch(capsys, here, tmp_path, *both)
    assert (btc["added"], btc["gaps"]) == (10, [])
    assert store.read(BTC, "1m").table.equals(whole.table)
    start_ms = START_MS + GAP.start * MINUTE_MS
    assert eth["added"] == 0
    assert eth["gaps"] == [{"start_ms": start_ms, "end_ms": start_ms + 30 * MINUTE_MS, "bars": 30}]


def test_one_unknown_symbol_fails_alone(capsys: pytest.CaptureFixture[str], here: Here, tmp_path: Path) -> None:
    none, btc = fetch(capsys, here, tmp_path, "--symbol", "DOGE/USDT", "--symbol", "BTC/USDT", code=2)
    assert "Binance has no such symbol" in none["failure"]
    assert btc["added"] == WARM_UP


def test_the_config_says_what_is_wanted(capsys: pytest.CaptureFixture[str], here: Here) -> None:
    with pytest.raises(SystemExit) as ended:
        run_cli(fetch_bars, ["--config", str(here.config()), "--start", "2024-01-01", "--json"])
    assert ended.value.code == 0
    done = json.loads(capsys.readouterr().out)
    assert [one["symbol"] for one in done] == ["BTC/USDT", "ETH/USDT"]
    # the practice venue's prices never go where the real exchange's bars are kept
    assert BarStore(here.folder / "bars").exists(BTC, "1m")
    assert not BarStore(here.folder / "bars").exists(InstrumentId("binance", "BTC/USDT"), "1m")


def test_the_universe_says_which_symbols(
    capsys: pytest.CaptureFixture[str], here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "python -m services.universe" in fetch(capsys, here, tmp_path, "--universe", code=2)
    listed = tmp_path / "data" / "universe" / "symbols.json"
    listed.parent.mkdir(parents=True)
    listed.write_text('{"format": 1, "symbols": [{"symbol": "ETH/USDT"}, {"symbol": "BTC/USDT"}]}')
    done = fetch(capsys, here, tmp_path, "--universe", "--symbol", "BTC/USDT")
    assert [one["symbol"] for one in done] == ["BTC/USDT", "ETH/USDT"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--timeframe", "1m", "--start", "2024-01-01"], "which symbols? Give --symbol"),
        (["--symbol", "BTC/USDT", "--start", "2024-01-01"], "Give --timeframe"),
        (["--symbol", "BTC/USDT", "--timeframe", "1m"], "Give --start"),
        (["--symbol", "BTC/USDT", "--timeframe", "10m", "--start", "2024-01-01"], "Binance gives 1m, 3m"),
        (
            ["--symbol", "BTC/USDT", "--timeframe", "1m", "--start", "2024-01-02", "--end", "2024-01-01"],
            "--end must come after --start",
        ),
        (["--environment", "practice"], "needs it: http://127.0.0.1:8900"),
        (["--environment", "real", "--address", "http://127.0.0.1:1"], "environment real has its own"),
        (["--address", "http://example.com:1"], "expected an address"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], here: Here, tmp_path: Path, arguments: list[str], told: str
) -> None:
    where = [] if any(one in arguments for one in ("--environment", "--address")) else ["--address", here.address]
    with pytest.raises(SystemExit) as ended:
        run_cli(fetch_bars, [*arguments, *where, "--store", str(tmp_path)])
    line = capsys.readouterr().err
    assert ended.value.code == 2
    assert told in line
    assert line.count("\n") == 1


class Market:
    """Give minute bars that open from 0 on, some of them missing, and fail where it is told to."""

    def __init__(self, bars: int, missing: Sequence[int] = (), fails_at: int | None = None) -> None:
        self.bars, self.missing, self.fails_at = bars, set(missing), fails_at
        self.asked: list[tuple[int, int]] = []

    def row(self, number: int) -> list[Any]:
        at = number * MINUTE_MS
        return [at, "1.0", "2.0", "0.5", "1.5", "3.0", at + MINUTE_MS - 1, "4.5", 7, "1.0", "1.5", "0"]

    async def newest(self) -> Rows:
        return [self.row(self.bars)]

    async def between(self, start_ms: int, end_ms: int) -> Rows:
        if self.fails_at is not None and len(self.asked) >= self.fails_at:
            raise RetryableError("no answer now")
        self.asked.append((start_ms, end_ms))
        numbers = range(-(-start_ms // MINUTE_MS), min(self.bars + 1, -(-end_ms // MINUTE_MS)))
        return [self.row(number) for number in numbers if number not in self.missing][:PAGE]


def history(folder: Path, market: Market, tick: Any = lambda _bars: None) -> History:
    return History(BarStore(folder), InstrumentId("binance", "BTC/USDT"), "1m", "binance", market, tick)


def run(folder: Path, market: Market, bars: int = 10**6) -> Fetched:
    return asyncio.run(history(folder, market).run(0, bars * MINUTE_MS))


def test_pages_follow_each_other_and_the_open_bar_is_left_out(tmp_path: Path) -> None:
    market, told = Market(2500), []
    done = asyncio.run(history(tmp_path, market, told.append).run(0, 10**9 * MINUTE_MS))
    assert (done.added, done.last_ms) == (2500, 2500 * MINUTE_MS)
    assert [start // MINUTE_MS for start, _ in market.asked] == [0, 1000, 2000]
    assert sum(told) == 2500


def test_a_run_that_broke_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first = run(tmp_path, Market(2500, fails_at=2))
    assert (first.added, first.failure) == (2000, "no answer now")
    market = Market(2500)
    second = run(tmp_path, market)
    assert (second.added, second.failure) == (500, None)
    assert [start // MINUTE_MS for start, _ in market.asked] == [2000]


def test_a_hole_is_asked_for_twice_and_then_told(tmp_path: Path) -> None:
    market = Market(1500, missing=[*range(200, 210), 700])
    done = run(tmp_path, market)
    assert done.gaps == [Span(200 * MINUTE_MS, 210 * MINUTE_MS, 10), Span(700 * MINUTE_MS, 701 * MINUTE_MS, 1)]
    assert [span for span in market.asked if span[0] == 200 * MINUTE_MS] == [(200 * MINUTE_MS, 210 * MINUTE_MS)]
    mended = Market(1500)
    again = run(tmp_path, mended)
    assert (again.added, again.gaps) == (11, [])


def test_bars_before_a_symbol_was_listed_are_no_gap(tmp_path: Path) -> None:
    done = run(tmp_path, Market(1500, missing=range(1200)))
    assert (done.added, done.first_ms, done.gaps) == (300, 1200 * MINUTE_MS, [])


def test_a_store_of_fewer_columns_keeps_them(tmp_path: Path) -> None:
    run(tmp_path, Market(100))
    store, name = BarStore(tmp_path), InstrumentId("binance", "BTC/USDT")
    bars = store.read(name, "1m")
    store.write(type(bars)(name, "1m", "binance", "raw", "24/7", "UTC", bars.table.drop("trade_count").head(50)))
    assert run(tmp_path, Market(100)).added == 50
    assert "trade_count" not in store.read(name, "1m").table.columns


def test_bars_of_another_feed_are_not_mixed_in(tmp_path: Path) -> None:
    run(tmp_path, Market(100))
    other = History(
        BarStore(tmp_path), InstrumentId("binance", "BTC/USDT"), "1m", "binance-testnet", Market(200), print
    )
    done = asyncio.run(other.run(0, 10**9))
    assert done.failure is not None
    assert "feed" in done.failure


def test_a_bar_that_no_market_can_have_is_refused_and_the_rest_stays(tmp_path: Path) -> None:
    run(tmp_path, Market(100))
    market = Market(200)
    market.row = lambda number: [number * MINUTE_MS, "1", "nan", "1", "1", "1", 0, "1", 1, "1", "1", "0"]  # type: ignore[method-assign]
    done = run(tmp_path, market)
    assert done.failure is not None
    assert "high is nan" in done.failure
    assert BarStore(tmp_path).read(InstrumentId("binance", "BTC/USDT"), "1m").table.height == 100


def test_a_timeframe_that_binance_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="resample_bars"):
        History(BarStore(tmp_path), BTC, "10m", "binance", Market(1), print)


class Endless(Market):
    """Give one page, and then let the next wait for ever."""

    async def between(self, start_ms: int, end_ms: int) -> Rows:
        if self.asked:
            await asyncio.sleep(3600)
        return await super().between(start_ms, end_ms)


def test_an_interrupt_keeps_what_is_whole(tmp_path: Path) -> None:
    async def interrupted() -> None:
        task = asyncio.create_task(history(tmp_path, Endless(5000)).run(0, 10**9 * MINUTE_MS))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupted())
    assert BarStore(tmp_path).read(InstrumentId("binance", "BTC/USDT"), "1m").table.height == PAGE


def test_script_ends_tidily_on_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "fetch_bars.py"), "--address", "http://127.0.0.1:9"]
    command += ["--symbol", "BTC/USDT", "--timeframe", "1m", "--start", "2024-01-01", "--store", str(tmp_path)]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=_environ())
    lock = tmp_path / ".updates" / "lock"
    deadline = time.monotonic() + 20
    while not lock.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert (process.returncode, told) == (
        2,
        "error: interrupted: the bars that have come are stored; run it again to go on\n",
    )


def _environ() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": str(ROOT)}
