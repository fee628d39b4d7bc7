"""Two runs from one state folder: side by side where they may be, and kept apart where they may not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from faults.checks import check_all

from keel.app.run_journal import locked
from keel.app.wire_live import LiveParts
from keel.config.faults import Fault
from keel.config.modes import LiveRun
from keel.config.venue import BinanceSection
from keel.domain.errors import GateRefusedError, UsageError
from keel.practice.server import PracticeVenue

from .exchanges import BINANCE, STOCKS
from .stage import Outcome, Stage

NO_END = 1_000_000
NAMES = {"one": BINANCE, "two": STOCKS, "three": BINANCE}
"""Runs, each at a venue of its own."""
PATIENT = ("latency.timeout_ms=20000", "live.stream_idle_ms=30000")
"""Venues and runs are one busy process."""


@dataclass(repr=False)
class Player:
    """A run at a venue of its own, with its locks, as script_live.py holds them."""

    stage: Stage
    playing: asyncio.Task[Outcome] = field(init=False)
    parts: LiveParts = field(init=False)
    venue: PracticeVenue = field(init=False)

    async def begin(self, stack: AsyncExitStack) -> None:
        self.venue = self.stage.open_venue()
        await self.venue.start()
        stack.push_async_callback(self.venue.stop)
        config, _ = self.stage.live_config(self.venue.address, dry_run=False)
        stack.enter_context(locked(config, self.stage.environ_of(self.venue)))
        begun = asyncio.Event()

        async def note(_venue: PracticeVenue, parts: LiveParts) -> None:
            self.parts = parts
            begun.set()

        self.playing = asyncio.ensure_future(self.stage.run_beside(self.venue, NO_END, while_running=note))
        stack.push_async_callback(self.end)  # a venue waits for those that are connected
        await begun.wait()

    async def end(self) -> None:
        self.playing.cancel()
        await asyncio.wait([self.playing])

    async def goes_on(self, fills: int = 2) -> None:
        """Wait until it has traded so often again."""
        counts = self.parts.runner.counts
        wanted = counts.fills + fills
        await self.holds(lambda: counts.fills >= wanted)

    async def holds(self, what: Callable[[], bool]) -> None:
        """Wait until something is so while it runs."""
        while not what():
            assert not self.playing.done(), str(self.playing)
            await asyncio.sleep(0.01)

    @property
    def shut_until_ms(self) -> int:
        return int(self.parts.runner.venue._link.budget._retry_after.until_ms)  # type: ignore[attr-defined]


def test_runs_share_a_folder_and_neither_lock_nor_budget_nor_their_own_kill_switch(tmp_path: Path):
    """Play three on two exchanges: the first one's flag stops the first only, the common one stops the other two."""
    state, players = (
        tmp_path / "state",
        [Player(Stage(tmp_path, live=PATIENT, name=name, exchange=exchange)) for name, exchange in NAMES.items()],
    )

    async def play() -> list[Outcome]:
        async with AsyncExitStack() as stack:
            for player in players:
                await player.begin(stack)
            for player in players:
                await player.goes_on()
            players[0].venue.add_fault(Fault(kind="rate_limit", seconds=1))
            await players[0].holds(lambda: players[0].shut_until_ms > 0)
            others = [player.shut_until_ms for player in players[1:]]
            assert others == [0, 0], "what one venue asked for is nothing to the others"
            (state / "one.kill_switch.flag").touch()
            first = await asyncio.wait_for(players[0].playing, 60)
            for player in players[1:]:
                await player.goes_on()
            (state / "kill_switch.flag").touch()
            return [first, *await asyncio.wait_for(asyncio.gather(*(one.playing for one in players[1:])), 60)]

    outcomes = asyncio.run(play())
    assert [(outcome.ending.exit_code, outcome.ending.why) for outcome in outcomes] == [
        (3, f"kill switch: {state}/one.kill_switch.flag exists"),
        (3, f"kill switch: {state}/kill_switch.flag exists"),
        (3, f"kill switch: {state}/kill_switch.flag exists"),
    ]
    for outcome in outcomes:
        check_all(outcome)
    assert set(state.glob("*.journal.sqlite")) == {player.stage.journal_path for player in players}
    assert len(list(state.glob("*.retry_after.json"))) == 1
    assert {f"{name}.run.lock" for name in NAMES} <= {path.name for path in state.glob("*.lock")}
    accounts = {kind: len(list(state.glob(f"{kind}-practice-*.lock"))) for kind in ("binance", "alpaca")}
    assert accounts == {"binance": 2, "alpaca": 1}


def configured(folder: Path, name: str, environment: str = "practice", *, dry_run: bool = False) -> LiveRun:
    folder.joinpath("state").mkdir(parents=True, exist_ok=True)
    config, _ = Stage(folder, name=name).live_config("http://127.0.0.1:9", dry_run=dry_run)
    if environment == "practice":
        return config
    return config.model_copy(update={"venue": BinanceSection(environment="real")})


MINE, YOURS = {"BINANCE_API_KEY": "m" * 64}, {"BINANCE_API_KEY": "y" * 64}


def test_one_name_or_one_account_is_refused_and_two_of_both_are_not(tmp_path: Path):
    with locked(configured(tmp_path, "one"), MINE):
        with (
            pytest.raises(GateRefusedError, match=r"^a run called one is running: .*run\.name") as refused,
            locked(configured(tmp_path, "one"), YOURS),
        ):
            pass
        assert refused.value.exit_code == 3
        with (
            pytest.raises(GateRefusedError, match=r"^this account is traded on by another run: .*another account$"),
            locked(configured(tmp_path, "two"), MINE),
        ):
            pass
        with locked(configured(tmp_path, "two"), YOURS):
            pass  # what was refused before has left nothing locked


def test_dry_runs_are_kept_apart_by_name_only_where_they_have_no_key(tmp_path: Path):
    with (
        locked(configured(tmp_path, "one"), MINE),
        locked(configured(tmp_path, "one", dry_run=True), MINE),
        locked(configured(tmp_path, "two", dry_run=True), {}),
        locked(configured(tmp_path, "three", dry_run=True), {}),
        pytest.raises(GateRefusedError, match=r"^a run called three is running"),
        locked(configured(tmp_path, "three", dry_run=True), {}),
    ):
        pass


def test_two_state_folders_of_a_user_cannot_trade_one_real_account(tmp_path: Path):
    home = {"XDG_STATE_HOME": str(tmp_path / "of_user")}
    with locked(configured(tmp_path / "a", "one", "real"), MINE | home):
        with (
            pytest.raises(GateRefusedError, match=r"this account is traded on by another run: .*/of_user/keel/locks/"),
            locked(configured(tmp_path / "b", "two", "real"), MINE | home),
        ):
            pass
        with locked(configured(tmp_path / "b", "two", "real"), YOURS | home):
            pass
    (tmp_path / "of_user" / "file").touch()
    with (
        pytest.raises(UsageError, match=r"cannot make .* for the locks of accounts: .*XDG_STATE_HOME"),
        locked(
            configured(tmp_path / "a", "one", "real"), MINE | {"XDG_STATE_HOME": str(tmp_path / "of_user" / "file")}
        ),
    ):
        pass
