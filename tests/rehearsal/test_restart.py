"""What a restart keeps, refuses and tells: latches, a config that changed, a session's end, copies of the journal."""

from __future__ import annotations

import asyncio
import json
import zipfile
from dataclasses import fields, replace
from pathlib import Path

import pytest

from keel.app.drift import drift_of
from keel.app.drift_record import Record
from keel.app.wire_live import LiveParts
from keel.domain.clock import WallClock
from keel.domain.errors import GateRefusedError, HaltTradingError, UsageError
from keel.domain.orders import TradingState
from keel.journal.entries import Alarm, Decision, LatchCleared, LatchSet, Level, Note, OrderIntent, SessionEnded
from keel.journal.journal import Journal
from keel.journal.reading import JournalReader
from keel.live.recovery import OPERATOR, narrowed
from keel.live.session import changes_since, refuse_other_model, session_started
from keel.practice.server import PracticeVenue
from keel.runs.model_file import CARD, FORMAT, ModelCard

from .exchanges import BINANCE, STOCKS, Exchange
from .stage import Outcome, Stage

DAILY_LOSS = ("risk.daily_loss=0.0005",)
DRAWDOWN = ("risk.max_drawdown=0.0005",)


EXCHANGES = pytest.mark.parametrize("exchange", [BINANCE, STOCKS], ids=str)


async def in_turn(stage: Stage, *turns: tuple[int, tuple[str, ...]], between: object = None) -> list[Outcome]:
    """Let runs follow each other beside one venue, each with its own overrides."""
    venue = stage.open_venue()
    await venue.start()
    try:
        outcomes = []
        for decisions, live in turns:
            stage.live = live
            outcomes.append(await stage.run_beside(venue, decisions))
            if callable(between):
                between()
        return outcomes
    finally:
        await venue.stop()


def latch_of(outcome: Outcome) -> TradingState:
    return outcome.parts.runner.trader.desk.trading_state


def reset(stage: Stage) -> None:
    with Journal.open(stage.journal_path, clock=WallClock(), redact=str) as journal:
        journal.append([LatchCleared(OPERATOR, TradingState.ACTIVE, "it is understood")])


@EXCHANGES
def test_a_daily_loss_outlasts_restarts_opens_nothing_and_is_not_lifted_by_hand(tmp_path: Path, exchange: Exchange):
    stage, turns = Stage(tmp_path, exchange=exchange), iter(range(3))

    def reset_the_second_time() -> None:
        if next(turns) == 1:
            reset(stage)

    looser = ("risk.daily_loss=0.4",)
    runs = (80, DAILY_LOSS), (25, looser), (4, DAILY_LOSS)
    first, second, third = asyncio.run(in_turn(stage, *runs, between=reset_the_second_time))
    assert [latch.state for latch in first.of_kind(LatchSet)] == [TradingState.REDUCING]
    assert latch_of(first) is latch_of(second) is latch_of(third) is TradingState.REDUCING
    later = second.entries[len(first.entries) :]
    assert any(isinstance(entry, Alarm) and "REDUCING since before" in entry.text for entry in later)
    assert not [entry for entry in later if isinstance(entry, OrderIntent) and not entry.ticket.reduce_only]


def test_a_drawdown_halts_until_somebody_says_why_it_is_safe(tmp_path: Path):
    stage, states = Stage(tmp_path), []

    def look_and_reset() -> None:
        with Journal.open(stage.journal_path, clock=WallClock(), redact=str) as journal:
            states.append(narrowed(journal))
        if len(states) == 2:
            reset(stage)

    turns = (150, DRAWDOWN), (5, DRAWDOWN), (5, DRAWDOWN)
    first, second, third = asyncio.run(in_turn(stage, *turns, between=look_and_reset))
    assert first.ending.exit_code == second.ending.exit_code == HaltTradingError.exit_code
    assert states[:2] == [TradingState.HALTED, TradingState.HALTED]
    assert third.ending.exit_code == 0
    assert latch_of(third) is TradingState.ACTIVE


