"""A live run in a process of its own, with its locks, which can be killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from rehearsal import processes
from rehearsal.processes import VenueThere, kill

from keel.app.run_journal import locked
from keel.app.wire_live import LiveParts
from keel.domain.clock import WallClock
from keel.domain.venue_messages import OrderTicket, SubmitResult
from keel.journal.lock import RunLock
from keel.practice.server import PracticeVenue

from .scene import NO_END, PATIENCE_S, Scene


def begin(scene: Scene, venue: PracticeVenue, *, stalls: bool = False) -> BaseProcess:
    """Start a live run beside a venue of this process. With `stalls` no order ever leaves it."""
    return processes.begin(_trade, scene, VenueThere.of(venue), stalls)


async def seen_soon(holds: Callable[[], Awaitable[Any]], process: BaseProcess, what: str) -> None:
    """Wait until something holds at the venue; a child that ends before fails the test."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + PATIENCE_S
    while not await holds():
        assert process.is_alive(), f"the child ended before {what}"
        assert loop.time() < ends, f"never came: {what}"
        await asyncio.sleep(0.01)


def _trade(scene: Scene, there: Any, stalls: bool) -> None:
    async def stall(_venue: PracticeVenue, parts: LiveParts) -> None:
        async def never(_ticket: OrderTicket) -> SubmitResult:
            scene.stalled.touch()
            await asyncio.Event().wait()
            raise AssertionError("never")

        if stalls:
            parts.runner.venue.submit = never  # type: ignore[method-assign]

    stage = scene.stage
    config, _ = stage.live_config(there.address, dry_run=False)
    with suppress(KeyboardInterrupt), locked(config, stage.environ_of(there)):
        outcome = asyncio.run(stage.run_beside(there, NO_END, while_running=stall))
        sys.exit(outcome.ending.exit_code)


def hold_lock(folder: Path, name: str) -> BaseProcess:
    """Take an account's lock in another process, and return once it has it."""
    ours, theirs = processes.pipe()
    process = processes.begin(_hold, folder, name, theirs)
    assert ours.recv() == "held"
    return process


def _hold(folder: Path, name: str, told: Connection) -> None:
    with RunLock(folder, name, clock=WallClock()):
        told.send("held")
        signal.pause()


__all__ = ["begin", "hold_lock", "kill", "seen_soon"]
