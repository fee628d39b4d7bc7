"""A live run in a process of its own, with its locks, which can be killed: forked where everything is imported."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from keel.app.run_journal import locked
from keel.app.wire_live import LiveParts
from keel.domain.clock import WallClock
from keel.domain.venue_messages import OrderTicket, SubmitResult
from keel.journal.lock import RunLock
from keel.practice.security import KeyPair
from keel.practice.server import PracticeVenue

from .scene import NO_END, PATIENCE_S, Scene

_CONTEXT = multiprocessing.get_context("forkserver")


def begin(scene: Scene, venue: PracticeVenue, *, stalls: bool = False) -> BaseProcess:
    """Start a live run beside a venue of this process. With `stalls` no order ever leaves it."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    _CONTEXT.set_forkserver_preload([__name__])
    pair = venue.keys["practice"]
    process = _CONTEXT.Process(target=_trade, args=(scene, venue.address, pair.key, pair.secret, stalls), daemon=True)
    process.start()
    return process


async def kill(process: BaseProcess) -> None:
    """End a process at once, as the kernel does it."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    while process.is_alive():
        await asyncio.sleep(0.005)
    process.join()


async def seen_soon(holds: Callable[[], Awaitable[Any]], process: BaseProcess, what: str) -> None:
    """Wait until something holds at the venue; a child that ends before fails the test."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + PATIENCE_S
    while not await holds():
        assert process.is_alive(), f"the child ended before {what}"
        assert loop.time() < ends, f"never came: {what}"
        await asyncio.sleep(0.01)


def _trade(scene: Scene, address: str, key: str, secret: str, stalls: bool) -> None:
    there: Any = SimpleNamespace(address=address, keys={"practice": KeyPair(key, secret)})

    async def stall(_venue: PracticeVenue, parts: LiveParts) -> None:
        async def never(_ticket: OrderTicket) -> SubmitResult:
            scene.stalled.touch()
            await asyncio.Event().wait()
            raise AssertionError("never")

        if stalls:
            parts.runner.venue.submit = never  # type: ignore[method-assign]

    stage = scene.stage
    config, _ = stage.live_config(address, dry_run=False)
    with suppress(KeyboardInterrupt), locked(config, stage.environ_of(there)):
        outcome = asyncio.run(stage.run_beside(there, NO_END, while_running=stall))
        sys.exit(outcome.ending.exit_code)


def hold_lock(folder: Path, name: str) -> BaseProcess:
    """Take an account's lock in another process, and return once it has it."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    _CONTEXT.set_forkserver_preload([__name__])
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=_hold, args=(folder, name, theirs), daemon=True)
    process.start()
    assert ours.recv() == "held"
    return process


def _hold(folder: Path, name: str, told: Connection) -> None:
    with RunLock(folder, name, clock=WallClock()):
        told.send("held")
        signal.pause()
