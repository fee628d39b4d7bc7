"""How quick it is: kill flag to last send, close to order sent, restart to ready, mute socket to found."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from keel.app.wire_live import LiveParts
from keel.config.faults import Fault
from keel.domain.venue_messages import OrderTicket, SubmitResult
from keel.practice.server import PracticeVenue

from . import child
from .scene import BINANCE, FLIPS, NO_END, STOCKS, Exchange, Scene, counted, requests, until

_IDLE_S = 1.0
_SIDE_BY_SIDE = (BINANCE, STOCKS)
_RESTARTS, _MUTES, _KILLS = 0.1, 0.1, 1.0
"""Samples of each figure as a part of those asked for: the slow ones are fewer."""
_APART_S = 5.0
"""Between two restarts, seconds: what twenty starts ask for at once, an exchange does not allow in a minute."""


def print_figures(samples: int) -> None:
    """Measure and print JSON lines: name, n, the goal, and of either exchange p50 and p99 in milliseconds."""
    few, some = max(3, int(samples * _RESTARTS)), max(3, int(samples * _KILLS))
    _print("bar close to order sent", lambda exchange: _closes_to_sent(exchange, samples), "p99 < 20")
    _print("kill flag to last send", lambda exchange: _kills(exchange, some), "p99 < 250")
    _print("restart to ready", lambda exchange: _restarts(exchange, few), "p99 < 5000")
    mutes = max(3, int(samples * _MUTES))
    _print("mute socket to found", lambda exchange: _mutes(exchange, mutes), f"<= {_IDLE_S * 1000:.0f} + 1000")
    counts = {exchange.kind: {"count": _inside_retry_after(exchange)} for exchange in _SIDE_BY_SIDE}
    _write({"figure": "requests inside a Retry-After", "goal": "0"} | counts)


def _print(name: str, measure: Callable[[Exchange], Sequence[float]], goal: str) -> None:
    line: dict[str, object] = {"figure": name, "goal": goal}
    for exchange in _SIDE_BY_SIDE:
        values = measure(exchange)
        p50, p99 = np.percentile(np.array(values), (50, 99)).tolist()
        line[exchange.kind] = {"n": len(values), "p50_ms": round(p50, 2), "p99_ms": round(p99, 2)}
    _write(line)


def _write(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _in_a_folder(play: Callable[[Path], Awaitable[None]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))  # type: ignore[arg-type]


def _closes_to_sent(exchange: Exchange, samples: int) -> list[float]:
    """Measure from the closed bar's arrival to the moment the order's request begins."""
    found: list[float] = []

    async def watch(_venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        heard, send = runner.bars.on_bar, runner.venue.submit
        at = [0.0]

        def on_bar(bar: object) -> None:
            at[0] = time.perf_counter()
            heard(bar)  # type: ignore[arg-type]

        async def submit(ticket: OrderTicket) -> SubmitResult:
            found.append((time.perf_counter() - at[0]) * 1000)
            return await send(ticket)

        runner.bars.on_bar, runner.venue.submit = on_bar, submit  # type: ignore[method-assign, assignment]
        await until(lambda: len(found) >= samples, "samples")
        runner.ask_to_stop("measured")

    async def play(folder: Path) -> None:
        await Scene(folder, FLIPS, exchange=exchange).playing(NO_END, beside=watch)

    _in_a_folder(play)
    return found[:samples]


def _kills(exchange: Exchange, samples: int) -> list[float]:
    """Measure from the flag to the last order that reaches the venue, 0 where none comes after the flag."""
    return [_kill_once(exchange) for _ in range(samples)]


def _kill_once(exchange: Exchange) -> float:
    touched: list[float] = []
    late: list[float] = []

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        await until(lambda: parts.runner.counts.orders_sent >= 3, "orders")
        (Path(parts.runner.config.run.state_dir) / "kill_switch.flag").touch()
        touched.append(time.time_ns() / 1e6)

    async def play(folder: Path) -> None:
        outcome = await Scene(folder, FLIPS, exchange=exchange).playing(NO_END, beside=watch)
        late.append(max([0.0, *(one["wall_ms"] - touched[0] for one in requests(outcome, exchange.post))]))

    _in_a_folder(play)
    return late[0]


def _restarts(exchange: Exchange, samples: int) -> list[float]:
    """Measure from the start of a process, its imports done, to its first decision on the journal it finds."""
    found: list[float] = []

    async def play(folder: Path) -> None:
        scene = Scene(folder, FLIPS, exchange=exchange)
        async with scene.venue_of() as venue:
            for i in range(samples + 1):
                began_s, before = time.perf_counter(), await counted(venue, f"request {exchange.post}")
                process = child.begin(scene if i == 0 else replace(scene), venue)
                while await counted(venue, f"request {exchange.post}") == before:
                    await asyncio.sleep(0.002)
                if i:
                    found.append((time.perf_counter() - began_s) * 1000)
                await child.kill(process)
                await asyncio.sleep(_APART_S)

    _in_a_folder(play)
    return found


def _mutes(exchange: Exchange, samples: int) -> list[float]:
    """Measure from the moment a socket falls silent to its being found, for sockets of bars and of reports in turn."""
    found: list[float] = []

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        runner = parts.runner
        await until(lambda: runner.counts.decisions > 3, "decisions")
        for i in range(samples):
            await until(lambda: not runner.blocks, "that all is well")
            drops, began_s = runner.counts.stream_drops, time.perf_counter()
            venue.add_fault(Fault(kind="mute", sockets="market" if i % 2 else "user", seconds=60))
            await until(lambda drops=drops: runner.counts.stream_drops > drops, "that it is found")  # type: ignore[misc]
            found.append((time.perf_counter() - began_s) * 1000)
        runner.ask_to_stop("measured")

    async def play(folder: Path) -> None:
        live = (f"live.stream_idle_ms={_IDLE_S * 1000:.0f}", "live.bar_wait_ms=200")
        await Scene(folder, FLIPS, live=live, exchange=exchange).playing(NO_END, beside=watch)

    _in_a_folder(play)
    return found


def _inside_retry_after(exchange: Exchange) -> int:
    counted_inside: list[int] = []

    async def watch(venue: PracticeVenue, parts: LiveParts) -> None:
        held = parts.runner.venue._link.budget._retry_after  # type: ignore[attr-defined]
        await until(lambda: parts.runner.counts.decisions > 3, "decisions")
        for _ in range(3):
            before = held.until_ms
            venue.add_fault(Fault(kind="rate_limit", seconds=2))
            await until(lambda before=before: held.until_ms > before, "a 429")  # type: ignore[misc]
            counted_inside.append(time.time_ns() // 1_000_000)
            counted_inside.append(held.until_ms)
            await asyncio.sleep(held.left_s(time.time_ns() // 1_000_000) + 0.3)
            await until(lambda: not parts.runner.blocks, "that all is well")
        parts.runner.ask_to_stop("measured")

    inside = [0]

    async def play(folder: Path) -> None:
        outcome = await Scene(folder, FLIPS, live=("live.poll_ms=200",), exchange=exchange).playing(
            NO_END, beside=watch
        )
        entries = [one for one in outcome.log["entries"] if one["kind"] == "request"]
        stamps = [one["wall_ms"] for one in entries if exchange.is_trading(one["what"])]
        for first, last in zip(counted_inside[::2], counted_inside[1::2], strict=True):
            inside[0] += sum(first < stamp < last for stamp in stamps)

    _in_a_folder(play)
    return inside[0]
