"""Two runs on two exchanges, each a process of its own, from one state folder: what stops one, and what stops both."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from faults import child
from faults.scene import FLIPS, Scene, ask

from keel.journal.entries import Entry, FillBooked, OrderIntent, SessionEnded
from keel.journal.reading import JournalReader
from keel.practice.server import PracticeVenue

from .exchanges import BINANCE, STOCKS, Exchange, There

PATIENT = ("latency.timeout_ms=5000", "live.stream_idle_ms=30000")


@dataclass
class Run:
    """A run in a process, beside a venue in this one."""

    scene: Scene
    venue: PracticeVenue
    process: BaseProcess

    async def fills(self) -> int:
        return len((await self.there()).trades)

    async def there(self) -> There:
        exchange = self.scene.exchange
        return exchange.read((await ask(self.venue, "accounts"))["practice"], exchange.symbols[:1])

    async def goes_on(self) -> None:
        """Wait until it has traded twice again."""
        before = await self.fills()
        await self._until(lambda: self._has(before + 2))

    async def ends(self) -> int:
        """Wait for its end and return its exit code."""
        async with asyncio.timeout(60):
            while self.process.is_alive():
                await asyncio.sleep(0.02)
        self.process.join()
        return int(self.process.exitcode or 0)

    async def _has(self, fills: int) -> bool:
        return await self.fills() >= fills

    async def _until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        await child.seen_soon(holds, self.process, "fills")

    def entries(self) -> list[Entry]:
        with JournalReader.open(self.scene.stage.journal_path) as reader:
            return [recorded.entry for recorded in reader.entries()]

    async def check(self, code: int, why: str) -> None:
        """Check how it ended, that nothing was sent twice or left open, and that every trade is booked once."""
        entries, there = self.entries(), await self.there()
        (ended,) = [entry for entry in entries if isinstance(entry, SessionEnded)]
        assert (ended.exit_code, ended.why) == (code, why)
        names = Counter(order.name for order in there.orders)
        assert set(names.values()) == {1}
        assert set(names) <= {entry.ticket.client_order_id for entry in entries if isinstance(entry, OrderIntent)}
        booked = Counter(entry.fill.trade_id for entry in entries if isinstance(entry, FillBooked))
        assert booked == Counter(trade.id for trade in there.trades)
        assert not [order for order in there.orders if order.is_open]


async def begun(stack: AsyncExitStack, folder: Path, exchange: Exchange) -> Run:
    scene = Scene(folder, FLIPS, live=PATIENT, exchange=exchange, name=exchange.word)
    venue = await stack.enter_async_context(scene.venue_of())
    process = child.begin(scene, venue)
    stack.push_async_callback(end, process)
    return Run(scene, venue, process)


async def end(process: BaseProcess) -> None:
    if process.is_alive():
        await child.kill(process)


@pytest.mark.soak
def test_a_run_s_own_flag_stops_it_alone_and_the_common_one_stops_both(tmp_path: Path):
    state = tmp_path / "state"

    async def play() -> None:
        async with AsyncExitStack() as stack:
            coins, stocks = [await begun(stack, tmp_path, exchange) for exchange in (BINANCE, STOCKS)]
            await coins.goes_on()
            await stocks.goes_on()
            (state / "stocks.kill_switch.flag").touch()
            assert await stocks.ends() == 3
            await stocks.check(3, f"kill switch: {state}/stocks.kill_switch.flag exists")
            await coins.goes_on()
            assert coins.process.is_alive(), "the other's flag is nothing to it"
            (state / "kill_switch.flag").touch()
            assert await coins.ends() == 3
            await coins.check(3, f"kill switch: {state}/kill_switch.flag exists")
        assert len(list(state.glob("binance-practice-*.lock"))) == len(list(state.glob("alpaca-practice-*.lock"))) == 1
        assert {f"{exchange}.run.lock" for exchange in (BINANCE, STOCKS)} <= {one.name for one in state.glob("*.lock")}

    asyncio.run(play())
