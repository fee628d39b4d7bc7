"""Splits, dividends and fees while holding, live on Alpaca: no jump of equity, no trade, the stop as it should."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keel.app.drift import closes_in
from keel.app.drift_record import read_record
from keel.app.wire_live import LiveParts
from keel.backtest.events import play_events
from keel.config.faults import Fault
from keel.domain.errors import UsageError
from keel.domain.orders import OrderSide, OrderType
from keel.journal.entries import Alarm, BookAdjusted, Decision, FaultSeen, Note, OrderIntent
from keel.journal.market_entries import ActivityBooked, SplitBooked, SplitConfirmed
from keel.journal.reading import JournalReader
from keel.practice.server import PracticeVenue
from keel.strategies.panel import BarPanel

from .holding import EVENING, EX_DATE_MS, HISTORY, STOCK, Holder, HoldingStage, worth_after
from .stage import Outcome, ask

DECISIONS = EVENING + 10
SPLIT, REVERSE = (("split", 2.0),), (("split", 0.1),)
SHORT = ("strategy.params={qty: -10}",)


def strategy_of(parts: LiveParts) -> Holder:
    found = parts.runner.trader.decider._strategy
    assert isinstance(found, Holder)
    return found


def intents(outcome: Outcome) -> list[tuple[OrderType, OrderSide, Decimal, Decimal | None]]:
    tickets = [entry.ticket for entry in outcome.of_kind(OrderIntent)]
    return [(one.type, one.side, one.qty, one.trigger_price) for one in tickets]


def open_orders(outcome: Outcome) -> list[dict[str, Any]]:
    return [one for one in outcome.accounts["practice"]["orders"] if one["status"] in ("new", "accepted")]


def check_books(outcome: Outcome) -> None:
    """Our book is the account's, and nothing was put right without a reason."""
    told = outcome.accounts["practice"]
    assert float(told["cash"]) == pytest.approx(outcome.cash, abs=1e-6)
    assert [float(qty) for qty in told["positions"]] == pytest.approx(outcome.positions.tolist(), abs=1e-8)
    assert not outcome.of_kind(BookAdjusted)
    assert not outcome.of_kind(Alarm)


def check_steady(outcome: Outcome) -> None:
    equity = strategy_of(outcome.parts).equity
    assert len(equity) >= DECISIONS
    assert equity == pytest.approx([equity[0]] * len(equity), abs=0.005), "to the cent"


@pytest.mark.parametrize(
    ("happens", "live", "held", "stop"),
    [
        (SPLIT, (), 20, (OrderSide.SELL, Decimal(20), Decimal(45))),
        (REVERSE, (), 1, (OrderSide.SELL, Decimal(1), Decimal(900))),
        (SPLIT, SHORT, -20, (OrderSide.BUY, Decimal(20), Decimal(55))),
        (REVERSE, SHORT, -1, (OrderSide.BUY, Decimal(1), Decimal(1100))),
    ],
    ids=["2:1 long", "1:10 long", "2:1 short", "1:10 short"],
)
def test_a_split_recounts_the_position_and_its_stop_and_nothing_else(
    tmp_path: Path, happens: Any, live: Any, held: float, stop: tuple[OrderSide, Decimal, Decimal]
):
    outcome = asyncio.run(HoldingStage(tmp_path, live=live, happens=happens).play(DECISIONS))
    assert outcome.ending.exit_code == 0, outcome.ending
    assert outcome.positions.tolist() == [held]
    check_books(outcome)
    check_steady(outcome)
    assert [kind for kind, *_ in intents(outcome)] == [OrderType.MARKET, OrderType.STOP, OrderType.STOP]
    assert intents(outcome)[-1][1:] == stop
    (standing,) = open_orders(outcome)
    assert (standing["type"], Decimal(standing["qty"]), Decimal(standing["stop_price"])) == ("stop", *stop[1:])
    (split,), (confirmed,) = outcome.of_kind(SplitBooked), outcome.of_kind(SplitConfirmed)
    assert (float(split.after), float(confirmed.held)) == (held, held)
    assert not [one for one in outcome.of_kind(FaultSeen) if "jumps" in one.text]
    assert set(strategy_of(outcome.parts).closes[-1]) == {worth_after(happens)}, "history is in new units"


