"""Bars of a day, live: decided on at each session's close, a half day's too, and traded at the next open."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from keel.domain.orders import EventKind
from keel.journal.entries import Alarm, Decision, FaultSeen, FillBooked, OrderIntent

from .exchanges import STOCKS
from .stage import Stage
from .test_lockstep import backtest, fills_of

PATIENCE = ("latency.timeout_ms=10000", "live.decide_timeout_ms=60000")
"""With a machine that is busy."""
DAYS = ("2024-04-01", "2024-07-20")
DECISIONS = 12
"""From 26 June on: the half day of 3 July and the holiday after it are among them."""


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000)


def test_a_live_run_on_bars_of_a_day_comes_to_what_its_backtest_comes_to(tmp_path: Path):
    start, end = DAYS
    span = (f"data.start={start}", f"data.end={end}", f"data.provider.start={start}", f"data.provider.end={end}")
    stage = Stage(
        tmp_path,
        venue=("data.timeframe=1d", *span),
        live=(
            "data.timeframe=1d",
            "live.bar_wait_ms=50",
            "live.poll_ms=20000",
            "latency.timeout_ms=10000",
            "live.decide_timeout_ms=60000",
        ),
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
