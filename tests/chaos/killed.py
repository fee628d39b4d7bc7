"""Lives of a live run, each a process of its own: one that is killed at a step of its journal, and one that goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from random import Random
from typing import Any

from rehearsal.stage import Stage
from sqlalchemy import event
from sqlalchemy.engine import Engine

from keel.journal.journal import Journal
from keel.live.runner import LiveRunner

from .plenty import make_room

STEPS = ("before", "commit", "after")


@dataclass(frozen=True)
class Kill:
    """Say when a life ends: at a step of its n-th write, or, with no step, so long after it trades."""

    step: str
    nth: int
    after_s: float = 0.0


def drawn(rng: Random, number: int) -> Kill:
    """Return every step in turn, then random moments."""
    if number % 4 == 3:
        return Kill("", 0, rng.uniform(0.0, 0.4))
    return Kill(STEPS[number % 4], rng.choice((1, 2, 3, 4, 5, 6, 8, 10, 14, 20, 30)))


def live(stage: Stage, there: Any) -> None:
    """Be a life of a run at a venue of another process, to its end."""

    async def go() -> None:
        parts, _ = await stage.wire(there)
        await parts.runner.run()

    make_room()
    asyncio.run(go())


def live_until_killed(stage: Stage, there: Any, kill: Kill, trading: Connection) -> None:
    """Be a life that kills itself at a step, and that says when it trades."""
    _die_at(kill)
    _tell(trading)
    live(stage, there)


def _die_at(kill: Kill) -> None:
    count = 0
    append = Journal.append

    def counted(self: Journal, entries: Any, *rest: Any) -> int:
        nonlocal count
        count += bool(entries) or self.waiting > 0
        mine = kill.nth == count
        if mine and kill.step == "before":
            _die()
        if mine and kill.step == "commit":
            event.listen(Engine, "commit", lambda _: _die())
        last = append(self, entries, *rest)
        if mine and kill.step == "after":
            _die()
        return last

    Journal.append = counted  # type: ignore[method-assign]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _tell(trading: Connection) -> None:
    publish: Callable[[LiveRunner, str], None] = LiveRunner._publish

    def published(self: LiveRunner, phase: str) -> None:
        if phase == "trading" and self.status.phase != phase:
            trading.send(phase)
        publish(self, phase)

    LiveRunner._publish = published  # type: ignore[method-assign]
