"""A scene: the practice venue, faults, and a live run beside it that trades by a plan."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rehearsal.exchanges import BINANCE, COINS, STOCKS, Exchange, OrderThere
from rehearsal.stage import Outcome, Stage, ask

from keel.app.wire_live import LiveParts
from keel.config.faults import Fault
from keel.journal.entries import Alarm, Entry, FillBooked, Note, OrderIntent, OrderResolved, SubmitAnswered
from keel.practice.security import KeyPair
from keel.practice.server import PracticeVenue

PATIENCE_S = 60.0
"""Longest wait for anything: generous, for the machine may be busy."""
NO_END = 1_000_000
"""Decisions of a run that something else ends."""
FLIPS = ("every 1 flip 0.2",)
"""In at a close and out at the next."""
LONG = pytest.mark.long
BOTH = pytest.mark.parametrize("exchange", [BINANCE, STOCKS], ids=str)
"""Plays a row on either exchange's wire."""
BOTH_AT_LENGTH = pytest.mark.parametrize("exchange", [BINANCE, pytest.param(STOCKS, marks=LONG)], ids=str)
"""As BOTH, the second only in `make faults`: the row is about what is not the wire's, or takes long."""
Beside = Callable[[PracticeVenue, LiveParts], Awaitable[None]]


@dataclass
class Scene:
    """Set a scene in a folder. `plan` is what the strategy does, `venue` and `live` are overrides, KEY=VALUE.

    Quantities of the plan are bitcoins: of a stock as many are traded as cost as much.
    """

    folder: Path
    plan: Sequence[str] = ()
    venue: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    strategy: str = "Planned"
    params: dict[str, Any] | None = None
    pace: float | str = "lockstep"
    keys: KeyPair | None = None
    """Keys of the account; the venue makes some up for None."""
    exchange: Exchange = BINANCE
    name: str = "stage"
    """Of the run."""

    @property
    def stalled(self) -> Path:
        """Return the file that says that a child has an order to send and does not."""
        return self.folder / "stalled"

    @property
    def stage(self) -> Stage:
        params = {"plan": list(self.plan), "unit": self.exchange.unit} if self.params is None else self.params
        chosen = (f"strategy.class=faults.strategies:{self.strategy}", f"strategy.params={json.dumps(params)}")
        venue = (*self.exchange.plenty, f"pace={self.pace}", *self.venue)
        return Stage(
            self.folder, venue, (*chosen, *self.live), patience_s=300.0, name=self.name, exchange=self.exchange
        )

    def play(self, decisions: int, *faults: Fault, beside: Beside | None = None) -> Outcome:
        """Play it to its end, which so many decisions bring, or what goes on `beside` it."""
        return asyncio.run(self.playing(decisions, *faults, beside=beside))

    async def playing(self, decisions: int, *faults: Fault, beside: Beside | None = None) -> Outcome:
        """Play it in a loop that is there."""
        async with self.venue_of(*faults) as venue:
            return await self.beside(venue, decisions, beside)

    @asynccontextmanager
    async def venue_of(self, *faults: Fault) -> AsyncIterator[PracticeVenue]:
        """Run the venue."""
        venue = self.stage.open_venue({} if self.keys is None else {"practice": self.keys})
        for fault in faults:
            venue.add_fault(fault)
        await venue.start()
        try:
            yield venue
        finally:
            await venue.stop()

    async def beside(self, venue: PracticeVenue, decisions: int, beside: Beside | None = None) -> Outcome:
        """Play a live run at a venue that runs; what fails beside it ends it."""
        failed: list[BaseException] = []

        async def watched(there: PracticeVenue, parts: LiveParts) -> None:
            try:
                await (beside or _nothing)(there, parts)
            except Exception as error:  # noqa: BLE001 - told once the run has ended
                failed.append(error)
                parts.runner.ask_to_stop(f"the scenario failed: {error}")

        outcome = await self.stage.run_beside(venue, decisions, while_running=watched)
        if failed:
            raise failed[0]
        return outcome


async def _nothing(_venue: PracticeVenue, _parts: LiveParts) -> None:
    """Let it run."""


async def counted(venue: PracticeVenue, what: str) -> int:
    """Return how often the venue has seen something, such as `request GET /api/v3/time`."""
    return int((await ask(venue, "log"))["counts"].get(what, 0))


def stopping(ready: Callable[[LiveParts], Any], what: str) -> Beside:
    """Return what stops a run in good order once something holds."""

    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        await until(lambda: ready(parts), what)
        parts.runner.ask_to_stop(f"seen: {what}")

    return watch


async def until(holds: Callable[[], Any], what: str = "") -> None:
    """Wait for a condition; a test that waits in vain fails."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + PATIENCE_S
    while not holds():
        assert loop.time() < ends, f"never came: {what}"
        await asyncio.sleep(0.005)


def requests(outcome: Outcome, what: str) -> list[dict[str, Any]]:
    """Return the requests of a kind that the venue has seen, oldest first."""
    return [entry for entry in outcome.log["entries"] if entry["kind"] == "request" and entry["what"] == what]


def orders_of(outcome: Outcome) -> list[OrderThere]:
    """Return the venue's orders."""
    return list(outcome.there.orders)


def intents(outcome: Outcome) -> list[OrderIntent]:
    return outcome.of_kind(OrderIntent)


def answers(outcome: Outcome) -> list[str]:
    """Return what became of each request to place an order."""
    return [entry.result.outcome.value for entry in outcome.of_kind(SubmitAnswered)]


def resolved(outcome: Outcome) -> list[str]:
    return [entry.what for entry in outcome.of_kind(OrderResolved)]


def is_adopted(outcome: Outcome) -> bool:
    """Say whether an order of unknown fate was found at the venue."""
    return bool(resolved(outcome)) and "not_sent" not in resolved(outcome)


def booked(outcome: Outcome) -> float:
    """Return what all our fills come to, bitcoins of the plan."""
    fills = [entry.fill for entry in outcome.of_kind(FillBooked)]
    return float(sum(fill.side * fill.qty for fill in fills)) / outcome.exchange.unit


def held(outcome: Outcome) -> float:
    """Return the position that our book ends with, bitcoins of the plan."""
    return float(outcome.positions[0]) / outcome.exchange.unit


def texts(outcome: Outcome, kind: type[Entry] = Alarm) -> str:
    """Return the texts of all alarms, or notes."""
    assert kind in (Alarm, Note)
    return "\n".join(entry.text for entry in outcome.of_kind(kind))


__all__ = ["BINANCE", "COINS", "STOCKS", "Exchange", "Outcome", "ask"]
