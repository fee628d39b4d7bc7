"""What a live run ends with in the terminal: why it ended, what it earned, and what it leaves at the venue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from keel.domain.live_status import LiveStatus, OrderLine, PositionStatus
from keel.domain.timeframe import utc_text
from keel.report import live_text, text

_WIDE: Final = 100
"""Width from which all figures stand side by side."""
_MOST_LEFT: Final = 20
"""Positions and orders left behind that are named one by one, of each."""


def print_live_summary(console: Console, status: LiveStatus, why: str, fees: float | None = None) -> None:
    """Print how a run ended; `why` is one line, `fees` account currency, None where they are not known.

    What is still open at the venue comes last and in red: it lives on without anybody watching.
    """
    blocks = [_figures(rows) for rows in (_money_rows(status, fees), _order_rows(status), _error_rows(status))]
    shown = [_beside(*blocks)] if console.width >= _WIDE else [_beside(*blocks[:2]), Text(), blocks[2]]
    console.print(Padding(Group(_heading(status, why), *shown, Text(), *_left_open(status)), (1, 0)))


def _beside(*blocks: Table) -> Table:
    grid = Table.grid(padding=(0, 4, 0, 0))
    grid.add_row(*blocks)
    return grid


def _heading(status: LiveStatus, why: str) -> RenderableType:
    name, style = live_text.world(status)
    lasted = live_text.lasted((status.ts_ms - status.started_ms) / 1000)
    first = Text.assemble(
        (f" {name} ", style), f"  {live_text.shown(status.run_id)}  ", (live_text.shown(status.venue), "dim")
    )
    second = Text(f"Ended: {live_text.shown(why)}", style="bold")
    third = Text(f"{utc_text(status.started_ms)} to {utc_text(status.ts_ms)}, {lasted}", style="dim")
    return Padding(Group(first, second, third), (0, 0, 1, 0))


def _money_rows(status: LiveStatus, fees: float | None) -> list[tuple[str, str | Text]]:
    rows: list[tuple[str, str | Text]] = [
        ("Equity", live_text.money(status.equity)),
        ("Cash", live_text.money(status.cash)),
        ("P&L total", Text(live_text.change(status.pnl_total), style=live_text.change_style(status.pnl_total))),
        ("P&L today", Text(live_text.change(status.pnl_today), style=live_text.change_style(status.pnl_today))),
        ("Drawdown", live_text.percent(status.drawdown)),
    ]
    return rows if fees is None else [*rows, ("Fees", live_text.money(fees))]


def _order_rows(status: LiveStatus) -> list[tuple[str, str | Text]]:
    return [
        ("Decisions", text.count(status.n_decisions)),
        ("Orders sent", text.count(status.n_orders_sent)),
        ("Filled whole", f"{text.count(status.n_orders_filled)} ({live_text.percent(status.fill_rate, 0)})"),
        ("Fills", text.count(status.n_fills)),
        ("Rejected by the venue", text.count(status.n_orders_rejected)),
        ("Denied by our limits", text.count(status.n_denied)),
    ]


def _error_rows(status: LiveStatus) -> list[tuple[str, str | Text]]:
    submit = status.submit_latency
    return [
        ("Orders and cancels asked", text.count(status.n_requests)),
        ("Of them failed", f"{text.count(status.n_request_errors)} ({live_text.percent(status.error_rate)})"),
        ("Streams lost", text.count(status.n_stream_drops)),
        ("Messages not taken", text.count(status.n_bad_messages)),
        ("Submit p50", f"{live_text.milliseconds(submit.p50_ms)} ms"),
        ("Submit p99", f"{live_text.milliseconds(submit.p99_ms)} ms"),
    ]


def _figures(rows: Sequence[tuple[str, str | Text]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(justify="right")
    for name, value in rows:
        table.add_row(name, value)
    return table


def _left_open(status: LiveStatus) -> list[RenderableType]:
    if not status.positions and not status.orders and not status.n_orders_unknown:
        return [Text("Nothing is left open.", style="green")]
    where = "in the simulation" if status.dry_run else f"at {live_text.shown(status.venue)}"
    unknown_first = sorted(status.orders, key=lambda each: each.state != "unknown")
    lines = [
        f"Still open {where}: {_counted(status)}",
        *(_position_line(each) for each in status.positions[:_MOST_LEFT]),
        *_more(len(status.positions), "positions"),
        *(_order_line(each) for each in unknown_first[:_MOST_LEFT]),
        *_more(len(status.orders), "orders"),
    ]
    return [Text(line, style="" if status.dry_run else live_text.ALARM) for line in lines]


def _position_line(each: PositionStatus) -> str:
    held, value = live_text.quantity(each.qty), live_text.money(each.value)
    return f"  {live_text.shown(each.symbol)}  {held}, value {value}"


def _order_line(each: OrderLine) -> str:
    price = live_text.price(each.price)
    at = "" if price == text.MISSING else f" at {price}"
    order = f"{live_text.shown(each.side)} {live_text.shown(each.type)} {live_text.quantity(each.qty)}{at}"
    name = live_text.shown(each.client_order_id)
    return f"  {live_text.shown(each.symbol)}  {order}, {live_text.shown(each.state)} ({name})"


def _counted(status: LiveStatus) -> str:
    counts = (
        (len(status.positions), "position"),
        (len(status.orders), "order"),
        (status.n_orders_unknown, "of unknown outcome"),
    )
    return ", ".join(f"{n} {name}{'s' if n > 1 and ' ' not in name else ''}" for n, name in counts if n)


def _more(n: int, what: str) -> list[str]:
    return [f"  and {n - _MOST_LEFT} more {what}"] if n > _MOST_LEFT else []
