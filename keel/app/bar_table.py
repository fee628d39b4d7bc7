"""What became of bars that were put into the store: a row each, as a table or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from keel.data.bars import StoredBars
    from keel.data.store import BarStore

_Item = TypeVar("_Item")
_WIDTH_OFF_TERMINAL: Final = 140


def summary_of(store: BarStore, bars: StoredBars, added: int, **more: int) -> dict[str, Any]:
    """Return what is to be told of bars of which `added` rows are new in the store; `more` are further counts."""
    from keel.domain.timeframe import utc_text

    return {
        "instrument": str(bars.instrument_id),
        "timeframe": bars.timeframe,
        "bars": bars.table.height,
        "added": added,
        "first": utc_text(int(bars.table["open_ts_ms"][0])),
        "last": utc_text(int(bars.table["open_ts_ms"][-1])),
        "no_volume": int((bars.table["volume"] == 0).sum()),
        **more,
        "feed": bars.feed,
        "price_kind": bars.price_kind,
        "file": str(store.path(bars.instrument_id, bars.timeframe)),
    }


def show(rows: Sequence[dict[str, Any]], *, as_json: bool, counts: Sequence[str] = ()) -> None:
    """Print the rows; the further `counts` have a column where any is not zero."""
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    kinds = sorted({f"{row['price_kind']} ({row['feed'].partition(' ')[0]})" for row in rows})
    table = Table(box=SIMPLE_HEAD, caption=f"prices: {', '.join(kinds)}" if kinds else None)
    table.add_column("instrument", overflow="fold")
    shown = ["no_volume", *(name for name in counts if any(row[name] for row in rows))]
    for heading in ("bars", "added", "first", "last", *(name.replace("_", " ") for name in shown)):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        days = (str(row[name])[:10] for name in ("first", "last"))
        cells = [f"{row[name]:,}" for name in ("bars", "added", *shown)]
        table.add_row(f"{row['instrument']} {row['timeframe']}", *cells[:2], *days, *cells[2:])
    # off a terminal there is no width to keep to, and many columns would fold the names
    Console(width=_WIDTH_OFF_TERMINAL if len(shown) > 1 and not sys.stdout.isatty() else None).print(table)


def with_progress(items: Sequence[_Item], what: str, *, quiet: bool) -> Iterable[_Item]:
    """Give the items one by one and show on stderr, if it is a terminal, how many are done."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(items, what, console=console, transient=True, disable=quiet or not console.is_terminal)
