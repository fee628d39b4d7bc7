"""The command that makes longer bars of stored ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keel.app.bar_table import show, summary_of, with_progress

if TYPE_CHECKING:
    from keel.data.store import BarStore
    from keel.domain.instrument import InstrumentId

COUNTS = ("incomplete", "missing_parts", "unfinished")


def resample_bars(
    venue: Annotated[str, typer.Option(help="The store's first folder.", show_default=False)],
    source: Annotated[str, typer.Option(help="Length of the stored bars, such as 1m.", show_default=False)],
    timeframe: Annotated[
        list[str], typer.Option(help="Length of the bars to make; may be repeated.", show_default=False)
    ],
    symbol: Annotated[
        list[str] | None,
        typer.Option(help="Symbol; may be repeated. Without it all the venue has.", show_default=False),
    ] = None,
    store: Annotated[Path, typer.Option(help="Folder of the bar store.")] = Path("data/bars"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Make longer bars of stored ones, 1h of 1m, 1d of 1h, 1w of 1d, and store them beside those.

    A second run adds only what is new. A bar is made once it is over: the one that the shorter bars begin inside \
of and the one they end inside of are left out (unfinished). Where parts are missing a bar is made of the others, and \
it is told of how many bars (incomplete) how many parts (missing parts) are not there.

    [bold]Examples[/bold]

    python scripts/resample_bars.py --venue binance --symbol BTCUSDT --source 1m --timeframe 1h --timeframe 1d

    python scripts/resample_bars.py --venue lean --source 1d --timeframe 1w
    """
    from keel.data.store import BarStore

    bars = BarStore(store)
    names = _names(bars, venue, symbol or [], source)
    rows = [
        put_resampled(bars, name, source, longer)
        for name in with_progress(names, "Resampling", quiet=as_json)
        for longer in timeframe
    ]
    show(rows, as_json=as_json, counts=COUNTS)


def put_resampled(store: BarStore, instrument_id: InstrumentId, source: str, timeframe: str) -> dict[str, Any]:
    """Store what is new of the longer bars; return what to tell. Raises as `resample` and `BarStore.append` do."""
    from keel.data.resample import resample_and_count

    done = resample_and_count(store.read(instrument_id, source), timeframe)
    return summary_of(
        store,
        done.bars,
        store.append(done.bars),
        incomplete=done.incomplete,
        missing_parts=done.missing,
        unfinished=done.unfinished,
    )


def _names(store: BarStore, venue: str, symbols: list[str], source: str) -> list[InstrumentId]:
    from keel.domain.errors import DataError
    from keel.domain.instrument import InstrumentId

    if symbols:
        return [InstrumentId(venue, symbol) for symbol in symbols]
    found = [name for name, timeframes in store.contents().items() if name.venue == venue and source in timeframes]
    if not found:
        raise DataError(f"{store.root}: no {source} bars of venue {venue}: name --symbol to see what there is")
    return found
