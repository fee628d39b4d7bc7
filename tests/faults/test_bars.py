"""Bars that are missing, double, revised, wrong or old: rows 25, 26, 29, 30."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keel.app.wire_live import LiveParts
from keel.config.faults import Fault
from keel.journal.entries import BarsSeen, Decision, FaultSeen, OrderIntent
from keel.practice.server import PracticeVenue

from .checks import check_all
from .scene import BINANCE, BOTH, COINS, FLIPS, LONG, NO_END, STOCKS, Exchange, Outcome, Scene, until
from .strangers import Row, stranger

Seen = Callable[[str], None]
SOON = ("live.bar_wait_ms=200",)
Rows = list[Row]


def play_and_ask(scene: Scene, *faults: Fault, decisions: int = 20) -> tuple[Outcome, Rows]:
    """Play a scene; return it with the bars as the venue's REST interface tells them afterwards."""
    told: Rows = []

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        await until(lambda: parts.runner.counts.decisions >= decisions, "decisions")
        async with stranger(venue, scene.exchange) as client:
            told.extend(await client.bars())
        parts.runner.ask_to_stop("seen enough")

    return scene.play(NO_END, *faults, beside=watch), told


def bars_are_those_of_rest(outcome: Outcome, told: Rows) -> None:
    """Check that decisions were made on the venue's own bars, each once, none missing."""
    seen = [(bar.close_ts_ms, bar.open, bar.high, bar.low, bar.close) for bar in _bars(outcome)]
    closes = [row[0] for row in seen]
    assert closes == list(range(closes[0], closes[-1] + 1, 60_000))
    known = {row[0]: row for row in told}
    assert all(known[row[0]] == row for row in seen if row[0] in known)
    decided = [entry.close_ts_ms for entry in outcome.of_kind(Decision)]
    assert len(decided) == len(set(decided))


def _bars(outcome: Outcome) -> list[Any]:
    return [bar for entry in outcome.of_kind(BarsSeen) for bar in entry.bars]


@pytest.mark.fault(25)
@BOTH
def test_gaps_duplicates_and_late_bars_leave_the_sequence_of_rest(tmp_path: Path, seen: Seen, exchange: Exchange):
    kinds = ("kline_gap", "kline_duplicate", "kline_out_of_order")
    faults = [Fault(kind=kind, row=3 * i + 3) for i, kind in enumerate(kinds)]
    outcome, told = play_and_ask(Scene(tmp_path, FLIPS, live=SOON, exchange=exchange), *faults)
    assert all(outcome.log["counts"][f"fault {kind}"] for kind in kinds)
    bars_are_those_of_rest(outcome, told)
    check_all(outcome)
    seen("the bars are REST's, one decision each")


@pytest.mark.fault(26)
def test_nothing_is_decided_on_a_bar_that_is_open(tmp_path: Path, seen: Seen):
    outcome, told = play_and_ask(Scene(tmp_path, FLIPS, live=SOON), Fault(kind="kline_revised", row=3, count=10))
    assert outcome.log["counts"]["fault kline_revised"] == 10
    bars_are_those_of_rest(outcome, told)
    check_all(outcome)
    seen("10 wild open bars: decided on the closed ones only")


@pytest.mark.fault(26)
@pytest.mark.parametrize("exchange", [STOCKS, pytest.param(COINS, marks=LONG)], ids=str)
def test_a_bar_that_is_revised_after_its_close_is_told_and_never_decided_on_again(
    tmp_path: Path, seen: Seen, exchange: Exchange
):
    """Alpaca has no open bars: it tells a bar short of late trades at first, and right half a minute later."""
    scene = Scene(tmp_path, FLIPS, live=SOON, venue=("alpaca.revise_every=2",), exchange=exchange)
    outcome, told = play_and_ask(scene)
    revised = [entry for entry in outcome.of_kind(FaultSeen) if "was revised after its close" in entry.text]
    assert len(revised) >= 8
    assert all("the first bar counts" in entry.text for entry in revised)
    bars_are_those_of_rest(outcome, told)
    check_all(outcome)
    seen(f"{len(revised)} bars revised after their close: on record, decided on once, as they came first")


@pytest.mark.fault(29)
@pytest.mark.parametrize(
    ("exchange", "price"),
    [
        (BINANCE, "nan"),
        (BINANCE, "thousandfold"),
        *(pytest.param(BINANCE, name, marks=LONG) for name in ("zero", "negative")),
        (STOCKS, "thousandfold"),
        *(pytest.param(STOCKS, name, marks=LONG) for name in ("nan", "zero", "negative")),
    ],
)
def test_a_price_that_cannot_be_leads_to_no_order(tmp_path: Path, seen: Seen, exchange: Exchange, price: Any):
    scene = Scene(tmp_path, FLIPS, live=SOON, exchange=exchange)
    outcome, told = play_and_ask(scene, Fault(kind="bad_price", row=4, price=price))
    assert outcome.of_kind(FaultSeen)
    bars_are_those_of_rest(outcome, told)
    check_all(outcome)
    seen(f"{price}: refused and told; REST's bar in its place")


@pytest.mark.fault(30)
@BOTH
def test_nothing_is_opened_on_stale_data(tmp_path: Path, seen: Seen, exchange: Exchange):
    """The socket lives, but no bar closes on it, and the question for bars is not answered either."""
    reasons: list[str] = []

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        await until(lambda: runner.counts.decisions >= 3, "decisions")
        venue.add_fault(Fault(kind="error_instead", request=exchange.bars, count=3))
        venue.add_fault(Fault(kind="stale", count=3))
        await until(lambda: runner.blocks, "that entries are held back")
        reasons.extend(runner.blocks.reasons)
        sent = runner.counts.orders_sent
        await until(lambda: not runner.blocks or runner.counts.orders_sent > sent, "that all is well again")
        assert runner.counts.orders_sent == sent
        done = runner.counts.decisions
        await until(lambda: runner.counts.decisions >= done + 3, "decisions after it")
        runner.ask_to_stop("seen enough")

    live = ("live.bar_wait_ms=200", "live.stale_after_ms=60000", "latency.retries=0")
    outcome = Scene(tmp_path, FLIPS, live=live, pace=120, exchange=exchange).play(NO_END, beside=watch)
    assert reasons
    closes = [entry.close_ts_ms for entry in outcome.of_kind(BarsSeen)]
    assert closes == list(range(closes[0], closes[-1] + 1, 60_000))
    assert outcome.of_kind(OrderIntent)
    check_all(outcome)
    seen(f"held back: {reasons[0][:70]}")
