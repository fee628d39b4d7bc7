"""The command that fetches past bars from Binance into the store, and goes on where it stopped."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from keel.app.console import ending_tidily, progress_bar
from keel.app.exchange_options import (
    Address,
    Environment,
    host_of,
    link_to,
    load_or_none,
    settings_of,
    unanswered,
    venue_of,
)
from keel.app.update_bars import alone_in
from keel.domain.errors import RetryableError, UsageError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from keel.config.load import LoadedConfig
    from keel.config.venue import BinanceSection
    from keel.data.sources.history import Fetched, History, Rows
    from keel.data.store import BarStore
    from keel.wire.binance_link import BinanceLink
    from keel.wire.binance_symbols import BinanceSymbols

_USER: Final = "bars"
_WEIGHT: Final = 2
_DAY: Final = ["%Y-%m-%d"]
_UNIVERSE: Final = Path("data/universe/symbols.json")
_TRIES: Final = 5
_GAPS_SHOWN: Final = 3


_Symbols: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="Symbol such as BTC/USDT; may be repeated.", show_default=False)
]
_Universe: TypeAlias = Annotated[bool, typer.Option("--universe", help=f"The symbols of {_UNIVERSE}, too.")]
_Timeframe: TypeAlias = Annotated[
    str | None, typer.Option(help="Length of a bar, such as 1m or 1h. Default: the config's.", show_default=False)
]
_Start: TypeAlias = Annotated[
    datetime | None,
    typer.Option(help="First day, 00:00 UTC. Default: the config's.", formats=_DAY, show_default=False),
]
_End: TypeAlias = Annotated[
    datetime | None,
    typer.Option(help="Day to end before, 00:00 UTC. Default: the last bar over.", formats=_DAY, show_default=False),
]
_Config: TypeAlias = Annotated[
    Path | None, typer.Option(help="Config that says symbols, timeframe, range, store, venue.", show_default=False)
]
_Store: TypeAlias = Annotated[
    Path | None, typer.Option(help="Folder of the store. Default: data/bars.", show_default=False)
]
_Venue: TypeAlias = Annotated[
    str | None,
    typer.Option(help="The store's first folder. Default: binance, or binance-ENVIRONMENT.", show_default=False),
]
_Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print what was done as JSON, for programs.")]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Hold what to fetch: times in UTC epoch milliseconds, [start, end)."""

    symbols: tuple[str, ...]
    timeframe: str
    start_ms: int
    end_ms: int
    store: Path
    venue: str
    feed: str


def fetch_bars(
    *,
    symbol: _Symbols = None,
    universe: _Universe = False,
    timeframe: _Timeframe = None,
    start: _Start = None,
    end: _End = None,
    config: _Config = None,
    store: _Store = None,
    venue: _Venue = None,
    environment: Environment = None,
    address: Address = None,
    as_json: _Json = False,
) -> None:
    """Fetch past bars from Binance into the store: what is missing there, and nothing else.

    No key is needed. A run goes on where the last one ended, and asks again for bars that are missing in between; \
what Binance itself does not have is told. Requests keep within Binance's limits. Ctrl+C keeps what is whole.

    Exit code 0; 2 if a symbol failed, with a line for each, while the others went through; 3 if another update of \
this store is running.

    [bold]Examples[/bold]

    python scripts/fetch_bars.py --symbol BTC/USDT --symbol ETH/USDT --timeframe 1m --start 2024-01-01

    python scripts/fetch_bars.py --config configs/config_live.yaml --start 2024-01-01 --environment real

    python scripts/fetch_bars.py --universe --timeframe 1h --start 2023-01-01 --end 2024-01-01 --json
    """
    loaded = load_or_none(config)
    where = venue_of(loaded, environment, address)
    listed = _listed() if universe else ()
    wanted = _wanted(loaded, where, [*(symbol or []), *listed], timeframe, start, end, store, venue)
    done = _run(where, wanted, quiet=as_json)
    if as_json:
        sys.stdout.write(json.dumps([_as_tree(one) for one in done], indent=2) + "\n")
    else:
        _show(done)
    failed = [one for one in done if one.failure is not None]
    for one in failed:
        sys.stderr.write(f"error: {one.symbol}: {one.failure}; run it again to go on\n")
    if failed:
        raise typer.Exit(UsageError.exit_code)


def _run(where: BinanceSection, wanted: Wanted, *, quiet: bool) -> list[Fetched]:
    try:
        with ending_tidily(), alone_in(wanted.store), progress_bar(quiet=quiet) as bar:
            return asyncio.run(_fetch_all(link_to(settings_of(where)), wanted, bar))
    except KeyboardInterrupt:
        raise UsageError("interrupted: the bars that have come are stored; run it again to go on") from None


def _listed() -> tuple[str, ...]:
    from keel.app.universe import read_universe

    return read_universe(_UNIVERSE)