@EXCHANGES
def test_a_run_trades_again_once_its_kill_switch_is_reset(tmp_path: Path, exchange: Exchange):
    stage = Stage(tmp_path, exchange=exchange)
    flag = tmp_path / "state" / "kill_switch.flag"

    async def kill_when_it_has_traded(_venue: PracticeVenue, parts: LiveParts) -> None:
        while not parts.runner.counts.fills:
            await asyncio.sleep(0.01)
        flag.touch()

    async def play() -> list[Outcome]:
        venue = stage.open_venue()
        await venue.start()
        try:
            killed = await stage.run_beside(venue, 1_000, while_running=kill_when_it_has_traded)
            flag.unlink()
            return [killed, await stage.run_beside(venue, 60)]
        finally:
            await venue.stop()

    killed, again = asyncio.run(play())
    assert killed.ending.exit_code == GateRefusedError.exit_code
    assert again.parts.runner.counts.denied == 0
    assert again.parts.runner.counts.orders_filled > 0


def test_a_changed_config_is_told_with_what_is_open(tmp_path: Path):
    stage = Stage(tmp_path)
    changed = ("risk.max_drawdown=0.3", "spread.half_spread_bps=3")
    first, second = asyncio.run(in_turn(stage, (60, ()), (3, changed)))
    told = [note for note in second.of_kind(Note) if "the config has changed" in note.text]
    assert [note.level for note in told] == [Level.WARN]
    assert "risk.max_drawdown 0.6 → 0.3" in told[0].text
    assert ("with something open" in told[0].text) == bool(first.positions.any())


@pytest.mark.parametrize("changed", ["data.symbols=[SYNETH/USDT]", "account.currency=USDC"])
def test_a_journal_of_another_market_is_refused(tmp_path: Path, changed: str):
    stage = Stage(tmp_path, symbols="[SYNBTC/USDT, SYNETH/USDT]")
    with pytest.raises(GateRefusedError, match=f"another market.*{changed.partition('=')[0]}.*run.name"):
        asyncio.run(in_turn(stage, (10, ()), (3, (changed,))))


def test_a_config_that_is_the_same_tells_nothing(tmp_path: Path):
    config, _ = Stage(tmp_path).live_config("http://127.0.0.1:1", dry_run=True)
    assert changes_since(session_started(config, "run", "hash", "code"), config) == ()


def write_card(path: Path, weights_hash: str) -> None:
    told = dict.fromkeys((field.name for field in fields(ModelCard)), "")
    told |= {"format": FORMAT, "symbols": [], "weight_range": [0, 1], "weights_hash": weights_hash}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(CARD, json.dumps(told))


def test_other_weights_in_the_same_model_s_file_are_told_and_not_played_again(tmp_path: Path):
    path = tmp_path / "model.zip"
    serves = ("strategy.class=keel.strategies.trained:Policy", f"strategy.params={{model: {path}}}")
    config, _ = Stage(tmp_path, live=serves).live_config("http://127.0.0.1:1", dry_run=True)
    write_card(path, "a" * 64)
    started = session_started(config, "run", "hash", "code")
    assert started.model == "a" * 64
    assert changes_since(started, config) == ()
    refuse_other_model(started, config)
    write_card(path, "b" * 64)
    assert changes_since(started, config) == ("weights of strategy.params.model aaaaaaaaaaaa → bbbbbbbbbbbb",)
    assert changes_since(replace(started, model=""), config) == (), "an older Keel wrote no hash"
    record = Record(sessions={1: started}, state={})
    with pytest.raises(
        UsageError, match=f"{path}: its weights are b{{12}}, session run ran with a{{12}}: put that model"
    ):
        drift_of(record)
    path.unlink()
    with pytest.raises(UsageError, match="its weights are not there, session run ran with a"):
        drift_of(record)


@EXCHANGES
def test_a_session_that_cannot_begin_is_ended_in_the_journal_too(tmp_path: Path, exchange: Exchange):
    stage = Stage(tmp_path, keys={exchange.environ[1]: "wrong"}, exchange=exchange)
    with pytest.raises(HaltTradingError):
        asyncio.run(stage.play(3))
    with JournalReader.open(stage.journal_path) as reader:
        *_, last = reader.entries()
    assert isinstance(last.entry, SessionEnded)
    assert last.entry.exit_code == HaltTradingError.exit_code


def test_a_copy_of_the_journal_is_put_aside_each_day_and_at_the_end(tmp_path: Path):
    stage = Stage(tmp_path, venue=("warm_up_bars=1435",))
    stage_outcome = asyncio.run(stage.play(20))
    assert stage_outcome.ending.exit_code == 0
    (copy,) = stage.journal_path.parent.glob("stage-*.journal.*.copy.sqlite")
    with JournalReader.open(copy) as reader:
        entries = [recorded.entry for recorded in reader.entries()]
    assert isinstance(entries[-1], SessionEnded)
    assert len([entry for entry in entries if isinstance(entry, Decision)]) >= 20
