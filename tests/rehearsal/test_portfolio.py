"""Fifty stocks from one decision, by the broker's own client library: cash, requests, and the backtest's orders."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from keel.app.wire_data import read_market_data
from keel.app.wiring import instruments_of
from keel.config.load import load_practice
from keel.domain.orders import EventKind
from keel.domain.venue_messages import Outcome as Fate
from keel.journal.entries import Decision, Note, OrderIntent, SubmitAnswered
from keel.sim.engine import Simulator
from keel.sim.parameters import run_records, slot_records
from keel.strategies.decisions import decide_all
from keel.strategies.panel import BarPanel
from keel.strategies.port import StrategyParams, VectorStrategy

from .exchanges import STOCKS
from .stage import Outcome, Stage

SYMBOLS = tuple(f"SYN{number:02d}" for number in range(50))
WARM_UP = 60
SESSION = 390
MINUTE_MS = 60_000


class Rotation(VectorStrategy):
    """Hold one half of the symbols with all the money there is, then the other half, by the clock."""

    class Params(StrategyParams):
        minutes: int = 2

    def target_weights(self, bars: BarPanel) -> np.ndarray:
        turns = bars.close_ts_ms // MINUTE_MS // self.params.minutes % 2
        first = np.arange(bars.n) < bars.n // 2
        return np.where(first == (turns[:, np.newaxis] == 0), 2.0 / bars.n, 0.0)


@dataclass(frozen=True)
class Portfolio:
    """Play fifty stocks below 50 dollars, of which the broker holds back 4% more on each purchase."""

    folder: Path
    minutes: int = 2

    @property
    def stage(self) -> Stage:
        whole = ("execution={time_in_force: gtc, max_participation: null, reserve_bps: 400}", "impact.coefficient=0")
        venue = ("alpaca.requests_1m=200", "data.provider.initial_price=40", "sockets.queue_s=60", *whole)
        strategy = f"strategy={{class: rehearsal.test_portfolio:Rotation, params: {{minutes: {self.minutes}}}}}"
        patience = ("live.bar_wait_ms=20000", "live.decide_timeout_ms=60000", "latency.timeout_ms=90000")
        live = (strategy, "live.poll_ms=30000", *patience, *whole)
        symbols = f"[{', '.join(SYMBOLS)}]"
        return Stage(self.folder, venue=venue, live=live, symbols=symbols, exchange=STOCKS, patience_s=3000.0)

    def play(self, decisions: int) -> Outcome:
        outcome = asyncio.run(self.stage.play(decisions))
        assert outcome.ending.exit_code == 0, outcome.ending
        return outcome

    def backtest(self, rows: int) -> list[tuple[int, str, float]]:
        """Play the same bars by the simulator; return the orders. Nothing is decided on the bars that are history."""
        stage = self.stage
        config, document = load_practice(stage.folder / "practice.yaml", list(stage.venue))
        run, _ = stage.live_config("http://127.0.0.1:1", dry_run=False)
        bars = read_market_data(config.simulated(config.accounts["practice"]), document).bars[: WARM_UP + rows]
        targets = decide_all(Rotation(Rotation.Params(minutes=self.minutes)), BarPanel(bars, run.data.symbols))
        targets[:WARM_UP] = np.nan
        simulator = Simulator(bars, run_records(run), slot_records(run, instruments_of(run)))
        simulator.run(targets)
        orders = simulator.events[simulator.events["kind"] == EventKind.SUBMITTED]
        return [(int(one["order_id"]) + 1, SYMBOLS[one["instrument"]], float(one["qty"])) for one in orders]


def check(portfolio: Portfolio, outcome: Outcome) -> Counter[str]:
    """See that orders are the backtest's, and none was refused, dropped or asked too often; count the requests."""
    sent = [(entry.order_id, entry.ticket.symbol, float(entry.ticket.qty)) for entry in outcome.of_kind(OrderIntent)]
    assert sent == portfolio.backtest(len(outcome.of_kind(Decision)))
    others = [one.result for one in outcome.of_kind(SubmitAnswered) if one.result.outcome is not Fate.DONE]
    assert {result.reason for result in others} <= {"stopped before it was sent"}, "those of the last decision"
    assert {order.status for order in outcome.there.orders} <= {"FILLED", "CANCELED"}
    asked = [entry for entry in outcome.log["entries"] if entry["kind"] == "request"]
    assert not [entry for entry in asked if entry.get("status") == 429]
    return Counter(entry["what"] for entry in asked if " /v2/" in entry["what"])


def test_fifty_stocks_are_turned_over_as_in_the_backtest_and_the_broker_refuses_none(tmp_path: Path):
    portfolio = Portfolio(tmp_path)
    outcome = portfolio.play(4)
    asked = check(portfolio, outcome)
    assert asked["POST /v2/orders"] >= 75, "25 bought, then sold, and 25 others bought"
    of_orders = ("POST /v2/orders", "DELETE /v2/orders/{order_id}", "GET /v2/orders:by_client_order_id")
    questions = sum(asked.values()) - sum(asked[what] for what in of_orders)
    assert questions < 2 * len(SYMBOLS), asked
    assert asked["GET /v2/orders:by_client_order_id"] < 2 * len(SYMBOLS), "of what the stop cancels, one each"
    assert asked["GET /v2/stocks/bars"] < 10, "history comes of all symbols at once"


@pytest.mark.soak
def test_a_turnover_each_minute_waits_for_the_broker_s_limits_and_loses_no_order(tmp_path: Path):
    portfolio = Portfolio(tmp_path, minutes=1)
    outcome = portfolio.play(8)
    asked = check(portfolio, outcome)
    assert asked["POST /v2/orders"] > 160, "more than a minute has room for"
    assert [note for note in outcome.of_kind(Note) if "waited" in note.text]


@pytest.mark.soak
def test_fifty_stocks_are_turned_over_through_a_whole_day(tmp_path: Path):
    portfolio = Portfolio(tmp_path, minutes=30)
    outcome = portfolio.play(SESSION - WARM_UP)
    assert check(portfolio, outcome)["POST /v2/orders"] > 500
