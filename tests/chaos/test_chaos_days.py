"""Weeks of trading at high speed, faults on: no bar is missed, nothing is doubled, and memory stays where it is."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from rehearsal.exchanges import BINANCE
from rehearsal.stage import Outcome, Stage, ask

from keel.journal.entries import BarsSeen, SessionStarted
from keel.practice.server import PracticeVenue

from .test_chaos_sigkill import wrong_in
from .test_chaos_sockets import KINDS, LIVE, SEED

BARS_A_DAY = 1440
DAYS = 24
GROWTH_MIB = 12.0
"""How much more a run may hold at the end of its days than after the first of four parts: what caches and heap take."""
_LOOK_S = 0.5
_CALM = 12
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def stage_of(folder: Path) -> Stage:
    faults = f"random_faults={{seed: {SEED}, per_request: 0.002, per_bar: 0.002, seconds: 0.2, kinds: [{KINDS}]}}"
    ends = ("data.end=2024-01-27", "data.provider.end=2024-01-27")
    return Stage(folder, venue=(*BINANCE.plenty, faults, *ends), live=LIVE)


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


def check(folder: Path, rows: int) -> list[float]:
    outcome, held = asyncio.run(trade(stage_of(folder), rows))
    assert wrong_in(outcome) == []
    closes = closes_of_first_session(outcome)
    missed = set(range(closes[0], closes[-1], 60_000)) - set(closes)
    assert not missed, f"{len(missed)} bars were missed, the first at {min(missed)}"
    assert closes == sorted(set(closes))
    print(f"seed {SEED}: {len(closes)} bars, {len(outcome.accounts['practice']['trades'])} trades, ", end="")
    print(f"{held[len(held) // 4]:.1f} MiB after a quarter, {held[-1]:.1f} at the end")
    return held


@pytest.mark.soak
def test_twenty_four_days_with_faults_miss_no_bar_and_take_no_more_memory(tmp_path: Path):
    held = check(tmp_path, DAYS * BARS_A_DAY)
    assert max(held[-len(held) // 4 :]) < max(held[: len(held) // 4]) + GROWTH_MIB