@pytest.mark.parametrize(("live", "paid"), [((), 20), (SHORT, -20)], ids=["long", "short"])
def test_a_dividend_is_booked_as_what_it_is(tmp_path: Path, live: Any, paid: int):
    outcome = asyncio.run(HoldingStage(tmp_path, live=live, happens=(("dividend", 2.0),)).play(DECISIONS))
    assert outcome.ending.exit_code == 0, outcome.ending
    check_books(outcome)
    check_steady(outcome)
    (booked,) = outcome.of_kind(ActivityBooked)
    assert (booked.what, booked.cash, booked.symbol) == ("dividend", paid, "SYNX")
    assert len(intents(outcome)) == 2, "an entry and its stop"


def test_fees_are_booked_at_the_end_of_their_day_and_are_no_difference(tmp_path: Path):
    outcome = asyncio.run(HoldingStage(tmp_path, live=SHORT, sell_fee_bps=2.0).play(DECISIONS))
    assert outcome.ending.exit_code == 0, outcome.ending
    check_books(outcome)
    (booked,) = outcome.of_kind(ActivityBooked)
    assert (booked.what, float(booked.cash), booked.symbol) == ("fee", -0.2, "")
    assert strategy_of(outcome.parts).equity[-1] == pytest.approx(99_999.8, abs=0.005)


@pytest.mark.parametrize("happens", [(*SPLIT, ("dividend", 1.0)), REVERSE], ids=["2:1 and a dividend", "1:10"])
def test_a_live_run_over_the_night_comes_to_what_its_backtest_comes_to(tmp_path: Path, happens: Any):
    stage = HoldingStage(tmp_path, happens=happens)
    outcome = asyncio.run(stage.play(DECISIONS))
    check_books(outcome)
    simulator, watched = stage.backtest(), np.arange(len(stage.bars)) < HISTORY
    panel = BarPanel(stage.bars, (STOCK,))
    play_events(stage.simulated, Holder(Holder.Params(qty=10)), panel, simulator, lambda _row: None, watched)
    expected = simulator.account_view()
    assert outcome.positions.tolist() == expected.position_qty.tolist()
    assert outcome.cash == pytest.approx(expected.cash, abs=0.005)
    assert outcome.equity == pytest.approx(expected.equity, abs=0.005)


def test_a_dry_run_follows_a_split_of_what_it_would_hold(tmp_path: Path):
    stage = HoldingStage(tmp_path, happens=SPLIT)
    outcome = asyncio.run(stage.play(DECISIONS, dry_run=True))
    assert outcome.ending.exit_code == 0, outcome.ending
    assert outcome.positions.tolist() == [20]
    check_steady(outcome)
    assert outcome.of_kind(SplitConfirmed)
    assert not outcome.of_kind(BookAdjusted)
    with JournalReader.open(stage.journal_path) as reader, pytest.raises(UsageError, match="was split in that run"):
        read_record(reader.entries(), None, closes_in)


async def kill(stage: HoldingStage, venue: PracticeVenue, when: Callable[[LiveParts], bool]) -> None:
    """Run until a moment, and leave on the disk what a SIGKILL then leaves there."""
    parts, journal = await stage.wire(venue)
    run = asyncio.ensure_future(parts.runner.run())
    async with asyncio.timeout(stage.patience_s):
        while not when(parts):
            await asyncio.sleep(0)
    state, image = stage.folder / "state", stage.folder / "image"
    shutil.copytree(state, image)
    run.cancel()
    with suppress(asyncio.CancelledError):
        await run
    assert parts.market is not None
    await parts.market.close()
    journal.close()
    shutil.rmtree(state)
    image.rename(state)


SETTLES_S = 2.1
"""Wall time, passed overnight, after which a start asks for an order that is not among the open ones."""
LONG_20 = (SPLIT, (), 20, (OrderSide.SELL, Decimal(20), Decimal(45)))
SHORT_1 = (REVERSE, SHORT, -1, (OrderSide.BUY, Decimal(1), Decimal(1100)))


