"""The command that fills the bar store from files, from the arch package, or with made-up bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from keel.app.bar_table import show, summary_of, with_progress
from keel.domain.timeframe import ROUND_THE_CLOCK

if TYPE_CHECKING:
    from keel.data.bars import StoredBars

_EXAMPLES = """
Bars are stored as data/bars/VENUE/SYMBOL/TIMEFRAME.parquet. \
Rows already stored are skipped if equal and refused if they differ. \
A bad row is refused by its number, and then nothing of any file is stored.

[bold]Examples[/bold]

python scripts/import_bars.py binance BTCUSDT-1m-2024-*.zip

python scripts/import_bars.py freqtrade BTC_USDT-1h.feather --venue binance

python scripts/import_bars.py yahoo stocks/*.csv

python scripts/import_bars.py lean equity/usa/hour/spy.zip --outside-sessions drop

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
_FEED = "Who made the bars; kept in the file and in every result."
_Feed: TypeAlias = Annotated[str, typer.Option(help=_FEED)]
_Kind: TypeAlias = Annotated[
    Literal["raw", "split", "total"],
    typer.Option(help="Prices as traded, adjusted for splits, or for dividends too."),
]
_Calendar: TypeAlias = Annotated[
    str,
    typer.Option(help="24/7, or an exchange_calendars name such as XNYS: then daily rows are dates of sessions."),
]
_Outside: TypeAlias = Annotated[
    Literal["refuse", "drop"],
    typer.Option(help="What to do with bars outside the calendar's sessions; drop tells how many it leaves out."),
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


@app.command("csv", help="Import CSV files of one instrument, or zips of one each, by column names.")
@app.command("parquet", help="Import Parquet files of one instrument, by column names.")
def import_table(
    context: typer.Context,
    files: _Files,
    venue: _Venue,
    symbol: _Symbol,
    timeframe: _Timeframe,
    columns: _Columns = "",
    no_header: Annotated[
        bool, typer.Option("--no-header", help="CSV without a header: its columns are called 1, 2, ... from the left.")
    ] = False,
    timezone: _Timezone = None,
    calendar: _Calendar = ROUND_THE_CLOCK,
    outside_sessions: _Outside = "refuse",
    feed: Annotated[str | None, typer.Option(help=_FEED + " [default: csv or parquet]", show_default=False)] = None,
    price_kind: _Kind = "raw",
    store: _Store = _STORE,
    as_json: _Json = False,
) -> None:
    """Import files by the names of their columns; CSV and Parquet take the same options."""
    from keel.data.importers.columns import POSITIONS, STANDARD_COLUMNS, Target, parse_mapping
    from keel.data.importers.files import read_csv, read_parquet
    from keel.domain.errors import UsageError
    from keel.domain.instrument import InstrumentId

    kind = str(context.info_name)
    if no_header and kind != "csv":
        raise UsageError(f"--no-header: {kind} files name their columns; leave it out")
    mapping = parse_mapping(columns, POSITIONS if no_header else STANDARD_COLUMNS)
    left_out: Counter[str] = Counter()

    def read(path: Path) -> StoredBars:
        telling = _telling(outside_sessions, left_out, path)
        name = InstrumentId(venue, symbol)
        target = Target(name, timeframe, feed or kind, price_kind, calendar, timezone, telling)
        return (
            read_csv(path, mapping, target, header=not no_header)
            if kind == "csv"
            else read_parquet(path, mapping, target)
        )

    _import(files, read, store, as_json=as_json, left_out=left_out)


@app.command("binance")
def import_binance(
    files: _Files,
    venue: Annotated[str, typer.Option(help="The store's first folder; futures need one of their own.")] = "binance",
    symbol: Annotated[
        str | None,
        typer.Option(help="Symbol, such as BTC/USDT; without it the file name's, BTCUSDT.", show_default=False),
    ] = None,
    timeframe: Annotated[
        str | None, typer.Option(help="Length of a bar, if the file name does not tell.", show_default=False)
    ] = None,
    feed: _Feed = "binance",
    store: _Store = _STORE,
    as_json: _Json = False,
) -> None:
    """Import Binance's kline dumps, spot or futures: CSV or zip, with or without header, in ms or microseconds."""
    from keel.data.importers.binance import binance_target, read_binance

    _import(
        files,
        lambda path: read_binance(path, binance_target(path, venue, symbol, timeframe, feed)),
        store,
        as_json=as_json,
    )


@app.command("lean")
def import_lean(
    files: _Files,
    venue: Annotated[str, typer.Option(help="The store's first folder.")] = "lean",
    symbol: Annotated[
        str | None, typer.Option(help="Symbol; without it the ticker of the file inside.", show_default=False)
    ] = None,
    calendar: Annotated[str, typer.Option(help="Calendar whose sessions the bars lie in.")] = "XNYS",
    outside_sessions: _Outside = "refuse",
    feed: _Feed = "lean",
    store: _Store = _STORE,
    as_json: _Json = False,
) -> None:
    """Import QuantConnect LEAN's zips of US stocks, daily, hourly or by minute; prices as traded."""
    from keel.data.importers.lean import read_lean

    left_out: Counter[str] = Counter()

    def read(path: Path) -> StoredBars:
        return read_lean(path, venue, symbol, calendar, feed, _telling(outside_sessions, left_out, path))

    _import(files, read, store, as_json=as_json, left_out=left_out)


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
    for name in with_progress(symbol, "Making", quiet=as_json):
        instrument_id = InstrumentId(venue, name)
        done = put_synthetic(bars, instrument_id, timeframe, market)
        stored = bars.read(instrument_id, timeframe)
        rows.append(summary_of(bars, stored, stored.table.height if done else 0))
    show(rows, as_json=as_json)


def _telling(outside_sessions: str, left_out: Counter[str], path: Path) -> Callable[[int], None] | None:
    """Return what counts the rows that are left out of a file, None if they are to be refused."""
    if outside_sessions == "refuse":
        return None

    def tell(rows: int) -> None:
        left_out[str(path)] += rows

    return tell


def _import(
    sources: Iterable[Any],
    read: Callable[[Any], StoredBars],
    store: Path,
    *,
    as_json: bool,
    left_out: Counter[str] | None = None,
) -> None:
    """Read and check every source, then store them all, then print what became of each."""
    from keel.data.store import BarStore

    bars, dropped = BarStore(store), Counter() if left_out is None else left_out
    found = {str(source): read(source) for source in with_progress(list(sources), "Reading", quiet=as_json)}
    added = bars.append_all(found)
    rows = [summary_of(bars, one, added[source], left_out=dropped[source]) for source, one in found.items()]
    show(rows, as_json=as_json, counts=["left_out"])
