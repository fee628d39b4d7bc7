"""A whole rehearsal in one process: a practice venue and a live run, over real sockets, on made bars, by any exchange.

stage = Stage(tmp_path, venue="pace: lockstep", live="")
outcome = asyncio.run(stage.play(decisions=100))
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from keel.app.live_ways import clock_of, link_of, market_of
from keel.app.practice import open_venue
from keel.app.wire_live import LiveParts, wire_live
from keel.config.load import load_config, load_practice
from keel.config.modes import LiveRun
from keel.domain.layout import LOCAL
from keel.journal.entries import Entry
from keel.journal.journal import Journal
from keel.journal.names import JournalName
from keel.live.runner import Ending
from keel.live.session import session_started
from keel.practice.security import KeyPair
from keel.practice.server import PracticeVenue
from keel.runs.redaction import redact

from .exchanges import BINANCE, Exchange, There

ROOT = Path(__file__).resolve().parents[2]

VENUE = """
extends: {root}/configs/base/{base}.yaml
port: 0
pace: lockstep
warm_up_bars: 60
run: {{ seed: 11 }}
data:
  store: {folder}/bars
  venue: synthetic
  symbols: {symbols}
  timeframe: 1m
  start: {days[0]}
  end: {days[1]}
  provider: {{ kind: synthetic, seed: 5, start: {days[0]}, end: {days[1]}, initial_price: {price} }}
market: {{ {market} }}
accounts:
  practice: {{ keys: STAGE, balances: {{ {quote}: 100000 }} }}
{venue_more}
"""

LIVE = """
extends: {root}/configs/base/{base}.yaml
mode: live
dry_run: false
venue: {{ kind: {kind}, {world}, address: "{address}" }}
run: {{ name: stage, seed: 11, state_dir: {folder}/state, logs_dir: {folder}/logs, artifacts_dir: {folder}/artifacts }}
data: {{ store: {folder}/bars, venue: synthetic, symbols: {symbols}, timeframe: 1m }}
market: {{ {market} }}
strategy:
  class: keel.strategies.moving_average:MovingAverageCrossover
  params: {{ short: 3, long: 8 }}
