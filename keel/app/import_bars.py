"""The command that fills the bar store from files, from the arch package, or with made-up bars."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from keel.domain.timeframe import ROUND_THE_CLOCK

if TYPE_CHECKING:
    from keel.data.bars import StoredBars
    from keel.data.store import BarStore

_EXAMPLES = """
Bars are stored as data/bars/VENUE/SYMBOL/TIMEFRAME.parquet. \
Rows already stored are skipped if equal and refused if they differ. \
A bad row is refused by its number, and then nothing of any file is stored.

[bold]Examples[/bold]

python scripts/import_bars.py freqtrade BTC_USDT-1h.feather --venue binance

python scripts/import_bars.py yahoo stocks/*.csv

python scripts/import_bars.py csv btc.csv --venue binance --symbol BTC/USDT --timeframe 1h \
--columns timestamp=open_time,volume=vol --timezone UTC

python scripts/import_bars.py arch

python scripts/import_bars.py synthetic --symbol SYNBTC/USDT --timeframe 1h \
--start 2021-01-01 --end 2024-01-01
"""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Bring bars into Keel's store.\n" + _EXAMPLES,
)

_Files: TypeAlias = Annotated[list[Path], typer.Argument(help="Files to import.", show_default=False)]
_Store: TypeAlias = Annotated[Path, typer.Option(help="Folder of the bar store.")]
_Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]
_Symbol: TypeAlias = Annotated[str, typer.Option(help="Symbol to store, such as BTC/USDT.", show_default=False)]
_Timeframe: TypeAlias = Annotated[str, typer.Option(help="Length of a bar, such as 1m, 1h or 1d.", show_default=False)]
_Venue: TypeAlias = Annotated[str, typer.Option(help="Where it trades: the store's first folder.", show_default=False)]
_Feed: TypeAlias = Annotated[str, typer.Option(help="Who made the bars; kept in the file and in every result.")]
_Kind: TypeAlias = Annotated[
    Literal["raw", "split", "total"],
    typer.Option(help="Prices as traded, adjusted for splits, or for dividends too."),
]
_Calendar: TypeAlias = Annotated[
    str,
    typer.Option(help="24/7, or an exchange_calendars name such as XNYS: then daily rows are dates of sessions."),
]
_Timezone: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Zone of times that carry none, such as UTC or America/New_York. Without it they are refused.",
        show_default=False,
    ),
]
_Columns: TypeAlias = Annotated[
    str,
    typer.Option(
        help="The file's names of a bar's columns where they differ: timestamp=t,open=o,... Also to be mapped: "
        "trade_count, taker_buy_volume. Times are epoch s, ms, us or ns, or ISO.",
        show_default=False,
    ),
]
_STORE = Path("data/bars")


@app.command("csv")
def import_csv(
    files: _Files,
    venue: _Venue,
    symbol: _Symbol,
    timeframe: _Timeframe,
    columns: _Columns = "",
    timezone: _Timezone = None,
    calendar: _Calendar = ROUND_THE_CLOCK,
    feed: _Feed = "csv",
    price_kind: _Kind = "raw",
    store: _Store = _STORE,
    as_json: _Json = False,
) -> None:
    """Import CSV files of one instrument, by column names."""
    from keel.data.importers.columns import Target, parse_mapping
    from keel.data.importers.files import read_csv
    from keel.domain.instrument import InstrumentId

    mapping = parse_mapping(columns)
    target = Target(InstrumentId(venue, symbol), timeframe, feed, price_kind, calendar, timezone)
    _import(files, lambda path: read_csv(path, mapping, target), store, as_json=as_json)


@app.command("parquet")
def import_parquet(
    files: _Files,
    venue: _Venue,
    symbol: _Symbol,
    timeframe: _Timeframe,
    columns: _Columns = "",
    timezone: _Timezone = None,
    calendar: _Calendar = ROUND_THE_CLOCK,
    feed: _Feed = "parquet",
    price_kind: _Kind = "raw",
    store: _Store = _STORE,
    as_json: _Json = False,
) -> None:
    """Import Parquet files of one instrument, by column names."""
    from keel.data.importers.columns import Target, parse_mapping
    from keel.data.importers.files import read_parquet
    from keel.domain.instrument import InstrumentId

    mapping = parse_mapping(columns)
    target = Target(InstrumentId(venue, symbol), timeframe, feed, price_kind, calendar, timezone)
    _import(files, lambda path: read_parquet(path, mapping, target), store, as_json=as_json)


@app.command("freqtrade")
def import_freqtrade(
    files: _Files,
    venue: _Venue,
    symbol: Annotated[
        str | None, typer.Option(help="Symbol, if the file is not named like BTC_USDT-1h.feather.")
    ] = None,
    timeframe: Annotated[str | None, typer.Option(help="Length of a bar, if the file name does not tell.")] = None,
    feed: _Feed = "freqtrade",
    store: _Store = _STORE,
    as_json: _Json = False,
) -> None:
    """Import feather files as freqtrade downloads them; symbol and timeframe come from the file name."""
    from keel.data.importers.files import freqtrade_target, read_freqtrade

    _import(
        files,
        lambda path: read_freqtrade(path, freqtrade_target(path, venue, symbol, timeframe, feed)),
        store,
        as_json=as_json,
    )


@app.command("yahoo")
def import_yahoo(
    files: _Files,
    venue: Annotated[str, typer.Option(help="The store's first folder.")] = "yahoo",
    calendar: Annotated[str, typer.Option(help="Calendar whose sessions the dates are.")] = "XNYS",
    feed: _Feed = "yahoo",
    store: _Store = _STORE,
    as_json: _Json = False,
) -> None:
    """Import Yahoo's daily CSV files; the symbol is the file's name, prices are adjusted for splits."""
    from keel.data.importers.columns import Target
    from keel.data.importers.files import read_yahoo
    from keel.domain.instrument import InstrumentId

    def read(path: Path) -> StoredBars:
        return read_yahoo(path, Target(InstrumentId(venue, path.stem), "1d", feed, "split", calendar))

    _import(files, read, store, as_json=as_json)


@app.command("arch")
def import_arch(
    symbols: Annotated[list[str] | None, typer.Argument(help="SP500, NASDAQ; both if none is named.")] = None,
    store: _Store = _STORE,
    as_json: _Json = False,
) -> None:
    """Import the daily S&P 500 and NASDAQ (1999-2018) that the installed arch package carries; venue indices."""
    from keel.data.importers.arch_indices import ARCH_SYMBOLS, read_arch

    _import(symbols or ARCH_SYMBOLS, read_arch, store, as_json=as_json)


@app.command("synthetic")
def import_synthetic(
    symbol: Annotated[list[str], typer.Option(help="Symbol, starting with SYN; may be repeated.", show_default=False)],
    timeframe: _Timeframe,
    start: Annotated[datetime, typer.Option(help="First day, 00:00 UTC.", formats=["%Y-%m-%d"], show_default=False)],
    end: Annotated[datetime, typer.Option(help="Day after the last.", formats=["%Y-%m-%d"], show_default=False)],
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed makes the same bars.")] = 11,
    initial_price: Annotated[float, typer.Option(help="Price at the start.")] = 30_000.0,
    annual_volatility: Annotated[float, typer.Option(help="Volatility a year; 0.6 = 60%.")] = 0.6,
    venue: Annotated[str, typer.Option(help="The store's first folder.")] = "synthetic",
    store: _Store = _STORE,
    as_json: _Json = False,
) -> None:
    """Make bars up by a seeded model (docs/data.md), for symbols nobody takes for real.

    Made-up bars of other parameters are replaced: they can always be made again.
    """
    from keel.data.provide import put_synthetic
    from keel.data.store import BarStore
    from keel.data.synthetic import SyntheticMarket
    from keel.domain.instrument import InstrumentId

    bounds = [int(day.replace(tzinfo=UTC).timestamp() * 1000) for day in (start, end)]
    market = SyntheticMarket(seed, bounds[0], bounds[1], initial_price, annual_volatility)
    bars = BarStore(store)
    rows = []
    for name in _with_progress(symbol, quiet=as_json):
        instrument_id = InstrumentId(venue, name)
        done = put_synthetic(bars, instrument_id, timeframe, market)
        stored = bars.read(instrument_id, timeframe)
        rows.append(_summary(bars, stored, stored.table.height if done else 0))
    _show(rows, as_json=as_json)


def _import(sources: Iterable[Any], read: Callable[[Any], StoredBars], store: Path, *, as_json: bool) -> None:
    """Read and check every source, then store them all, then print what became of each."""
    from keel.data.store import BarStore

    bars = BarStore(store)
    found = {str(source): read(source) for source in _with_progress(list(sources), quiet=as_json)}
    added = bars.append_all(found)
    _show([_summary(bars, one, added[source]) for source, one in found.items()], as_json=as_json)


def _with_progress(items: list[Any], *, quiet: bool) -> Iterable[Any]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(items, "Reading", console=console, transient=True, disable=quiet or not console.is_terminal)


def _summary(store: BarStore, bars: StoredBars, added: int) -> dict[str, Any]:
    from keel.domain.timeframe import utc_text

    return {
        "instrument": str(bars.instrument_id),
        "timeframe": bars.timeframe,
        "bars": bars.table.height,
        "added": added,
        "first": utc_text(int(bars.table["open_ts_ms"][0])),
        "last": utc_text(int(bars.table["open_ts_ms"][-1])),
        "no_volume": int((bars.table["volume"] == 0).sum()),
        "feed": bars.feed,
        "price_kind": bars.price_kind,
        "file": str(store.path(bars.instrument_id, bars.timeframe)),
    }


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    kinds = sorted({f"{row['price_kind']} ({row['feed'].partition(' ')[0]})" for row in rows})
    table = Table(box=SIMPLE_HEAD, caption=f"prices: {', '.join(kinds)}")
    table.add_column("instrument", overflow="fold")
    for heading in ("bars", "added", "first", "last", "no volume"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        days = (str(row[name])[:10] for name in ("first", "last"))
        counts = [f"{row[name]:,}" for name in ("bars", "added", "no_volume")]
        table.add_row(f"{row['instrument']} {row['timeframe']}", *counts[:2], *days, counts[2])
    Console().print(table)
