"""SIGKILL of a live run on real sockets, at each step of its journal and at random moments; then started again.

The practice venue lives in this process, each life of the run in one of its own. Seeds are printed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from rehearsal import processes
from rehearsal.exchanges import BINANCE, STOCKS, Exchange
from rehearsal.processes import VenueThere
from rehearsal.stage import Outcome, Stage

from keel.journal.entries import BookAdjusted, Decision, FillBooked, OrderIntent
from keel.practice.server import PracticeVenue

from .killed import Kill, drawn, live_until_killed

SEED = int(os.environ.get("KEEL_CHAOS_SEED", "1"))
EIGHT_SESSIONS = replace(STOCKS, days=("2024-07-02", "2024-07-13"))
KILLS = {BINANCE: 12, EIGHT_SESSIONS: 8}
ALL_KILLS = 1000
KILLS_A_VENUE = 50
READY_WITHIN_S = 5.0
_TICK_S = 0.002
_MOST_LOOKS = 60_000
"""At a life, two minutes of them: of time that stood still for all of us, none are counted."""


async def one_life(stage: Stage, venue: PracticeVenue, kill: Kill) -> float | None:
    """Begin a life and wait for its end; return the seconds until it traded, None where it did not come to that."""
    hear, tell = processes.pipe()
    process = processes.begin(live_until_killed, stage, VenueThere.of(venue), kill, tell)
    tell.close()
    started_s, traded_s, looks = time.monotonic(), None, 0
    while process.is_alive():
        await asyncio.sleep(_TICK_S)
        looks += 1
        if traded_s is None and hear.poll():
            with suppress(EOFError):
                hear.recv()
                traded_s = time.monotonic()
        is_due = traded_s is not None and not kill.step and time.monotonic() - traded_s > kill.after_s
        if is_due or looks > _MOST_LOOKS:
            await processes.kill(process)
    hear.close()
    assert process.exitcode == -signal.SIGKILL, f"it ended by itself before {kill}"
    assert looks <= _MOST_LOOKS, f"it hung before {kill}"
    return None if traded_s is None else traded_s - started_s


async def kills(stage: Stage, rng: Random, n: int) -> tuple[Outcome, list[float]]:
    """Kill n lives one after another beside one venue, then let one live and stop in good order."""
    venue = stage.open_venue()
    await venue.start()
    try:
        times = [await one_life(stage, venue, drawn(rng, number)) for number in range(n)]
        outcome = await stage.run_beside(venue, 12)
        return outcome, [seconds for seconds in times if seconds is not None]
    finally:
        await venue.stop()


def apply_all(outcome: Outcome) -> None:
    """Close one more row at the desk, so that what was heard since the last is applied."""
    desk = outcome.parts.runner.trader.desk
    bars = desk._bars[desk.row - 1].copy()
    for name in ("open_ts_ms", "close_ts_ms"):
        bars[name] += 60_000
    desk.close_row(bars, int(bars[0]["close_ts_ms"]))


def wrong_in(outcome: Outcome) -> list[str]:
    """Return what is not as it must be after any number of kills or faults."""
    apply_all(outcome)
    there, exchange = outcome.there, outcome.exchange
    names = Counter(order.name for order in there.orders)
    intents = {entry.ticket.client_order_id for entry in outcome.of_kind(OrderIntent)}
    booked = Counter(entry.fill.trade_id for entry in outcome.of_kind(FillBooked))
    made = {trade.id for trade in there.trades}
    decided = Counter(entry.close_ts_ms for entry in outcome.of_kind(Decision))
    wrong = [f"{name} led to {n} orders" for name, n in names.items() if n > 1]
    wrong += [f"{name} has no intent" for name in names if name not in intents]
    wrong += [f"trade {trade} is booked {n} times" for trade, n in booked.items() if n > 1]
    wrong += [f"trade {trade} is not booked" for trade in made - set(booked)]
    wrong += [f"{n} decisions at {close}" for close, n in decided.items() if n > 1]
    wrong += [str(entry) for entry in outcome.of_kind(BookAdjusted)]
    wrong += [f"{one.name} is open" for one in there.orders if one.is_open]
    cash, units = float(there.balance(exchange.quote)), float(there.balance(exchange.asset))
    if abs(cash - outcome.cash) > 1e-5 or abs(units - float(outcome.positions[0])) > 1e-8:
        wrong.append(f"we have {outcome.cash} and {outcome.positions}, the venue {there.balances}")
    return wrong


def killed(folder: Path, n: int, exchange: Exchange) -> list[float]:
    """Kill n lives in all; return the seconds from each start to trading."""
    times: list[float] = []
    for turn in range(0, n, KILLS_A_VENUE):
        seed = SEED + turn
        place = folder / str(seed)
        place.mkdir()
        stage = Stage(place, venue=exchange.plenty, exchange=exchange)
        outcome, more = asyncio.run(kills(stage, Random(seed), min(KILLS_A_VENUE, n - turn)))
        wrong = wrong_in(outcome)
        assert not wrong, f"{exchange}, KEEL_CHAOS_SEED={seed}: {wrong[:5]}"
        times += more
    p50, p99 = np.percentile(times, (50, 99))
    print(f"{exchange}, seed {SEED}: {n} kills, {len(times)} starts to trading: p50 {p50:.2f} s, p99 {p99:.2f} s")
    return times


@pytest.mark.parametrize("exchange", KILLS, ids=str)
def test_a_run_that_is_killed_at_any_step_doubles_no_order_and_loses_no_trade(tmp_path: Path, exchange: Exchange):
    assert killed(tmp_path, KILLS[exchange], exchange)


@pytest.mark.soak
@pytest.mark.parametrize("exchange", KILLS, ids=str)
def test_a_thousand_kills_double_no_order_and_lose_no_trade(tmp_path: Path, exchange: Exchange):
    assert np.percentile(killed(tmp_path, ALL_KILLS, exchange), 99) < READY_WITHIN_S
