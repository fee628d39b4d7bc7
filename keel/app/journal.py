"""The journal command: what a live run wrote down, by time, level, kind and symbol, while it runs or after it."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from keel.domain.timeframe import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE

if TYPE_CHECKING:
    from rich.console import Console

    from keel.journal.reading import JournalReader, Recorded, Selection

_UNITS_MS: Final = {"s": 1000, "m": MS_PER_MINUTE, "h": MS_PER_HOUR, "d": MS_PER_DAY, "w": 7 * MS_PER_DAY}
_SPAN: Final = re.compile(r"(\d+)([smhdw])")
_FOLLOW_S: Final = 0.5
_WIDTH_OFF_TERMINAL: Final = 200
_ROWS_AT_ONCE: Final = 200
_COLUMNS: Final = {"time (UTC)": 23, "level": 5, "kind": 14, "symbol": 12}
_COLOURS: Final = {"error": "bold red", "warn": "yellow", "info": ""}


def journal(
    *,
    run: Annotated[
        str | None,
        typer.Option(help="Journal's name, as live-binance-practice, or its beginning."),
    ] = None,
    path: Annotated[Path | None, typer.Option(help="File to read instead of a run's.")] = None,
    state_dir: Annotated[Path, typer.Option(help="State folder: run.state_dir in the config.")] = Path("state"),
    last: Annotated[str | None, typer.Option(help="How far back, such as 90s, 30m, 1h, 2d, 1w; default: all.")] = None,
    level: Annotated[str, typer.Option(help="Lowest level shown: info, warn or error.")] = "info",
    kind: Annotated[list[str] | None, typer.Option(help="Kinds shown, such as FillBooked; may be repeated.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Symbol (or currency) shown, decisions on it included.")] = None,
    order: Annotated[str | None, typer.Option(help="Client order id whose entries are shown.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    follow: Annotated[bool, typer.Option(help="Go on with what is written from now on, until Ctrl+C.")] = False,
) -> None:
    """Show the journal of a live run, finished or running: decisions and their reasons, orders, fills, alarms.

    Examples:

        python -m keel journal --last 1h --level error

        python -m keel journal --run momentum --kind OrderIntent --kind FillBooked --symbol BTCUSDT

        python -m keel journal --json --follow
    """
    from keel.journal.reading import JournalReader, Selection

    selection = Selection(
        since_ms=_since_ms(last),
        level=_level(level),
        kinds=_kinds(kind or []),
        symbol=symbol,
        client_order_id=order,
    )
    with JournalReader.open(path if path is not None else find_journal(state_dir, run)) as reader:
        found = _following(reader, selection) if follow else reader.entries(selection)
        with suppress(KeyboardInterrupt) if follow else nullcontext():
            if as_json:
                _print_json(found)
            else:
                _print_table(found, at_once=follow)


def find_journal(state_dir: Path, run: str | None, asked_by: str = "--run") -> Path:
    """Return the journal of a run, by its whole name or by a beginning that only one has, or the only one there is.

    Raises UsageError for none and for several; `asked_by` is what a name follows on the command line. A dry run's is
    not taken for that of the run itself, whose whole name its own begins with.
    """
    from keel.domain.errors import UsageError
    from keel.journal.names import DRY, SUFFIX, journals_in

    stems = {found.name.removesuffix(SUFFIX): found for found in journals_in(state_dir)}
    wanted = {name: found for name, found in stems.items() if run is None or name == run or name.startswith(f"{run}-")}
    if run in stems:
        return stems[run]
    of_run = "" if run is None else f" of {run}"
    if not wanted:
        raise UsageError(f"there is no journal{of_run} in {state_dir}; there is {', '.join(stems) or 'none at all'}")
    if len(wanted) > 1:
        ways = " or ".join(f"{asked_by} {name}" for name in sorted(wanted))
        raise UsageError(f"{state_dir} holds several journals{of_run}: choose one by its whole name, {ways}")
    if f"{run}-{DRY}" in wanted:
        raise UsageError(f"there is no journal{of_run} in {state_dir} but that of its dry run: {asked_by} {run}-{DRY}")
    return next(iter(wanted.values()))


def _since_ms(last: str | None) -> int | None:
    from keel.domain.errors import UsageError

    if last is None:
        return None
    found = _SPAN.fullmatch(last)
    if found is None:
        raise UsageError(f"--last {last}: expected a number and a unit, such as 90s, 30m, 1h, 2d or 1w")
    return time.time_ns() // 1_000_000 - int(found[1]) * _UNITS_MS[found[2]]


def _level(level: str) -> Any:  # noqa: ANN401 - the room of Level is not imported for --help
    from keel.domain.errors import UsageError
    from keel.journal.entries import Level

    if level not in list(Level):
        raise UsageError(f"--level {level}: expected {', '.join(Level)}")
    return Level(level)


def _kinds(kinds: list[str]) -> list[str]:
    from keel.domain.errors import UsageError
    from keel.journal.kinds import KINDS

    by_lower = {name.lower(): name for name in KINDS}
    for kind in kinds:
        if kind.lower() not in by_lower:
            raise UsageError(f"--kind {kind}: expected one of {', '.join(KINDS)}")
    return [by_lower[kind.lower()] for kind in kinds]


def _following(reader: JournalReader, selection: Selection) -> Iterator[Recorded]:
    from dataclasses import replace

    while True:
        # Taken before the look: what is written during it is the next look's.
        end = reader.last_seq()
        yield from (one for one in reader.entries(selection) if one.seq <= end)
        selection = replace(selection, after_seq=max(end, selection.after_seq))
        sys.stdout.flush()
        time.sleep(_FOLLOW_S)


def _print_json(found: Iterable[Recorded]) -> None:
    for one in found:
        head = {
            "seq": one.seq,
            "ts_ms": one.ts_ms,
            "wall_ms": one.wall_ms,
            "session": one.session,
            "kind": one.entry.kind,
            "level": one.entry.level,
            "subject": one.entry.subject,
            "client_order_id": one.entry.order_name,
        }
        sys.stdout.write(f'{json.dumps(head)[:-1]}, "body": {one.entry.to_json()}}}\n')


def _print_table(found: Iterable[Recorded], *, at_once: bool) -> None:
    """Print rows in tables of fixed columns, one after the other: however many there are, they take no room."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OFF_TERMINAL, highlight=False)
    rows = iter(found)
    first = next(rows, None)
    if first is None:
        console.print("no such entry")
        return
    rows = chain([first], rows)
    has_head = True
    while page := list(islice(rows, 1 if at_once else _ROWS_AT_ONCE)):
        _print_page(console, page, has_head=has_head)
        has_head = False


def _print_page(console: Console, page: list[Recorded], *, has_head: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from keel.journal.wording import describe

    table = Table(box=None, show_header=has_head, padding=(0, 1, 0, 0), pad_edge=False, expand=True)
    for name, width in _COLUMNS.items():
        table.add_column(name, width=width, overflow="fold")
    table.add_column("what", overflow="fold", ratio=1)
    for one in page:
        moment = datetime.fromtimestamp(one.wall_ms / 1000, UTC)
        time_text = f"{moment:%Y-%m-%d %H:%M:%S}.{one.wall_ms % 1000:03d}"
        cells = (time_text, one.entry.level.value, one.entry.kind, one.entry.subject, describe(one.entry))
        table.add_row(*map(Text, cells), style=_COLOURS[one.entry.level])
    console.print(table)
