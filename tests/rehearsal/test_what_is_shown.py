"""What a run says of itself between two closes: what was traded is in it at once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from keel.app.wire_live import LiveParts
from keel.live.health.facts import status_facts
from keel.practice.server import PracticeVenue

from .exchanges import EVERY, Exchange
from .stage import Stage

BUYS = ("strategy.class=faults.strategies:Planned", 'strategy.params={"plan": ["from 1 target 0.5"]}')
HOLDS_STILL = ("strategy.class=faults.strategies:Planned", "strategy.params={plan: []}")
A_BAR_A_SECOND = ("pace=60", "execution.time_in_force=ioc")


async def until_a_fill(parts: LiveParts) -> None:
    """Wait for a trade that no close has applied yet."""
    while not (parts.runner.counts.fills and parts.runner.trader.desk.has_unheard):
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("exchange", EVERY, ids=str)
def test_a_trade_is_in_status_and_figures_before_the_next_close(tmp_path: Path, exchange: Exchange):
    shown: list[str] = []

    async def look(_venue: PracticeVenue, parts: LiveParts) -> None:
        await until_a_fill(parts)
        assert parts.runner.trader.desk.account_view().position_qty[0] == 0.0, "it is applied at the next close"
        parts.board.publish(parts.runner.status.make())
        shown.append(json.dumps(status_facts(parts.board)))
        parts.runner.ask_to_stop("it has bought")

    stage = Stage(tmp_path, venue=A_BAR_A_SECOND, live=BUYS, exchange=exchange)
    outcome = asyncio.run(stage.play(1_000, while_running=look))
    (said,) = map(json.loads, shown)
    (position,) = said["positions"]
    assert said["n_fills"] >= 1
    assert said["fill_rate"] <= 1.0
    assert position["qty"] > 0.0
    assert position["value"] == pytest.approx(position["qty"] * position["mark_price"])
    assert said["equity"] == pytest.approx(said["cash"] + position["value"])
    last = outcome.parts.board.status
    assert last is not None
    assert len(last.positions) == 1, "the summary of the end names it"
    assert last.positions[0].qty == pytest.approx(float(outcome.there.balance(exchange.asset)), abs=1e-8)
    assert last.cash == pytest.approx(float(outcome.there.balance(exchange.quote)), abs=1e-4)


def test_a_start_counts_no_order_as_filled_that_another_process_has_sent(tmp_path: Path):
    stage = Stage(tmp_path, venue=("pace=lockstep", "execution.time_in_force=gtc"), live=BUYS)

    async def play() -> LiveParts:
        venue = stage.open_venue()
        await venue.start()
        try:
            await stage.run_beside(venue, 3)
            stage.live = HOLDS_STILL
            return (await stage.run_beside(venue, 3)).parts
        finally:
            await venue.stop()

    counts = asyncio.run(play()).runner.counts
    assert counts.orders_filled <= counts.orders_sent == 0