account: {{ currency: {quote}, initial_cash: 100000 }}
risk: {{ daily_loss: 0.5, max_drawdown: 0.6, max_orders_per_min: 1000, close_order_reserve: 5 }}
live: {{ history_bars: 60, bar_wait_ms: 5000, stale_after_ms: 15000, poll_ms: 500, stream_idle_ms: 5000 }}
throttle: {{ max_signals_per_sec: 1000, backoff_base_s: 0.05, max_backoff_s: 0.5 }}
latency: {{ timeout_ms: 1000 }}
health: {{ enabled: false }}
{live_more}
"""


@dataclass
class Outcome:
    """Hold what a rehearsal left behind."""

    ending: Ending
    parts: LiveParts
    entries: list[Entry]
    accounts: dict[str, Any]
    log: dict[str, Any]
    exchange: Exchange = BINANCE

    @property
    def there(self) -> There:
        """Return what the venue has told of the account."""
        return self.exchange.read(self.accounts["practice"], self.parts.runner.config.data.symbols)

    @property
    def cash(self) -> float:
        return float(self.parts.runner.trader.desk.run_record["cash"][LOCAL])

    @property
    def positions(self) -> np.ndarray:
        return self.parts.runner.trader.desk.account_view().position_qty

    @property
    def equity(self) -> float:
        return self.parts.runner.trader.desk.account_view().equity

    def of_kind(self, kind: type[Entry]) -> list[Any]:
        return [entry for entry in self.entries if isinstance(entry, kind)]


@dataclass
class Stage:
    """Set up a venue and a live run in one folder; `venue` and `live` are overrides, KEY=VALUE, of their configs."""

    folder: Path
    venue: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    symbols: str = ""
    """As a config writes them; one of the exchange's by default."""
    keys: dict[str, str] = field(default_factory=dict)
    patience_s: float = 120.0
    name: str = "stage"
    """Of the run."""
    exchange: Exchange = BINANCE

    def filled_in(self, template: str, **more: str) -> str:
        terms = vars(self.exchange) | {"symbols": self.symbols or self.exchange.one}
        return template.format(root=ROOT, folder=self.folder, **terms, **more)

    def open_venue(self, keys: Mapping[str, KeyPair] | None = None) -> PracticeVenue:
        self.folder.joinpath("state").mkdir(exist_ok=True)
        path = self.folder / "practice.yaml"
        path.write_text(self.filled_in(VENUE))
        config, document = load_practice(path, list(self.venue))
        return open_venue(config, document, keys)

    def live_config(self, address: str, *, dry_run: bool) -> tuple[LiveRun, Any]:
        path = self.folder / "live.yaml"
        path.write_text(self.filled_in(LIVE, address=address))
        loaded = load_config(path, [f"run.name={self.name}", *self.live], expect_mode="live")
        assert isinstance(loaded.config, LiveRun)
        return loaded.config.model_copy(update={"dry_run": dry_run}), loaded.document

    @property
    def journal_path(self) -> Path:
        return JournalName(self.name, self.exchange.kind, "practice", dry_run=False).path(self.folder / "state")

    def environ_of(self, venue: PracticeVenue) -> dict[str, str]:
        pair = venue.keys["practice"]
        return dict(zip(self.exchange.environ, (pair.key, pair.secret), strict=True)) | self.keys

    async def wire(self, venue: PracticeVenue, *, dry_run: bool = False) -> tuple[LiveParts, Journal]:
        """Build a live run beside a venue that has started, with the market's clock open."""
        config, document = self.live_config(venue.address, dry_run=dry_run)
        environ = self.environ_of(venue)
        clock = clock_of(config)
        journal = Journal.open(self.journal_path, clock=clock, redact=redact)
        market = market_of(config, clock)
        assert market is not None
        try:
            await market.open()
            link = link_of(config, clock, environ)
            parts = wire_live(config, document, "stage", "hash", journal, clock, link, market)
        except BaseException:
            await market.close()
            journal.close()
            raise
        journal.append([session_started(config, "stage", "hash", "code")])
        return parts, journal

    async def play(
        self,
        decisions: int,
        *,
        dry_run: bool = False,
        while_running: Callable[[PracticeVenue, LiveParts], Awaitable[None]] | None = None,
    ) -> Outcome:
        """Start both, let the run take so many decisions, stop it in good order, and return what is left."""
        venue = self.open_venue()
        await venue.start()
        try:
            return await self.run_beside(venue, decisions, dry_run=dry_run, while_running=while_running)
        finally:
            await venue.stop()

    async def run_beside(
        self,
        venue: PracticeVenue,
        decisions: int,
        *,
        dry_run: bool = False,
        while_running: Callable[[PracticeVenue, LiveParts], Awaitable[None]] | None = None,
    ) -> Outcome:
        """Let one live run go beside a venue that has started."""
        parts, journal = await self.wire(venue, dry_run=dry_run)
        stopper = asyncio.ensure_future(stop_after(parts, decisions))
        others = [] if while_running is None else [asyncio.ensure_future(while_running(venue, parts))]
        try:
            ending = await asyncio.wait_for(parts.runner.run(), self.patience_s)
            for other in others:
                if other.done():
                    other.result()
        finally:
            for task in (stopper, *others):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            assert parts.market is not None
            await parts.market.close()
        journal.flush()
        entries = [recorded.entry for recorded in journal.entries()]
        journal.close()
        return Outcome(ending, parts, entries, await ask(venue, "accounts"), await ask(venue, "log"), self.exchange)


async def stop_after(parts: LiveParts, decisions: int) -> None:
    while parts.runner.counts.decisions < decisions:
        await asyncio.sleep(0.005)
    parts.runner.ask_to_stop("the test has seen enough")


async def ask(venue: PracticeVenue, what: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(f"{venue.address}/practice/{what}") as answer:
        return await answer.json()