@pytest.mark.parametrize(
    ("is_booked", "happens", "live", "held", "stop"),
    [
        pytest.param(False, *LONG_20, id="2:1 long, before it is booked"),
        pytest.param(True, *SHORT_1, id="1:10 short, before it is confirmed"),
        pytest.param(True, *LONG_20, id="2:1 long, before it is confirmed", marks=pytest.mark.soak),
        pytest.param(False, *SHORT_1, id="1:10 short, before it is booked", marks=pytest.mark.soak),
    ],
)
def test_a_run_that_is_killed_after_a_split_books_it_once(
    tmp_path: Path, is_booked: bool, happens: Any, live: Any, held: float, stop: tuple[OrderSide, Decimal, Decimal]
):
    stage = HoldingStage(tmp_path, live=live, happens=happens)

    async def play() -> Outcome:
        venue = stage.open_venue()
        await venue.start()

        def has_split(parts: LiveParts) -> bool:
            booked = bool(parts.runner.trader.resumable.holders.splits)
            return booked if is_booked else venue._state.market.now_ms >= EX_DATE_MS

        try:
            await kill(stage, venue, has_split)
            await asyncio.sleep(SETTLES_S)
            return await stage.run_beside(venue, 8)
        finally:
            await venue.stop()

    outcome = asyncio.run(play())
    assert outcome.ending.exit_code == 0, outcome.ending
    assert outcome.positions.tolist() == [held]
    check_books(outcome)
    equity = strategy_of(outcome.parts).equity
    assert len(equity) >= 8
    assert equity == pytest.approx([100_000.0] * len(equity), abs=0.005)
    assert [kind for kind, *_ in intents(outcome)] == [OrderType.MARKET, OrderType.STOP, OrderType.STOP]
    assert intents(outcome)[-1][1:] == stop
    assert len(open_orders(outcome)) == len(outcome.of_kind(SplitBooked)) == len(outcome.of_kind(SplitConfirmed)) == 1


def test_a_split_holds_back_what_opens_of_its_own_symbol_and_of_no_other(tmp_path: Path):
    buys = ("strategy.class=rehearsal.holding:Buyer", "strategy.params={qty: 2}")
    stage = HoldingStage(tmp_path, live=buys, happens=SPLIT, symbols="[SYNX, SYNY]")
    outcome = asyncio.run(stage.play(DECISIONS))
    assert outcome.ending.exit_code == 0, outcome.ending
    before, after = [one.close_ts_ms for one in outcome.of_kind(Decision)][EVENING - 1 :: 5][:2]
    sent = [(one.ticket.symbol, one.ticket.decided_ts_ms) for one in outcome.of_kind(OrderIntent)]
    assert sent == [("SYNY", before), ("SYNX", after), ("SYNY", after)]
    assert before < EX_DATE_MS < after
    told = [one for one in outcome.of_kind(Note) if one.text.startswith("not sent, for its split")]
    assert [one.symbol for one in told] == ["SYNX"]
    assert outcome.positions.tolist() == [2, 4]
    assert len(outcome.of_kind(SplitBooked)) == len(outcome.of_kind(SplitConfirmed)) == 1
    check_books(outcome)


def test_no_short_is_opened_of_what_is_hard_to_borrow(tmp_path: Path):
    stage = HoldingStage(tmp_path, venue=(f"alpaca.hard_to_borrow=[{STOCK}]",), live=SHORT)
    outcome = asyncio.run(stage.play(3))
    assert not intents(outcome)
    assert [one.text for one in outcome.of_kind(Note) if "easy to borrow" in one.text]


@pytest.mark.parametrize(("change", "after"), [(4, -6), (12, 0)], ids=["a part is bought in", "more than all"])
def test_a_short_that_the_account_owes_less_of_is_set_to_the_account_s(tmp_path: Path, change: float, after: float):
    stage = HoldingStage(tmp_path, live=SHORT)

    async def play() -> tuple[list[float], list[Any], list[str]]:
        venue = stage.open_venue()
        await venue.start()
        parts, journal = await stage.wire(venue)
        run = asyncio.ensure_future(parts.runner.run())
        desk = parts.runner.trader.desk
        try:
            async with asyncio.timeout(stage.patience_s):
                while desk.account_view().position_qty[0] != -10:
                    await asyncio.sleep(0.01)
                venue.add_fault(Fault(kind="balance_change", amount=str(change), asset=STOCK))
                while desk.account_view().position_qty[0] != after:
                    await asyncio.sleep(0.01)
            parts.runner.ask_to_stop("the test has seen enough")
            await run
            journal.flush()
            entries = [recorded.entry for recorded in journal.entries()]
            told = (await ask(venue, "accounts"))["practice"]["positions"]
            return desk.account_view().position_qty.tolist(), entries, told
        finally:
            assert parts.market is not None
            await parts.market.close()
            journal.close()
            await venue.stop()

    held, entries, told = asyncio.run(play())
    (adjusted,) = [entry for entry in entries if isinstance(entry, BookAdjusted)]
    assert (float(adjusted.before), float(adjusted.after), held) == (-10, after, [after])
    assert float(told[0]) == -10 + change
