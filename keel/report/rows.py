"""The tables of a run as rows of text, built once and shown by the console and by the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from keel.report import text

Summary = dict[str, Any]
Row = tuple[str, ...]

STATUS: Final = {
    "done": "Finished",
    "interrupted": "Interrupted: partial result",
    "kill_switch": "Stopped by the kill switch: partial result",
    "halted": "Halted by the drawdown limit",
    "bankrupt": "Stopped: equity fell to zero",
}

FITTED: Final = "Orders made to fit"
"""Heading over what `held_back_rows` returns."""

_HELD_BACK: Final = "buying_power"
"""Why an order was made smaller that asked for all the account can buy: the ordinary case of a full weight."""

_COMPARED: Final[tuple[tuple[str, str, Callable[[Any], str]], ...]] = (
    ("Total return", "total_return", text.gain),
    ("Annual growth (CAGR)", "cagr", text.gain),
    ("Annual volatility", "annual_volatility", text.percent),
    ("Sharpe ratio", "sharpe", text.ratio),
    ("Sortino ratio", "sortino", text.ratio),
    ("Calmar ratio", "calmar", text.ratio),
    ("Max drawdown", "max_drawdown", text.percent),
    ("Its length", "max_drawdown_days", text.days),
    ("Longest drawdown", "longest_drawdown_days", text.days),
    ("Exposure", "exposure", text.percent),
    ("Time in market", "time_in_market", text.percent),
    ("Turnover a year", "turnover", text.times),
    ("Final equity", "end_equity", text.money),
)


def status_text(summary: Summary) -> str:
    """Return how the run ended, in words."""
    return STATUS.get(summary["status"], text.label(summary["status"]))


def period_text(summary: Summary) -> str:
    """Return the first and last day of the run."""
    period = summary["period"]
    if period["start"] is None:
        return "no bars"
    return f"{text.date(period['start'])} – {text.date(period['end'])}"


def symbols_text(summary: Summary, most: int = 4) -> str:
    """Return the instruments by name, or the first few and how many more."""
    symbols: list[str] = summary["period"]["symbols"]
    more = len(symbols) - most
    return ", ".join(symbols[:most]) + (f" and {more} more" if more > 0 else "")


def comparison_rows(summary: Summary) -> list[Row]:
    """Return (figure, strategy, buy and hold); the longest drawdown only where it is not the deepest, too."""
    strategy, benchmark = summary["strategy"], summary["benchmark"]
    once = all(curve["max_drawdown_days"] == curve["longest_drawdown_days"] for curve in (strategy, benchmark))
    return [
        (name + _open_mark(key, strategy), write(strategy.get(key)), write(benchmark.get(key)))
        for name, key, write in _COMPARED
        if not (once and key == "longest_drawdown_days")
    ]


def cost_rows(summary: Summary) -> list[Row]:
    """Return (cost, paid in account currency, bps of traded notional), the total last."""
    costs = summary["costs"]
    names = ("fees", "spread", "impact", "rounding", "total")
    return [(text.label(n), text.money(costs[n]["paid"]), text.bps(costs[n]["bps"])) for n in names]


def trade_rows(summary: Summary) -> list[Row]:
    """Return (figure, value) of closed trades, and of open ones where there are any."""
    trades = summary["trades"]
    rows: list[Row] = [
        ("Closed trades", text.count(trades["closed"])),
        ("Long, short", f"{text.count(trades['long'])}, {text.count(trades['short'])}"),
        ("Win rate", text.percent(trades["win_rate"])),
        ("Profit factor", text.ratio(trades["profit_factor"])),
        ("Average win", text.money(trades["average_win"])),
        ("Average loss", text.money(trades["average_loss"])),
        ("Average return", text.gain(trades["average_return"])),
        ("Best", f"{text.money(trades['best'])} ({text.gain(trades['best_return'])})"),
        ("Worst", f"{text.money(trades['worst'])} ({text.gain(trades['worst_return'])})"),
        ("Average holding time", text.hours(trades["average_hours"])),
    ]
    if not trades["closed"]:
        rows = rows[:1]
    if trades["open"]:
        rows.append(("Open at the end", f"{text.count(trades['open'])} ({text.money(trades['open_profit'])})"))
    return rows


def signal_rows(summary: Summary) -> list[Row]:
    """Return (signal, how often the strategy gave it)."""
    return [(text.label(name), text.count(number)) for name, number in summary["signals"].items()]


def order_rows(summary: Summary) -> list[Row]:
    """Return (what happened to orders, how often)."""
    orders = summary["orders"]
    names = (
        ("Submitted", "submitted"),
        ("Denied by our checks", "denied"),
        ("Accepted by the venue", "accepted"),
        ("Rejected by the venue", "rejected"),
        ("Fills", "filled"),
        ("Orders filled in parts", "partial"),
        ("Canceled", "canceled"),
        ("Expired", "expired"),
        ("Responses timed out", "timeouts"),
    )
    return [(name, text.count(orders[key])) for name, key in names]


def reason_rows(summary: Summary) -> list[Row]:
    """Return (what was done, why, how often) for orders refused, made smaller or ended early.

    What `held_back_rows` returns is left out: nothing went wrong there.
    """
    groups = (("Refused", "rejections"), ("Made smaller", "clipped"), ("Ended early", "cancellations"))
    return [
        (what, text.label(reason), text.count(number))
        for what, key in groups
        for reason, number in summary[key].items()
        if (key, reason) != ("clipped", _HELD_BACK)
    ]


def held_back_rows(summary: Summary) -> list[Row]:
    """Return (what, how often) for orders made to leave room for reserve and fees, none where there were none."""
    number = summary["clipped"].get(_HELD_BACK)
    return [("Held back for reserve and fees", text.count(number))] if number else []


def _open_mark(key: str, strategy: dict[str, Any]) -> str:
    return " (not recovered)" if key == "max_drawdown_days" and strategy["max_drawdown_recovered"] is False else ""
