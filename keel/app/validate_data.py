"""The command that validates bars, stored or not yet imported, and mends them into another file where asked to."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import typer

from keel.domain.errors import UsageError
from keel.domain.timeframe import ROUND_THE_CLOCK

if TYPE_CHECKING:
    from rich.table import Table

    from keel.app.validation import Subject
    from keel.config.quality import QualitySection
    from keel.data.quality.finding import Examined, Finding
    from keel.data.repair import RepairedBars

_WIDTH_OFF_TERMINAL: Final = 160
_STYLES: Final = {"refuse": "bold red", "warn": "yellow", "note": "dim"}

_Config: TypeAlias = Annotated[
    Path | None, typer.Option(help="Config whose bars, thresholds and repairs count, such as configs/config_sim.yaml.")
]
_Date: TypeAlias = Annotated[
    str | None,
    typer.Option(help="One day only: yesterday, today or 2024-01-15, in the calendar's zone.", show_default=False),
]
_Set: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one key, such as quality.stale_bars=10; many times."),
]
_Columns: TypeAlias = Annotated[
    str,
    typer.Option(help="The file's names of a bar's columns where they differ: timestamp=t,open=o.", show_default=False),
]
_Repair: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="Mend the bars, then check: drop_bad_rows, sort, drop_duplicates, drop_outliers, forward_fill or "
        "split_adjust; many times, done in that order. Needs --out or --to-venue."
    ),
]


@dataclass(frozen=True)
class _Asked:
    """Hold which bars are asked for, by whichever options."""

    files: Sequence[Path]
    config: Path | None
    venue: str | None
    symbol: str | None
    timeframe: str | None
    store: Path
    columns: str
    timezone: str | None
    calendar: str
    feed: str
    price_kind: Literal["raw", "split", "total"]


def validate_data(
    files: Annotated[list[Path] | None, typer.Argument(help="CSV, zip, Parquet or feather files.")] = None,
    config: _Config = None,
    venue: Annotated[str | None, typer.Option(help="Venue of stored bars, with --symbol and --timeframe.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Symbol, such as BTC/USDT.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Length of a bar; a file's steps tell it, too.")] = None,
    store: Annotated[Path, typer.Option(help="Folder of the bar store.")] = Path("data/bars"),
    date: _Date = None,
    columns: _Columns = "",
    timezone: Annotated[str | None, typer.Option(help="Zone of times in a file that carry none, such as UTC.")] = None,
    calendar: Annotated[
        str, typer.Option(help="A file's trading calendar: 24/7, or a name such as XNYS.")
    ] = ROUND_THE_CLOCK,
    feed: Annotated[str, typer.Option(help="Who made a file's bars; kept where they are repaired.")] = "file",
    price_kind: Annotated[Literal["raw", "split", "total"], typer.Option(help="What a file's prices are.")] = "raw",
    set_: _Set = None,
    repair: _Repair = None,
    split_file: Annotated[Path | None, typer.Option(help="Splits for split_adjust: time, symbol, kind, value.")] = None,
    out: Annotated[Path | None, typer.Option(help="Parquet file to write the repaired bars to.")] = None,
    to_venue: Annotated[str | None, typer.Option(help="Venue name to store the repaired bars under.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print all findings as JSON, for programs.")] = False,
) -> None:
    """Check bars: missing values, impossible prices, duplicates, order, gaps, outliers, splits, stale runs, volume.

    The bars are those of a config, of --venue, --symbol and --timeframe in the store, or of files as you have them,
    before any import. Thresholds are the keys of section quality (configs/config_template.yaml explains them);
    docs/data_quality.md tells how each check works. Nothing is changed but with --repair, into another file.

    Examples:

        python scripts/validate_data.py --config configs/config_backtest_stocks.yaml

        python scripts/validate_data.py BTC_USDT-1h.feather --date 2024-01-15 --json

        python scripts/validate_data.py --venue binance --symbol BTC/USDT --timeframe 1h \\
            --repair forward_fill --to-venue binance-filled

    Exit code 0: all within the thresholds. 2: something is not, or the bars cannot be read.
    """
    asked = _Asked(files or (), config, venue, symbol, timeframe, store, columns, timezone, calendar, feed, price_kind)
    rules, subjects = _gather(asked, set_ or [])
    _refuse_no_place(repair or [], out, to_venue)
    found, repaired = _examine(subjects, _with_repairs(rules, repair or [], split_file), date, quiet=as_json)
    if repair:
        _keep([done for done in repaired if done is not None], out, to_venue, store)
    _end(found, repaired, as_json=as_json)


def _end(found: Sequence[Examined], repaired: Sequence[RepairedBars | None], *, as_json: bool) -> None:
    _show(found, repaired, as_json=as_json)
    if any(one.worst("refuse", "warn") for one in found):
        sys.stdout.flush()
        raise typer.Exit(UsageError.exit_code)


def _gather(asked: _Asked, overrides: Sequence[str]) -> tuple[QualitySection, list[Subject]]:
    from keel.app.validation import subject_of_store, subjects_of_config, thresholds
    from keel.config.load import load_config
    from keel.domain.instrument import InstrumentId

    loaded = None if asked.config is None else load_config(asked.config, overrides).config
    rules = thresholds(overrides) if loaded is None else loaded.quality
    if asked.files:
        return rules, list(_of_files(asked))
    if loaded is not None:
        return rules, list(subjects_of_config(loaded))
    if asked.venue is None or asked.symbol is None or asked.timeframe is None:
        raise UsageError("name the bars: FILE, --config, or --venue with --symbol and --timeframe; --help shows how")
    name = InstrumentId(asked.venue, asked.symbol)
    return rules, [subject_of_store(asked.store, name, asked.timeframe)]


def _of_files(asked: _Asked) -> Iterator[Subject]:
    from keel.app.validation import FileTarget, subject_of_file
    from keel.data.importers.columns import parse_mapping
    from keel.data.quality.raw_file import Layout

    layout = Layout(parse_mapping(asked.columns, {}), asked.calendar, asked.timezone, asked.timeframe)
    target = FileTarget(asked.venue, asked.symbol, asked.feed, asked.price_kind)
    for path in asked.files:
        yield subject_of_file(path, layout, target)


def _with_repairs(rules: QualitySection, steps: Sequence[str], split_file: Path | None) -> QualitySection:
    from keel.app.validation import thresholds

    if not steps:
        return rules
    given = [f"quality.repair=[{', '.join(steps)}]"]
    given += [f"quality.split_file={json.dumps(str(split_file))}"] if split_file else []
    asked = thresholds(given)
    return rules.model_copy(update={"repair": asked.repair, "split_file": asked.split_file})


def _refuse_no_place(steps: Sequence[str], out: Path | None, to_venue: str | None) -> None:
    places = [place for place in (out, to_venue) if place is not None]
    if bool(steps) != (len(places) == 1):
        raise UsageError("--repair goes with one of --out FILE and --to-venue NAME: bars are never changed in place")


def _examine(
    subjects: Sequence[Subject], rules: QualitySection, date: str | None, *, quiet: bool
) -> tuple[list[Examined], list[RepairedBars | None]]:
    from keel.app.console import progress_bar
    from keel.app.validation import examined, mended

    found, repaired = [], []
    with progress_bar(quiet=quiet) as progress:
        task = progress.add_task("checking bars", total=len(subjects))
        for subject in subjects:
            mine, done = mended(subject, rules)
            found.append(examined(mine, rules, date))
            repaired.append(done)
            progress.update(task, advance=1)
    return found, repaired


def _keep(repaired: Sequence[RepairedBars], out: Path | None, to_venue: str | None, store: Path) -> None:
    from keel.data.parquet_file import write_file
    from keel.data.store import BarStore
    from keel.domain.instrument import InstrumentId

    if out is not None and (len(repaired) != 1 or out.exists()):
        why = "exists already" if out.exists() else "is one file"
        raise UsageError(f"--out {out}: {why}, and bars are never rewritten: name a new file for one instrument's bars")
    for done in repaired:
        steps = ", ".join(repair.step for repair in done.repairs)
        bars = replace(done.bars, feed=f"{done.bars.feed}, repaired: {steps}")
        if out is not None:
            write_file(out, bars)
            continue
        named = replace(bars, instrument_id=InstrumentId(str(to_venue), bars.instrument_id.symbol))
        if BarStore(store).exists(named.instrument_id, named.timeframe):
            path = BarStore(store).path(named.instrument_id, named.timeframe)
            raise UsageError(f"{path}: exists, and bars are never rewritten: choose another --to-venue, or delete it")
        BarStore(store).write(named)


def _show(found: Sequence[Examined], repaired: Sequence[RepairedBars | None], *, as_json: bool) -> None:
    from rich.console import Console, Group

    from keel.app.validation import as_json as tree
    from keel.data.repair import told_repair

    if as_json:
        sys.stdout.write(json.dumps(tree(found, repaired), indent=2) + "\n")
        return
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OFF_TERMINAL)
    lines = [told_repair(step, str(done.path)) for done in repaired if done is not None for step in done.repairs]
    console.print(Group(*lines, _bars_table(found)), highlight=False)
    findings = [(one, finding) for one in found for finding in one.findings]
    if findings:
        console.print(_findings_table(findings), highlight=False)
    console.print(_verdict(found), highlight=False)


def _bars_table(found: Iterable[Examined]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    table.add_column("bars", overflow="fold")
    for heading in ("rows", "expected", "refused", "warned", "noted"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("missing values by column", overflow="fold")
    for one in found:
        counts = [f"{len(one.worst(severity)):,}" for severity in ("refuse", "warn", "note")]
        missing = ", ".join(f"{name} {count:,}" for name, count in one.missing_values.items() if count)
        name = Text(f"{one.name} {one.timeframe}")
        table.add_row(name, f"{one.rows:,}", f"{one.expected:,}", *counts, Text(missing or "none"))
    return table


def _findings_table(findings: Iterable[tuple[Examined, Finding]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table("", "bars", "check", "found", "where", "mend", box=SIMPLE_HEAD)
    for column in table.columns:
        column.overflow = "fold"
    for one, finding in findings:
        share = f"{finding.detail}: {finding.count:,} ({finding.fraction:.3%}"
        share += f" of {finding.limit:.3%} allowed)" if finding.limit else ")"
        severity = Text(finding.severity, style=_STYLES[finding.severity])
        mend = finding.mend if finding.severity != "note" else ""
        cells = (Text(text) for text in (one.name, finding.check, share, finding.places(), mend))
        table.add_row(severity, *cells)
    return table


def _verdict(found: Sequence[Examined]) -> str:
    bad = [one.name for one in found if one.worst("refuse", "warn")]
    if not bad:
        return f"All {len(found)} within the thresholds." if len(found) > 1 else "Within the thresholds."
    return f"{len(bad)} of {len(found)} outside the thresholds: {', '.join(bad)}"
