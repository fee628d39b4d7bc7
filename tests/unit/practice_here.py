"""A practice venue on 127.0.0.1, in a thread with a loop of its own, on made bars; and the live config that asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import polars as pl

from keel.app.doctor import context_of, examined
from keel.app.practice import open_venue
from keel.config.practice import PracticeConfig
from keel.data.bars import StoredBars
from keel.data.store import BarStore
from keel.domain.instrument import InstrumentId
from keel.practice.security import KeyPair
from keel.practice.server import PracticeVenue
from keel.preflight.check import CheckResult

START_MS = 1_704_067_200_000
"""2024-01-01 00:00 UTC."""
MINUTE_MS = 60_000
ROWS, WARM_UP = 700, 600
KEYS = KeyPair("practice-key-" + "k" * 51, "practice-secret-" + "s" * 48)
RULES = {"tick_size": "0.01", "step_size": "0.00001", "min_qty": "0.00001", "min_notional": "5"}
LIVE = """\
mode: live
run: {{name: live, state_dir: {folder}/state, artifacts_dir: {folder}/artifacts, logs_dir: {folder}/logs}}
dry_run: false
data: {{store: {folder}/bars, venue: binance, symbols: [BTC/USDT, ETH/USDT], timeframe: 1m}}
market:
  instrument: {{tick_size: "0.01", step_size: "0.00001", min_qty: "0.00001", min_notional: 5, fee_currency: base}}
strategy: {{class: "keel.strategies.moving_average:MovingAverageCrossover", params: {{short: 5, long: 20}}}}
account: {{initial_cash: 10000}}
risk: {{max_order_notional: 500, daily_loss_limit: 100, max_drawdown: 0.2, max_orders_per_min: 10}}
venue: {{address: "{address}"}}
live: {{filters: {folder}/filters.json, max_round_trip_ms: 60000}}
health: {{port: 0}}
doctor: {{min_free_disk_gb: 0}}
"""


def made_bars(symbol: str, price: float, rows: int = ROWS, without: range = range(0)) -> StoredBars:
    """Return minute bars of a made market; those counted in `without` are missing."""
    opens = START_MS + MINUTE_MS * np.arange(rows)
    close = price * (1 + 0.01 * np.sin(np.arange(rows) / 30))
    first = np.concatenate([[price], close[:-1]])
    table = pl.DataFrame(
        {
            "open_ts_ms": opens,
            "close_ts_ms": opens + MINUTE_MS,
            "open": first,
            "high": np.maximum(first, close) * 1.0005,
            "low": np.minimum(first, close) * 0.9995,
            "close": close,
            "volume": np.full(rows, 50.0),
        }
    )
    kept = np.ones(rows, bool)
    kept[list(without)] = False
    name = InstrumentId("binance", symbol)
    return StoredBars(name, "1m", "made", "raw", "24/7", "UTC", table.filter(pl.Series(kept)))


@dataclass(frozen=True)
class Here:
    """Hold a running venue: its folder has the bars it replays in `replayed`."""

    venue: PracticeVenue
    address: str
    folder: Path

    def config(self, *replacements: tuple[str, str], name: str = "live.yaml") -> Path:
        """Write a live config that asks this venue, with texts replaced, and return its path."""
        text = LIVE.format(folder=self.folder, address=self.address)
        for old, new in replacements:
            assert old in text, old
            text = text.replace(old, new)
        path = self.folder / name
        path.write_text(text)
        return path


@contextmanager
def practising(folder: Path, without: range = range(0), **keys: Any) -> Iterator[Here]:
    """Serve BTC/USDT and ETH/USDT; `keys` are further keys of the venue's config, such as accounts or market."""
    store = BarStore(folder / "replayed")
    for symbol, price in (("BTC/USDT", 50_000.0), ("ETH/USDT", 3_000.0)):
        store.write(made_bars(symbol, price, without=without if symbol == "ETH/USDT" else range(0)))
    venue = open_venue(_config(store.root, keys), keys={"practice": KEYS})
    with running(venue) as address:
        yield Here(venue, address, folder)


@contextmanager
def running(venue: PracticeVenue) -> Iterator[str]:
    """Run a venue in a thread and yield its address."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(venue.start(), loop).result(300)  # a cold cache compiles first
        yield venue.address
        asyncio.run_coroutine_threadsafe(venue.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _config(store: Path, keys: Mapping[str, Any]) -> PracticeConfig:
    given: dict[str, Any] = {
        "port": 0,
        "warm_up_bars": WARM_UP,
        "data": {"store": str(store), "venue": "binance", "symbols": ["BTC/USDT", "ETH/USDT"], "timeframe": "1m"},
        "quality": {"gaps": "off"},
        "market": {"instrument": RULES | {"fee_currency": "base"}},
        "account": {"currency": "USDT"},
        "limits": {"weight_1m": 1_000_000},  # one venue serves many tests within a minute
    }
    return PracticeConfig.model_validate(given | dict(keys), strict=False)


def checks(path: Path, *overrides: str) -> dict[str, CheckResult]:
    """Return what the doctor finds for a config, by check."""
    return {result.name: result for result in examined(context_of(path, overrides))}


def failed(path: Path, *overrides: str) -> dict[str, CheckResult]:
    """Return the checks that failed."""
    return {name: result for name, result in checks(path, *overrides).items() if result.status == "fail"}


def only_failure(path: Path, name: str) -> CheckResult:
    """Return the one check that failed."""
    found = failed(path)
    assert list(found) == [name]
    return found[name]
