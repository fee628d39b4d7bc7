"""Bars of a day, live: decided on at each session's close, a half day's too, and traded at the next open."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from keel.data.bars import StoredBars
from keel.data.calendars import sessions
from keel.data.store import BarStore
from keel.domain.instrument import InstrumentId
from keel.domain.orders import EventKind
from keel.domain.timeframe import MS_PER_DAY
from keel.journal.entries import Alarm, Decision, FaultSeen, FillBooked, OrderIntent

from .exchanges import STOCKS
from .stage import Stage
from .test_lockstep import backtest, fills_of

DAYS = ("2024-04-01", "2024-07-20")
DECISIONS = 12
"""From 26 June on: the half day of 3 July and the holiday after it are among them."""


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000)


def store_days(folder: Path) -> None:
    """Put a bar of each session into the store."""
    known = sessions("XNYS", *(moment(day) // MS_PER_DAY for day in DAYS))
    inside = (known.open_ts_ms >= moment(DAYS[0])) & (known.open_ts_ms < moment(DAYS[1]))
    rng, n = np.random.default_rng(7), int(inside.sum())
    closes = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.02, n))), 2)
    opens = np.append(100.0, closes[:-1])
    table = pl.DataFrame(
        {
            "open_ts_ms": known.open_ts_ms[inside],
            "close_ts_ms": known.close_ts_ms[inside],
            "open": opens,
            "high": np.round(np.maximum(opens, closes) * 1.01, 2),
            "low": np.round(np.minimum(opens, closes) * 0.99, 2),
            "close": closes,
            "volume": np.full(n, 1e6),
        }
    )
    name = InstrumentId("synthetic", "SYNA")
    BarStore(folder / "bars").write(StoredBars(name, "1d", "made up", "raw", "XNYS", "America/New_York", table))


def test_a_live_run_on_bars_of_a_day_comes_to_what_its_backtest_comes_to(tmp_path: Path):
    store_days(tmp_path)
    patience = ("live.decide_timeout_ms=60000", "latency.timeout_ms=10000")
    stage = Stage(
        tmp_path,
        venue=("data.timeframe=1d", "data.provider=null", "data.start=null", "data.end=null"),
        live=("data.timeframe=1d", "live.bar_wait_ms=50", "live.poll_ms=20000", *patience),
        exchange=STOCKS,
        patience_s=300.0,
    )
    outcome = asyncio.run(stage.play(DECISIONS))
    assert outcome.ending.exit_code == 0, outcome.ending
    closes = [entry.close_ts_ms for entry in outcome.of_kind(Decision)]
    assert moment("2024-07-03 13:00") in closes
    assert closes[closes.index(moment("2024-07-03 13:00")) + 1] == moment("2024-07-05 16:00")
    expected = backtest(stage, len(closes))
    sent = [(entry.order_id, float(entry.ticket.qty)) for entry in outcome.of_kind(OrderIntent)]
    submitted = expected.events[expected.events["kind"] == EventKind.SUBMITTED]
    assert sent == [(int(event["order_id"]) + 1, float(event["qty"])) for event in submitted]
    assert sent
    booked = [entry.fill for entry in outcome.of_kind(FillBooked)]
    live = [(fill.ts_ms, int(fill.side), float(fill.qty), float(fill.price)) for fill in booked]
    known = fills_of(expected)
    assert live[: len(known)] == known
    assert known
    assert not outcome.of_kind(FaultSeen)
    assert not outcome.of_kind(Alarm)
