"""Weeks of trading at high speed, faults on: no bar is missed, nothing is doubled, and memory stays where it is."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rehearsal.exchanges import BINANCE, STOCKS, Exchange
from rehearsal.stage import Outcome, Stage, ask

from keel.journal.entries import BarsSeen, SessionStarted
from keel.practice.server import PracticeVenue

from .test_chaos_sigkill import wrong_in
from .test_chaos_sockets import KINDS, LIVE, SEED


@dataclass(frozen=True)
class Days:
    """Hold the days that are played: from the first on, whose first `warm_up` bars are history, before the last."""

    exchange: Exchange
    first: str
    last: str
    warm_up: int
    rows: int
    often: float
    """Faults a request, and a bar."""

    @property
    def stage(self) -> tuple[str, ...]:
        faults = f"seed: {SEED}, per_request: {self.often}, per_bar: {self.often}, seconds: 0.2, kinds: [{KINDS}]"
        ends = [f"{key}={day}" for key, day in (("start", self.first), ("end", self.last))]
        provider = [f"provider.{one}" for one in ends]
        data = [f"data.{one}" for one in (*ends, *provider)]
        return (*self.exchange.plenty, *data, f"warm_up_bars={self.warm_up}", f"random_faults={{{faults}}}")


COINS_DAYS = Days(BINANCE, "2024-01-01", "2024-01-27", 60, 24 * 1440, 0.002)
STOCKS_DAYS = Days(STOCKS, "2024-10-25", "2024-12-04", 390, 23 * 390 + 210, 0.002)
"""24 market days from 2024-10-28 on: New York's clocks go back on 3 November, and 29 November ends at 13:00."""
TWIN_DAYS = Days(STOCKS, "2024-11-01", "2024-11-06", 370, 45, 0.02)
"""The last minutes before the clocks go back, and the first after it."""
GROWTH_MIB = 12.0
"""How much more a run may hold at the end of its days than after the first of four parts: what caches and heap take."""
_LOOK_S = 0.5
_CALM = 12
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def stage_of(folder: Path, days: Days) -> Stage:
    return Stage(folder, venue=days.stage, live=LIVE, exchange=days.exchange)


def begin(stage: Stage, venue: PracticeVenue) -> int:
    """Fork a live run, so that its memory is its own; return its process id."""
    child = os.fork()
    if child:
        return child

    async def go() -> None:
        parts, _ = await stage.wire(venue)
        await parts.runner.run()

    try:
        asyncio.run(go())
    finally:
        os._exit(1)


def resident_mib(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * _PAGE_BYTES / 2**20


async def trade(stage: Stage, rows: int) -> tuple[Outcome, list[float]]:
    """Let a run trade so many rows, kill it, let another go on; return its outcome and the memory of the first, MiB."""
    venue, held = stage.open_venue(), []
    await venue.start()
    try:
        child = begin(stage, venue)
        while (await ask(venue, "clock"))["row"] < rows:
            assert os.waitpid(child, os.WNOHANG) == (0, 0), "the run ended by itself"
            held.append(resident_mib(child))
            await asyncio.sleep(_LOOK_S)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return await stage.run_beside(venue, _CALM), held
    finally:
        await venue.stop()


def closes_of_first_session(outcome: Outcome) -> list[int]:
    """Return the closes that the killed run saw: the next one takes what came while nobody ran as history."""
    starts = [i for i, entry in enumerate(outcome.entries) if isinstance(entry, SessionStarted)]
    return [entry.close_ts_ms for entry in outcome.entries[: starts[1]] if isinstance(entry, BarsSeen)]


def expected(days: Days, first_ms: int, last_ms: int) -> list[int]:
    """Return the closes of every minute of the market between two, by the wall of New York where it closes."""
    minutes = range(first_ms, last_ms + 1, 60_000)
    return [close for close in minutes if days.exchange is BINANCE or _is_session(close)]


def _is_session(close_ms: int) -> bool:
    """Say whether a minute that closes then is of a session; of this year's last months only."""
    wall = datetime.fromtimestamp(close_ms / 1000, ZoneInfo("America/New_York"))
    ends = time(13) if (wall.month, wall.day) == (11, 29) else time(16)
    is_holiday = (wall.month, wall.day) == (11, 28)
    return wall.weekday() < 5 and not is_holiday and time(9, 30) < wall.time() <= ends


def check(folder: Path, days: Days) -> list[float]:
    outcome, held = asyncio.run(trade(stage_of(folder, days), days.rows))
    assert wrong_in(outcome) == []
    closes = closes_of_first_session(outcome)
    missed = set(expected(days, closes[0], closes[-1])) - set(closes)
    assert not missed, f"{len(missed)} bars were missed, the first at {min(missed)}"
    assert closes == expected(days, closes[0], closes[-1])
    print(f"{days.exchange}, seed {SEED}: {len(closes)} bars, {len(outcome.there.trades)} trades, ", end="")
    print(f"{held[len(held) // 4]:.1f} MiB after a quarter, {held[-1]:.1f} at the end")
    return held


@pytest.mark.soak
def test_over_a_night_in_which_the_clocks_go_back_no_bar_is_missed(tmp_path: Path):
    check(tmp_path, TWIN_DAYS)


@pytest.mark.soak
@pytest.mark.parametrize("days", [COINS_DAYS, STOCKS_DAYS], ids=lambda days: str(days.exchange))
def test_twenty_four_days_with_faults_miss_no_bar_and_take_no_more_memory(tmp_path: Path, days: Days):
    held = check(tmp_path, days)
    assert max(held[-len(held) // 4 :]) < max(held[: len(held) // 4]) + GROWTH_MIB
