"""The pieces of the live view: head, money, tables cut to the lines they are given, limits as bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keel.domain.live_status import LiveStatus
from keel.domain.timeframe import utc_text
from keel.report import live_text, text

SLOW_MS: Final = 500.0
"""Latency from which a request counts as slow."""
MACHINE_LINES: Final = 9
"""Lines of the table of latencies, errors and streams."""
_NEAR: Final = 0.75
_WIDE_TABLE: Final = 84
_NAMED_TABLE: Final = 100
_REASONS_LOW: Final = 2
_REASONS: Final = 4
_LOW: Final = 30
"""Height below which fewer reasons are shown."""

Cell = str | Text


def head_lines(status: LiveStatus | None, reasons: Sequence[str], width: int, height: int) -> list[RenderableType]:
    """Return the band that says whose money it is, how the run stands, and why it is not healthy if it is not."""
    why = _reason_lines(reasons, _REASONS_LOW if height < _LOW else _REASONS)
    if status is None:
        return [Text("Keel · waiting for the run's first status", style="bold", no_wrap=True), *why]
    return [_band(status, width), _state_line(status, reasons), *why]


def _band(status: LiveStatus, width: int) -> Text:
    name, style = live_text.world(status)
    up = live_text.lasted((status.ts_ms - status.started_ms) / 1000)
    right = f"up {up}  {utc_text(status.ts_ms - status.ts_ms % 1000)} "
    left = f" {name}  {live_text.shown(status.venue)}  {live_text.shown(status.run_id)}"
    room = width - len(right) - 2
    if len(left) > room:
        right, room = f"up {up} ", width - len(up) - 6
    band = Text(left, style=style, no_wrap=True, overflow="ellipsis")
    band.truncate(room, overflow="ellipsis")
    band.pad_right(width - len(band) - len(right))
    band.append(right)
    return band


def _state_line(status: LiveStatus, reasons: Sequence[str]) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f" {status.trading_state.name} ", style=live_text.STATE_STYLES[status.trading_state])
    line.append(f" {live_text.shown(status.phase)}", style="bold")
    if status.session is not None:
        line.append(f", {status.session}")
    line.append("  ·  ", style="dim")
    line.append("not healthy" if reasons else "healthy", style=live_text.ALARM if reasons else "green")
    line.append("  ·  ", style="dim")
    age = status.last_bar_age_s
    line.append("no bar yet" if age is None else f"last bar {live_text.lasted(age)} ago")
    line.append("  ·  ", style="dim")
    line.append(f"{text.count(status.n_decisions)} decisions")
    return line


def _reason_lines(reasons: Sequence[str], most: int) -> list[RenderableType]:
    kept = reasons if len(reasons) <= most else reasons[: most - 1]
    lines = [f" ! {live_text.shown(reason)}" for reason in kept]
    if len(kept) < len(reasons):
        lines.append(f" ! and {len(reasons) - len(kept)} more reasons")
    return [Text(line, style=live_text.ALARM, no_wrap=True, overflow="ellipsis") for line in lines]


def money_lines(status: LiveStatus) -> RenderableType:
    """Return two lines: what the figures of the account are called, and what they are."""
    figures: tuple[tuple[str, Cell], ...] = (
        ("Equity", Text(live_text.money(status.equity), style="bold")),
        ("Cash", live_text.money(status.cash)),
        ("P&L today", _change(status.pnl_today, bold=True)),
        ("P&L total", _change(status.pnl_total, bold=True)),
        ("Drawdown", live_text.percent(status.drawdown)),
        ("Exposure", live_text.percent(status.gross_weight)),
    )
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for _ in figures:
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_row(*(Text(name, style="dim") for name, _ in figures))
    table.add_row(*(value for _, value in figures))
    return table


def positions_table(status: LiveStatus, width: int, lines: int) -> RenderableType:
    """Return the positions, the largest first, in at most `lines` lines; those left out are counted and valued."""
    if not status.positions:
        return _nothing("Positions", "none")
    held = sorted(status.positions, key=lambda each: -abs(each.value) if math.isfinite(each.value) else math.inf)
    wide = width >= _WIDE_TABLE
    table = _table(
        f"Positions {len(held)}", "Quantity", *(("Average",) if wide else ()), "Mark", "Value", "Weight", "P&L"
    )
    kept, left = _cut(len(held), lines)
    for each in held[:kept]:
        table.add_row(
            Text(live_text.shown(each.symbol), style="bold"),
            live_text.quantity(each.qty),
            *((live_text.price(each.average_price),) if wide else ()),
            live_text.price(each.mark_price),
            live_text.money(each.value),
            live_text.percent(each.weight),
            _change(each.unrealised_pnl),
        )
    if not left:
        return table
    value = sum(each.value for each in held[kept:])
    gain = sum(each.unrealised_pnl for each in held[kept:])
    return Group(table, _more(f"and {left} more: value {live_text.money(value)}, P&L {live_text.change(gain)}"))


def orders_table(status: LiveStatus, width: int, lines: int) -> RenderableType:
    """Return the orders whose end is not known, unknown ones first, in at most `lines` lines."""
    if not status.orders:
        return _nothing("Orders", "none")
    live = sorted(status.orders, key=lambda each: each.state != "unknown")
    named = width >= _NAMED_TABLE
    table = _table(f"Orders {len(live)}", "Quantity", "Filled", "Price", "Age", words=("Order", "State"))
    if named:
        table.add_column("Name", style="dim", no_wrap=True, overflow="ellipsis")
    kept, left = _cut(len(live), lines)
    for each in live[:kept]:
        table.add_row(
            Text(live_text.shown(each.symbol), style="bold"),
            f"{live_text.shown(each.side)} {live_text.shown(each.type)}",
            Text(live_text.shown(each.state), style=live_text.ALARM if each.state == "unknown" else ""),
            live_text.quantity(each.qty),
            live_text.quantity(each.filled_qty),
            live_text.price(each.price),
            live_text.lasted(each.age_s),
            *((live_text.shown(each.client_order_id),) if named else ()),
        )
    return Group(table, _more(f"and {left} more")) if left else table


def decisions_table(status: LiveStatus, lines: int) -> RenderableType:
    """Return the last decisions and what became of each, the newest first, in at most `lines` lines."""
    if not status.decisions:
        return _nothing("Last decisions", "none yet")
    newest = sorted(status.decisions, key=lambda each: -each.ts_ms)
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    table.add_column(Text("Last decisions", style="bold not dim"), no_wrap=True)
    table.add_column("Symbol", style="bold", no_wrap=True)
    table.add_column("Weight", justify="right", no_wrap=True)
    table.add_column("What became of it", ratio=1, no_wrap=True, overflow="ellipsis")
    for each in newest[: max(0, lines - 1)]:
        moment = datetime.fromtimestamp(each.ts_ms / 1000, UTC)
        weight = live_text.percent(each.weight, 1)
        table.add_row(f"{moment:%H:%M:%S} UTC", live_text.shown(each.symbol), weight, live_text.shown(each.what))
    return table


def risk_table(status: LiveStatus) -> RenderableType:
    """Return one bar for each limit: how much of it is used."""
    if not status.risk_used:
        return _nothing("Risk used", "nothing measured yet")
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    table.add_row(Text("Risk used", style="bold"), "", "")
    for key, part in status.risk_used.items():
        style = "bold red" if part >= 1 else "yellow" if part >= _NEAR else "cyan"
        table.add_row(live_text.shown(key.removeprefix("risk.")), _Bar(part, style), Text(_part(part), style=style))
    return table


class _Bar:
    """Draw a part of the width there is."""

    def __init__(self, part: float, style: str) -> None:
        self._part = min(1.0, max(0.0, part)) if math.isfinite(part) else 0.0
        self._style = style

    def __rich_console__(self, _console: object, options: object) -> Sequence[Text]:
        width = int(getattr(options, "max_width", 10))
        full = min(width, math.ceil(self._part * width))
        return [Text.assemble(("━" * full, self._style), ("─" * (width - full), "dim"), no_wrap=True)]


def machine_table(status: LiveStatus, lines: int = MACHINE_LINES) -> RenderableType:
    """Return latencies, errors and streams, a line each, those that matter most first, in at most `lines` lines."""
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    table.add_row(Text("Machine room", style="bold"), "")
    for name, value in _machine_rows(status)[: max(0, lines - 1)]:
        table.add_row(name, value)
    return table


def _machine_rows(status: LiveStatus) -> list[tuple[str, Cell]]:
    submit, decide = status.submit_latency, status.decide_latency
    clock = status.clock_offset_ms
    failed = f"{text.count(status.n_request_errors)} of {text.count(status.n_requests)}"
    unknown = Text(text.count(status.n_orders_unknown), style=live_text.ALARM if status.n_orders_unknown else "")
    return [
        ("Submit p50 / p99", _latency(submit.p50_ms, submit.p99_ms)),
        ("Orders unknown", unknown),
        ("Orders, cancels failed", failed),
        (
            "Streams lost / messages not taken",
            f"{text.count(status.n_stream_drops)} / {text.count(status.n_bad_messages)}",
        ),
        (
            "Orders sent / filled whole",
            f"{text.count(status.n_orders_sent)} / {live_text.percent(status.fill_rate, 0)}",
        ),
        ("Rejected / denied by us", f"{text.count(status.n_orders_rejected)} / {text.count(status.n_denied)}"),
        ("Decide p50 / p99", _latency(decide.p50_ms, decide.p99_ms)),
        ("Clock offset", text.MISSING if clock is None else f"{live_text.milliseconds(clock)} ms"),
    ]


def _latency(middle_ms: float, high_ms: float) -> Text:
    written = f"{live_text.milliseconds(middle_ms)} / {live_text.milliseconds(high_ms)} ms"
    return Text(written, style="yellow" if high_ms > SLOW_MS else "")


def _table(title: str, *numbers: str, words: Sequence[str] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    table.add_column(
        Text(title, style="bold not dim"), ratio=1, min_width=len(title), no_wrap=True, overflow="ellipsis"
    )
    for name in words:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _cut(rows: int, lines: int) -> tuple[int, int]:
    """Return how many rows fit under a head, and how many are left out; a line is kept to say so."""
    room = max(0, lines - 1)
    kept = rows if rows <= room else max(0, room - 1)
    return kept, rows - kept


def _more(words: str) -> Text:
    return Text(words, style="dim", no_wrap=True, overflow="ellipsis")


def _nothing(title: str, words: str) -> Text:
    return Text.assemble((title, "bold"), "  ", (words, "dim"))


def _change(value: float, *, bold: bool = False) -> Text:
    return Text(live_text.change(value), style=f"{'bold ' if bold else ''}{live_text.change_style(value)}".strip())


def _part(part: float) -> str:
    return f"{part:.0%}" if math.isfinite(part) else text.MISSING
