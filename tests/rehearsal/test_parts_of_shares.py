"""A bid for a part of a share, which the broker keeps for a day only, lives on over a half day and a holiday."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from keel.journal.entries import Alarm, Decision, OrderIntent
from keel.strategies.port import Context, EventStrategy

from .exchanges import STOCKS
from .stage import Stage

PATIENCE = ("latency.timeout_ms=10000", "live.decide_timeout_ms=60000")
"""With a machine that is busy."""
WARM_UP = 594
"""A session of minutes, and the next, of 210, up to six minutes before its close."""


class Bidder(EventStrategy):
    """Bid once for half a share, far below the market and until cancelled."""

    def prepare(self, bars: object) -> None:
        self.asked = False
        self.told: list[str] = []

    def follow(self, bars: object) -> None:
        """Keep what was asked."""

    def on_bar(self, context: Context) -> None:
        self.told += [report.kind.name for report in context.reports]
        if not self.asked:
            context.buy("SYNA", 0.5, limit=round(context.close("SYNA") * 0.7, 2))
        self.asked = True


def test_a_bid_that_the_day_has_ended_is_placed_again_once_and_stays_one_order_to_the_strategy(tmp_path: Path):
    step = ("market.instrument.step_size=0.01", "market.instrument.min_qty=0.01")
    stage = Stage(
        tmp_path,
        venue=(f"warm_up_bars={WARM_UP}", *step),
        live=(
            "strategy={class: rehearsal.test_parts_of_shares:Bidder}",
            "latency.timeout_ms=10000",
            "live.decide_timeout_ms=60000",
            *step,
        ),
        exchange=STOCKS,
        patience_s=300.0,
    )
    outcome = asyncio.run(stage.play(10))
    assert outcome.ending.exit_code == 0, outcome.ending
    closes = [entry.close_ts_ms for entry in outcome.of_kind(Decision)]
    assert max(after - before for before, after in pairwise(closes)) > 86_400_000, "a night passed"
    names = [entry.ticket.client_order_id for entry in outcome.of_kind(OrderIntent)]
    assert len(names) == len(set(names)) == 2
    there = {order.name: order for order in outcome.there.orders}
    assert [there[name].status for name in names] == ["EXPIRED", "CANCELED"], "the second until the run was stopped"
    assert {order.qty for order in there.values()} == {Decimal("0.5")}
    strategy = outcome.parts.runner.trader.decider._strategy
    assert strategy.told[-1] == "ACCEPTED"
    assert strategy.told.count("ACCEPTED") == 1
    assert not outcome.of_kind(Alarm)
