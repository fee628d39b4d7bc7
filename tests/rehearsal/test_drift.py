"""python -m keel drift on rehearsals: nothing where nothing went wrong, else the cause that was put in."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from keel.app.cli import run_cli
from keel.app.commands import app
from keel.app.drift import closes_in, drift_of
from keel.app.drift_record import Record, read_record
from keel.app.wire_live import LiveParts
from keel.backtest.again import Step
from keel.backtest.drift import Drift
from keel.config.faults import Fault
from keel.domain.layout import BAR
from keel.domain.orders import OrderSide
from keel.domain.venue_messages import VenueFill
from keel.journal.entries import FillBooked
from keel.journal.reading import JournalReader
from keel.practice.server import PracticeVenue

from .exchanges import COINS, EVERY, STOCKS, Exchange
from .stage import Outcome, Stage, ask
from .test_flatten import PACED, left_open, planned

FREE = Decimal("1e-6")
CENT = Decimal("0.01")
"""What a cause comes to depends on when a run was stopped; less than this is none."""


def drift_in(stage: Stage) -> Drift:
    with JournalReader.open(stage.journal_path) as reader:
        return drift_of(read_record(reader.entries(), None, closes_in))


def adds_up(found: Drift) -> bool:
    return sum(found.causes.values(), Decimal(0)) == found.difference == found.live - found.simulated


@pytest.mark.parametrize("exchange", [STOCKS, COINS], ids=str)
def test_a_dry_run_on_alpaca_has_no_drift_whatever_its_fees_are(tmp_path: Path, exchange: Exchange):
    fees = ("fees.taker_bps=5", "fees.sell_fee_bps=0.3")
    stage = Stage(tmp_path, exchange=exchange, live=fees)
    outcome = asyncio.run(stage.play(100, dry_run=True))
    found = drift_in(stage)
    assert sum(one.fill.fee for one in outcome.of_kind(FillBooked)) > 10
    assert abs(found.difference) < FREE, found
    assert adds_up(found)
    assert all(abs(value) < FREE for value in found.causes.values()), found


@pytest.mark.parametrize("symbols", ["[SYNBTC/USDT]", "[SYNBTC/USDT, SYNETH/USDT]"])
def test_a_dry_run_has_no_drift(tmp_path: Path, symbols: str):
    stage = Stage(tmp_path, symbols=symbols)
    asyncio.run(stage.play(100, dry_run=True))
    found = drift_in(stage)
    assert found.counts["trades"] >= 5
    assert abs(found.difference) < FREE, found
    assert adds_up(found)


def test_a_rehearsal_without_faults_differs_by_the_wire_s_decimals_only(tmp_path: Path):
    stage = Stage(tmp_path)
    asyncio.run(stage.play(100))
    found = drift_in(stage)
    assert found.counts["trades"] >= 5
    others = {name: value for name, value in found.causes.items() if name != "rounding"}
    assert all(abs(value) < FREE for value in others.values()), found
    assert abs(found.causes["rounding"]) < CENT
    assert adds_up(found)


def test_a_fill_at_the_last_close_that_came_after_it_is_of_the_next_bar():
    """A run was told to stop between the two: an order filled bar by bar had gone on filling."""
    names, money = ("1", "BTC/USDT", "ours", "7"), (Decimal(2), Decimal(30_000), Decimal(0), "USDT")
    sell = VenueFill(*names, OrderSide.SELL, *money, maker=False, ts_ms=2000)
    steps = [Step(close_ts_ms, np.zeros(1, BAR), 1) for close_ts_ms in (1000, 2000)]
    record = Record(numbers={"ours": 5}, steps=steps, booked=[sell, replace(sell, qty=Decimal(3))], booked_after=[1, 2])
    assert record.live_fills({"BTC/USDT": "USDT"})[5].qty == 2


async def in_turn(
    stage: Stage, *turns: tuple[int, tuple[str, ...]], fault: dict[str, object] | None = None, alone: int = 0
) -> None:
    """Let runs follow each other, the market going on `alone` for so many bars after the first."""
    venue = stage.open_venue()
    await venue.start()
    if fault is not None:
        venue.add_fault(Fault.model_validate(fault))
    try:
        for decisions, live in turns:
            stage.live = live
            await stage.run_beside(venue, decisions)
            for _ in range(alone):
                await go_on(venue)
    finally:
        await venue.stop()


async def go_on(venue: PracticeVenue) -> None:
    """Have a market in lockstep play one more bar."""
    before = await ask(venue, "clock")
    async with aiohttp.ClientSession() as session:
        await session.post(f"{venue.address}/practice/decided", json={"close_ts_ms": before["market_ms"]})
    while (await ask(venue, "clock"))["row"] == before["row"]:
        await asyncio.sleep(0.005)


def only(found: Drift, *causes: str) -> bool:
    return all(abs(value) < CENT for name, value in found.causes.items() if name not in causes)


def test_slow_answers_of_a_market_that_goes_on_are_latency(tmp_path: Path):
    stage = Stage(tmp_path, venue=("pace=120",), live=("latency.timeout_ms=5000", "live.stale_after_ms=60000"))
    slow = {"kind": "slow", "request": "POST /api/v3/order", "count": 99, "seconds": 1.0}
    asyncio.run(in_turn(stage, (12, stage.live), fault=slow))
    found = drift_in(stage)
    assert found.counts["trades"] >= 1
    assert adds_up(found)
    assert abs(found.causes["latency"]) > CENT
    assert only(found, "latency", "held back"), found


def test_closes_that_nobody_decided_on_are_missed_bars(tmp_path: Path):
    stage = Stage(tmp_path)
    asyncio.run(in_turn(stage, (20, ()), (25, ()), alone=20))
    found = drift_in(stage)
    assert found.counts["closes not decided on"] >= 20
    assert abs(found.causes["missed bar"]) > CENT
    assert adds_up(found)
    assert only(found, "missed bar"), found


def test_another_config_is_told_as_config(tmp_path: Path):
    stage = Stage(tmp_path)
    asyncio.run(in_turn(stage, (40, ()), (40, ("risk.max_position_weight=0.2",))))
    found = drift_in(stage)
    assert found.counts["sessions"] == 2
    assert abs(found.causes["config"]) > CENT
    assert adds_up(found)
    assert only(found, "config", "missed bar", "held back"), found  # a stop cancels what is left of an order


LITTLE, LESS = planned("from 0 target 0.05"), planned("from 0 target 0.03")


def check_flattened(found: Drift) -> None:
    assert found.counts["sessions"] == 2
    assert found.counts["trades by hand"] >= 1
    assert adds_up(found)
    assert abs(found.causes["by hand"]) > CENT, found
    assert abs(found.causes["rest"]) < CENT, found


@pytest.mark.parametrize("exchange", EVERY, ids=str)
def test_what_was_flattened_by_hand_between_two_sessions_is_told_as_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], exchange: Exchange
):
    with left_open(tmp_path, monkeypatch, exchange, LITTLE) as left:
        code, _, told = left.flatten(capsys, "--yes")
        assert code == 0, told
        left.stage.live = LESS
        outcome = left.call(left.stage.run_beside(left.venue, 15))
    assert outcome.positions[0] > 0, "it bought again"
    found = drift_in(left.stage)
    check_flattened(found)
    assert abs(found.causes["fees"]) < Decimal("0.01"), found


def test_what_the_kill_switch_flattened_is_told_as_by_hand(tmp_path: Path):
    stage = Stage(tmp_path, venue=PACED, live=(*LITTLE, "live.kill_policy=flatten"))
    flag = tmp_path / "state" / "kill_switch.flag"

    async def kill(_venue: PracticeVenue, parts: LiveParts) -> None:
        while not parts.runner.trader.desk.account_view().position_qty.any():
            await asyncio.sleep(0.02)
        flag.touch()

    async def play() -> Outcome:
        venue = stage.open_venue()
        await venue.start()
        try:
            killed = await stage.run_beside(venue, 10_000, while_running=kill)
            assert 0 <= killed.positions[0] < stage.exchange.step
            flag.unlink()
            stage.live = LESS
            return await stage.run_beside(venue, 15)
        finally:
            await venue.stop()

    outcome = asyncio.run(play())
    assert outcome.positions[0] > stage.exchange.step, "it bought again: the flag is gone"
    check_flattened(drift_in(stage))


def test_the_command_prints_json_that_adds_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    stage = Stage(tmp_path)
    asyncio.run(stage.play(30, dry_run=True))
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        run_cli(app, ["drift", "stage", "--state-dir", str(tmp_path / "state"), "--json"])
    shown = capsys.readouterr()
    assert ended.value.code == 0, shown.err
    tree = json.loads(shown.out)
    assert sum(map(Decimal, tree["causes"].values())) == Decimal(tree["difference"])
