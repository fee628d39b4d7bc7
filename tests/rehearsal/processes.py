"""Live runs in processes of their own, which can be killed.

A server forks them that has all imports done and no thread at work: who is forked beside one may wait for ever for what
it held.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Self

from keel.practice.security import KeyPair
from keel.practice.server import PracticeVenue

_CONTEXT = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class VenueThere:
    """Tell a process of a venue that runs in another: all that a run needs to know of it."""

    address: str
    keys: Mapping[str, KeyPair]

    @classmethod
    def of(cls, venue: PracticeVenue) -> Self:
        return cls(venue.address, dict(venue.keys))


def begin(target: Callable[..., None], *args: Any) -> BaseProcess:
    """Start a process; the target is a function of a module, and it and what it is given can be pickled."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    _CONTEXT.set_forkserver_preload(["rehearsal.preloaded"])
    process = _CONTEXT.Process(target=target, args=args, daemon=True)
    process.start()
    return process


def pipe() -> tuple[Connection, Connection]:
    """Return the two ends of a line to a process that is still to be started."""
    return _CONTEXT.Pipe()


async def kill(process: BaseProcess) -> None:
    """End a process at once, as the kernel does it."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    while process.is_alive():
        await asyncio.sleep(0.005)
    process.join()
