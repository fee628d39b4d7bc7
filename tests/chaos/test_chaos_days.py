"""Weeks of trading at high speed, faults on: no bar is missed, nothing is doubled, and memory stays where it is."""

from __future__ import annotations

import asyncio
import os
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from rehearsal import processes
from rehearsal.exchanges import BINANCE, STOCKS, Exchange
from rehearsal.processes import VenueThere
from rehearsal.stage import Outcome, Stage, ask

from keel.journal.entries import BarsSeen, Decision, OrderIntent, SessionStarted

from .killed import live
from .test_chaos_sigkill import wrong_in
from .test_chaos_sockets import KINDS, LIVE, SEED

ROWS = {
    replace(BINANCE, days=("2024-01-01", "2024-01-27")): 24 * 1440,
    replace(STOCKS, days=("2024-10-28", "2024-12-03")): 23 * 390 + 210,
}
"""The minutes of 24 market days; those of stocks have a change of clocks, a holiday and a half day among them."""
CALENDARS = {"binance": "24/7", "alpaca": "XNYS"}
BAR_MS = 60_000
GROWTH_MIB = 12.0
"""How much more a run may hold at the end of its days than after the first of four parts: what caches and heap take."""
_LOOK_S = 0.5
_PATIENT_LOOKS = 240
_CALM = 12
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def stage_of(folder: Path, exchange: Exchange) -> Stage:
    faults = f"random_faults={{seed: {SEED}, per_request: 0.002, per_bar: 0.002, seconds: 0.2, kinds: [{KINDS}]}}"
    return Stage(folder, venue=(*exchange.plenty, faults), live=LIVE, exchange=exchange)


def resident_mib(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * _PAGE_BYTES / 2**20


async def trade(stage: Stage, rows: int) -> tuple[Outcome, list[float]]:
    """Let a run trade so many rows, kill it, let another go on; return its outcome and the memory of the first, MiB."""
    venue, held = stage.open_venue(), []
    await venue.start()
    try:
        process = processes.begin(live, stage, VenueThere.of(venue))
        reached: list[int] = [0]
        while (row := (await ask(venue, "clock"))["row"]) < rows:
            assert process.is_alive(), "the run ended by itself"
            reached.append(row)
            assert reached[-_PATIENT_LOOKS:] != [row] * _PATIENT_LOOKS, f"the market waits for a decision on row {row}"
            held.append(resident_mib(process.pid))
            await asyncio.sleep(_LOOK_S)
        await processes.kill(process)
        return await stage.run_beside(venue, _CALM), held
    finally:
        await venue.stop()


def sessions(exchange: Exchange) -> list[range]:
    """Return the closes of the minutes of each session."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls what newer pandas deprecates
        import exchange_calendars

        calendar = exchange_calendars.get_calendar(CALENDARS[exchange.kind], *exchange.days)
    times = zip((calendar.opens_nanos // 10**6).tolist(), (calendar.closes_nanos // 10**6).tolist(), strict=True)
    return [range(opens + BAR_MS, closes + 1, BAR_MS) for opens, closes in times]


def closes_of_first_session(outcome: Outcome) -> list[int]:
    """Return the closes that the killed run saw: the next one takes what came while nobody ran as history."""
    starts = [i for i, entry in enumerate(outcome.entries) if isinstance(entry, SessionStarted)]
    return [entry.close_ts_ms for entry in outcome.entries[: starts[1]] if isinstance(entry, BarsSeen)]


def outside(outcome: Outcome, open_hours: list[range]) -> list[str]:
    """Return what was decided, sent or traded while the market was closed; at a close orders wait for the next open."""
    closes = {close for one in open_hours for close in one}
    there = outcome.there
    decided = [entry.close_ts_ms for entry in outcome.of_kind(Decision)]
    decided += [entry.ticket.decided_ts_ms for entry in outcome.of_kind(OrderIntent)]
    wrong = [f"decided at {close}" for close in decided if close not in closes]
    for at_ms in (one.ts_ms for one in (*there.orders, *there.trades)):
        if not any(one.start - BAR_MS <= at_ms <= one[-1] for one in open_hours):
            wrong.append(f"an order or a trade at {at_ms}")
    return wrong


def check(folder: Path, rows: int, exchange: Exchange) -> list[float]:
    open_hours = sessions(exchange)
    outcome, held = asyncio.run(trade(stage_of(folder, exchange), rows))
    assert wrong_in(outcome) == []
    closes = closes_of_first_session(outcome)
    expected = [close for one in open_hours for close in one if closes[0] <= close <= closes[-1]]
    missed = sorted(set(expected) - set(closes))
    assert not missed, f"{len(missed)} bars were missed, the first at {missed[0]}"
    assert closes == expected
    assert outside(outcome, open_hours) == []
    days = sum(closes[0] <= one[-1] and one.start <= closes[-1] for one in open_hours)
    print(f"{exchange}, seed {SEED}: {len(closes)} bars of {days} days, {len(outcome.there.trades)} trades, ", end="")
    print(f"{held[len(held) // 4]:.1f} MiB after a quarter, {held[-1]:.1f} at the end")
    return held


@pytest.mark.soak
@pytest.mark.parametrize("exchange", ROWS, ids=str)
def test_twenty_four_days_with_faults_miss_no_bar_and_take_no_more_memory(tmp_path: Path, exchange: Exchange):
    held = check(tmp_path, ROWS[exchange], exchange)
    assert max(held[-len(held) // 4 :]) < max(held[: len(held) // 4]) + GROWTH_MIB
