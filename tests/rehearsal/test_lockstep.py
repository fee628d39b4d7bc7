"""A backtest, a dry run and a live run on the practice venue: the same bars, decisions, fills and equity."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from keel.app.wire_data import read_market_data
from keel.app.wiring import instruments_of
from keel.config.load import load_practice
from keel.domain.layout import LOCAL
from keel.domain.orders import EventKind
from keel.domain.venue_messages import Outcome as Fate
from keel.journal.entries import Decision, FillBooked, OrderIntent, SubmitAnswered
from keel.sim.engine import Simulator
from keel.sim.parameters import run_records, slot_records
from keel.strategies.decisions import decide_all
from keel.strategies.moving_average import MovingAverageCrossover
from keel.strategies.panel import BarPanel

from .exchanges import BINANCE, COINS, EVERY, STOCKS, Exchange
from .stage import Stage

WARM_UP = 60
DECISIONS, FEWER = 150, 60


def backtest(stage: Stage, rows: int) -> Simulator:
    """Play the same bars by the simulator as a whole; nothing is decided on the bars that are history."""
    config, document = load_practice(stage.folder / "practice.yaml", list(stage.venue))
    run, _ = stage.live_config("http://127.0.0.1:1", dry_run=False)
    bars = read_market_data(config.simulated(config.accounts["practice"]), document).bars[: WARM_UP + rows]
    strategy = MovingAverageCrossover(MovingAverageCrossover.Params(short=3, long=8))
    targets = decide_all(strategy, BarPanel(bars, run.data.symbols))
    targets[:WARM_UP] = np.nan
    simulator = Simulator(bars, run_records(run), slot_records(run, instruments_of(run)))
    simulator.run(targets)
    return simulator


def fills_of(simulator: Simulator) -> list[tuple[int, int, float, float]]:
    fills = simulator.events[simulator.events["kind"] == EventKind.FILLED]
    return [(int(f["ts_ms"]), int(f["side"]), float(f["qty"]), float(f["price"])) for f in fills if f["known_row"] >= 0]


@pytest.mark.parametrize(
    ("exchange", "symbols", "decisions"),
    [
        (BINANCE, BINANCE.one, DECISIONS),
        (BINANCE, BINANCE.two, DECISIONS),
        (STOCKS, STOCKS.two, FEWER),
        (COINS, COINS.one, FEWER),
    ],
    ids=["Binance, one", "Binance, two", "stocks, two", "coins, one"],
)
@pytest.mark.parametrize("dry_run", [True, False], ids=["dry run", "practice venue"])
def test_a_live_run_comes_to_what_its_backtest_comes_to(
    tmp_path: Path, exchange: Exchange, symbols: str, decisions: int, dry_run: bool
):
    stage = Stage(tmp_path, venue=("sockets.queue_s=20",), symbols=symbols, exchange=exchange)
    outcome = asyncio.run(stage.play(decisions, dry_run=dry_run))
    assert outcome.ending.exit_code == 0, outcome.ending
    rows = len(outcome.of_kind(Decision))
    expected = backtest(stage, rows)
    booked = [entry.fill for entry in outcome.of_kind(FillBooked)]
    live = [(fill.ts_ms, int(fill.side), float(fill.qty), float(fill.price)) for fill in booked]
    known = fills_of(expected)
    # Two looks at the venue may tell of the fills of one row in another order.
    assert sorted(live)[: len(known)] == sorted(known)
    assert len(known) >= 5, "the strategy trades"
    sent = [(entry.order_id, float(entry.ticket.qty)) for entry in outcome.of_kind(OrderIntent)]
    submitted = expected.events[expected.events["kind"] == EventKind.SUBMITTED]
    assert sent == [(int(event["order_id"]) + 1, float(event["qty"])) for event in submitted]
    assert outcome.of_kind(Decision)[-1].close_ts_ms == int(expected.marks["ts_ms"][-1])
    if dry_run:
        assert outcome.cash == float(expected.run_record["cash"][LOCAL])
        assert outcome.positions.tolist() == expected.account_view().position_qty.tolist()


@pytest.mark.parametrize(("exchange", "reserve_bps"), [(COINS, 200), (STOCKS, 250)], ids=["coins", "stocks"])
def test_all_the_cash_buys_at_the_least_reserve_that_a_config_may_have(
    tmp_path: Path, exchange: Exchange, reserve_bps: int
):
    live = (f"execution.reserve_bps={reserve_bps}", "execution.max_participation=null", "impact.coefficient=0")
    stage = Stage(tmp_path, venue=live[1:], live=live, exchange=exchange)
    outcome = asyncio.run(stage.play(40))
    sent = [entry.ticket for entry in outcome.of_kind(OrderIntent)]
    assert len(sent) >= 3, "the strategy trades"
    assert {one.result.outcome for one in outcome.of_kind(SubmitAnswered)} == {Fate.DONE}
    bought = [float(entry.fill.qty * entry.fill.price) for entry in outcome.of_kind(FillBooked) if entry.fill.side > 0]
    assert bought[0] > 100_000 / (1 + reserve_bps / 10_000) * 0.995, "with all there is, less the reserve"


@pytest.mark.parametrize("exchange", [BINANCE, STOCKS], ids=str)
def test_a_dry_run_calls_no_endpoint_that_trades(tmp_path: Path, exchange: Exchange):
    outcome = asyncio.run(Stage(tmp_path, exchange=exchange).play(40, dry_run=True))
    assert outcome.of_kind(OrderIntent)
    asked = [entry["what"] for entry in outcome.log["entries"] if entry["kind"] == "request"]
    assert asked
    assert not [what for what in asked if not what.startswith("GET ") and "/practice/" not in what]
    assert not outcome.there.orders


@pytest.mark.parametrize("exchange", EVERY, ids=str)
def test_our_book_is_the_venue_s_to_the_cent(tmp_path: Path, exchange: Exchange):
    outcome = asyncio.run(Stage(tmp_path, exchange=exchange).play(80 if exchange is BINANCE else 40))
    assert len(outcome.there.trades) >= 3
    assert float(outcome.there.balance(exchange.quote)) == pytest.approx(outcome.cash, abs=1e-5)
    assert float(outcome.there.balance(exchange.asset)) == pytest.approx(outcome.positions[0], abs=1e-8)