def _wanted(
    loaded: LoadedConfig | None,
    where: BinanceSection,
    symbols: Sequence[str],
    timeframe: str | None,
    start: datetime | None,
    end: datetime | None,
    store: Path | None,
    venue: str | None,
) -> Wanted:
    data = None if loaded is None else loaded.config.data
    own = "binance" if where.environment == "real" else f"binance-{where.environment}"
    chosen = tuple(dict.fromkeys(symbols)) or (() if data is None else data.symbols)
    length = timeframe or (None if data is None else data.timeframe)
    start_ms = _ms(start) if start is not None else None if data is None else data.start_ms
    end_ms = _ms(end) if end is not None else None if data is None else data.end_ms
    if not chosen:
        raise UsageError("which symbols? Give --symbol BTC/USDT, --universe or --config")
    if length is None or start_ms is None:
        raise UsageError(f"from when, and how long are the bars? Give {'--start' if length else '--timeframe'}")
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    folder = store or Path("data/bars" if data is None else data.store)
    named = venue or (data.venue if data is not None and where.environment == "real" else own)
    wanted = Wanted(chosen, length, start_ms, now_ms if end_ms is None else end_ms, folder, named, own)
    if wanted.start_ms >= wanted.end_ms:
        raise UsageError("--end must come after --start, and --start before now")
    return wanted


def _ms(day: datetime) -> int:
    return int(day.replace(tzinfo=UTC).timestamp() * 1000)


class _Klines:
    """Ask for one symbol's klines; what fails for now is asked again, within the exchange's limits."""

    def __init__(self, link: BinanceLink, wire_symbol: str, timeframe: str) -> None:
        self._link = link
        self._asked = {"symbol": wire_symbol, "interval": timeframe}

    async def between(self, start_ms: int, end_ms: int) -> Rows:
        from keel.data.sources.history import PAGE

        return await self._ask(startTime=start_ms, endTime=end_ms - 1, limit=PAGE)

    async def newest(self) -> Rows:
        return await self._ask(limit=1)

    async def _ask(self, **span: int) -> Rows:
        backoff = self._link.settings.backoff()
        for tries_left in reversed(range(_TRIES)):
            try:
                rows: Any = await self._link.ask(_WEIGHT, lambda client: client.get_klines(**self._asked, **span))
            except RetryableError:
                if not tries_left:
                    raise
                await self._link.clock.sleep(backoff.next_s())
            else:
                if not isinstance(rows, list):
                    raise RetryableError("Binance's klines are no list")
                return rows
        raise RetryableError("Binance gave no klines")


async def _fetch_all(link: BinanceLink, wanted: Wanted, bar: Progress) -> list[Fetched]:
    from keel.data.store import BarStore
    from keel.wire.binance_symbols import BinanceSymbols

    known = BinanceSymbols(link)
    try:
        await known.refresh()
        store = BarStore(wanted.store)
        return [await _fetch(link, known, wanted, symbol, store, bar) for symbol in wanted.symbols]
    except RetryableError as error:
        raise unanswered(host_of(link), error) from None
    finally:
        await link.close(_USER)


async def _fetch(
    link: BinanceLink, known: BinanceSymbols, wanted: Wanted, symbol: str, store: BarStore, bar: Progress
) -> Fetched:
    from keel.data.sources.history import Fetched, History
    from keel.domain.instrument import InstrumentId

    task = bar.add_task(f"{symbol} {wanted.timeframe}", total=None)
    try:
        wire_symbol = known.rules(symbol).wire_symbol
    except UsageError as error:
        return Fetched(symbol, wanted.timeframe, failure=str(error))
    history = History(
        store=store,
        instrument_id=InstrumentId(wanted.venue, symbol),
        timeframe=wanted.timeframe,
        feed=wanted.feed,
        klines=_Klines(link, wire_symbol, wanted.timeframe),
        tick=partial(bar.advance, task),
    )
    _size(bar, task, history, wanted)
    return await history.run(wanted.start_ms, wanted.end_ms)


def _size(bar: Progress, task: TaskID, history: History, wanted: Wanted) -> None:
    total = sum(span.bars for span in history.missing(wanted.start_ms, wanted.end_ms))
    bar.update(task, total=total)


def _as_tree(done: Fetched) -> dict[str, Any]:
    gaps = [{"start_ms": gap.start_ms, "end_ms": gap.end_ms, "bars": gap.bars} for gap in done.gaps]
    return {
        "symbol": done.symbol,
        "timeframe": done.timeframe,
        "added": done.added,
        "first_ms": done.first_ms,
        "last_ms": done.last_ms,
        "gaps": gaps,
        "failure": done.failure,
    }


def _show(done: Sequence[Fetched]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from keel.domain.timeframe import utc_text

    table = Table(box=SIMPLE_HEAD)
    table.add_column("symbol", overflow="fold")
    for heading in ("added", "first", "last", "missing at Binance"):
        table.add_column(heading, justify="right")
    for one in done:
        ends = ("–" if ms is None else utc_text(ms) for ms in (one.first_ms, one.last_ms))
        lost = sum(gap.bars for gap in one.gaps)
        table.add_row(f"{one.symbol} {one.timeframe}", f"{one.added:,}", *ends, f"{lost:,}" if lost else "none")
    Console().print(table)
    for one in done:
        for gap in one.gaps[:_GAPS_SHOWN]:
            span = f"{utc_text(gap.start_ms)} to {utc_text(gap.end_ms)}"
            sys.stdout.write(f"{one.symbol}: Binance has no bars from {span} ({gap.bars:,})\n")
        if len(one.gaps) > _GAPS_SHOWN:
            sys.stdout.write(f"{one.symbol}: and {len(one.gaps) - _GAPS_SHOWN} more gaps; --json lists all\n")
