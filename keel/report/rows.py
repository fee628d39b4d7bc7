"""The tables of a run as rows of text, built once and shown by the console and by the report."""

from __future__ import annotations

from typing import Any, Final

from keel.report import text
from keel.report.figures import CURVE_FIGURES, RELATIVE_FIGURES
from keel.report.reasons import reason_words

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


_MOST_PARTS: Final = 12
"""Instruments whose signals are listed: a universe of hundreds would bury the rest."""

_HORIZONS: Final = {"day": "Day", "week": "Week", "month": "Month", "quarter": "Quarter", "year": "Year"}

_FLOWS: Final = {
    "funding": "Funding",
    "borrow": "Borrow",
    "interest": "Interest",
    "dividends": "Dividends",
    "cash_in_lieu": "Cash in lieu",
}

_FEE_PARTS: Final = {
    "fees_taker": "of it taker",
    "fees_maker": "of it maker",
    "fees_liquidation": "of it liquidation",
}


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
    """Return (figure, strategy, buy and hold) of the figures a run is judged by first."""
    return [row[:3] for rows in figure_rows(summary).values() for row, brief in rows if brief]


def figure_rows(summary: Summary) -> dict[str, list[tuple[Row, bool]]]:
    """Return by heading (figure, strategy, buy and hold, what it says) and whether it is one of the first.

    The longest drawdown is left out where it is the deepest, too.
    """
    strategy, benchmark = summary["strategy"], summary["benchmark"]
    once = all(curve["max_drawdown_days"] == curve["longest_drawdown_days"] for curve in (strategy, benchmark))
    return {
        heading: [
            (
                (
                    figure.name + _open_mark(figure.key, strategy),
                    figure.write(strategy.get(figure.key)),
                    figure.write(benchmark.get(figure.key)),
                    figure.words,
                ),
                figure.brief,
            )
            for figure in figures
            if not (once and figure.key == "longest_drawdown_days")
        ]
        for heading, figures in CURVE_FIGURES.items()
    }


def relative_rows(summary: Summary) -> list[Row]:
    """Return (figure, value, what it says) of the strategy beside buy and hold."""
    return [(figure.name, figure.write(summary["relative"][figure.key]), figure.words) for figure in RELATIVE_FIGURES]


def period_rows(summary: Summary) -> list[Row]:
    """Return (horizon, how many, part that gained, worst, 5th percentile, median, mean, 95th percentile, best)."""
    rows: list[Row] = []
    for key, name in _HORIZONS.items():
        spread = summary["periods"][key]
        if spread["periods"]:
            moves = (text.gain(spread[part]) for part in ("worst", "low", "median", "mean", "high", "best"))
            rows.append((name, text.count(spread["periods"]), text.percent(spread["gained"], 0), *moves))
    return rows


def drawdown_rows(summary: Summary) -> list[Row]:
    """Return (rank, depth, peak, lowest point, back at the peak, length) of the worst drawdowns."""
    return [
        (
            str(rank),
            text.percent(fall["depth"]),
            text.date(fall["peak"]),
            text.date(fall["trough"]),
            text.date(fall["end"]) if fall["recovered"] else "not recovered",
            text.days(fall["days"]),
        )
        for rank, fall in enumerate(summary["drawdowns"], start=1)
    ]


def cost_rows(summary: Summary) -> list[tuple[str, str, str]]:
    """Return (cost, paid in account currency, bps of traded notional), the total last."""
    costs = summary["costs"]
    names = ("fees", "spread", "impact", "rounding", "total")
    return [(text.label(n), text.money(costs[n]["paid"]), text.bps(costs[n]["bps"])) for n in names]


def fee_rows(summary: Summary) -> list[tuple[str, str, str]]:
    """Return (part of the fees, paid, bps of the value it was paid on) where there is more than one part."""
    costs = summary["costs"]
    parts = [key for key in _FEE_PARTS if costs[key]["notional"]]
    return [
        (_FEE_PARTS[key], text.money(costs[key]["paid"]), text.bps(costs[key]["bps"]))
        for key in (parts if len(parts) > 1 else ())
    ]


def cashflow_rows(summary: Summary) -> list[tuple[str, str]]:
    """Return (flow and its direction, amount without its sign) of flows of cash that no fill made."""
    flows = summary["cashflows"]
    return [
        (f"{name} {'received' if flows[key] > 0 else 'paid'}", text.money(abs(flows[key])))
        for key, name in _FLOWS.items()
        if flows[key]
    ]


def trade_rows(summary: Summary) -> list[Row]:
    """Return (figure, value) of closed trades, and of open ones where there are any."""
    trades = summary["trades"]
    rows: list[Row] = [
        ("Closed trades", text.count(trades["closed"])),
        ("Long, short", f"{text.count(trades['long'])}, {text.count(trades['short'])}"),
        ("Win rate", text.percent(trades["win_rate"])),
        ("Profit factor", text.ratio(trades["profit_factor"])),
        ("Expectancy", f"{text.money(trades['average'])} ({text.gain(trades['average_return'])})"),
        ("Average win", text.money(trades["average_win"])),
        ("Average loss", text.money(trades["average_loss"])),
        ("Best", f"{text.money(trades['best'])} ({text.gain(trades['best_return'])})"),
        ("Worst", f"{text.money(trades['worst'])} ({text.gain(trades['worst_return'])})"),
        ("Most losses in a row", text.count(trades["most_losses_in_a_row"])),
        ("Average holding time", text.hours(trades["average_hours"])),
    ]
    if not trades["closed"]:
        rows = rows[:1]
    if trades["open"]:
        rows.append(("Open at the end", f"{text.count(trades['open'])} ({text.money(trades['open_profit'])})"))
    return rows


def trade_quality_rows(summary: Summary) -> list[Row]:
    """Return (figure, value, what it says) of closed trades for the reader who wants more."""
    trades = summary["trades"]
    if not trades["closed"]:
        return []
    ended = ", ".join(f"{text.label(name).lower()} {text.count(number)}" for name, number in trades["exits"].items())
    return [
        ("Payoff ratio", text.ratio(trades["payoff_ratio"]), "Average win over average loss."),
        ("System quality (SQN)", text.ratio(trades["sqn"]), "Above 1.6 is tradable, above 3 excellent."),
        ("Kelly fraction", text.percent(trades["kelly_fraction"]), "The stake that grows fastest; below 0, none."),
        ("Most wins in a row", text.count(trades["most_wins_in_a_row"]), "The longest run of gains."),
        ("Longest trade", text.hours(trades["longest_hours"]), "From opening to closing."),
        ("Fees of closed trades", text.money(trades["fees"]), "Already in their profit."),
        ("Carry of closed trades", text.money(trades["carry"]), "Funding, borrow, dividends; in their profit, too."),
        ("Closed by", ended, "The order that ended the trade."),
    ]


def instrument_rows(summary: Summary) -> list[Row]:
    """Return an instrument's buys, sells, refusals, fills, value traded, costs, carry, trades, win rate and profits."""
    return [
        (
            symbol,
            *(text.count(part[key]) for key in ("buys", "sells", "refused", "fills")),
            *(text.amount(part[key]) for key in ("traded_notional", "costs", "carry")),
            text.count(part["trades"]),
            text.percent(part["win_rate"], 1),
            text.amount(part["net_profit"]),
            text.amount(part["open_profit"]),
        )
        for symbol, part in summary["instruments"].items()
    ]


def signal_rows(summary: Summary) -> list[Row]:
    """Return (signal, how often the strategy gave it)."""
    signals = summary["signals"]
    instruments, members = signals["by_instrument"], signals.get("by_member", {})
    shown = dict(list(instruments.items())[:_MOST_PARTS]) if len(instruments) > 1 else {}
    left_out = len(instruments) - _MOST_PARTS
    return [
        *((text.label(name), text.count(signals[name])) for name in ("buy", "sell", "hold")),
        *((name, " / ".join(map(text.count, own.values()))) for name, own in shown.items()),
        *([(f"{left_out} more", "in metrics.json")] if left_out > 0 else []),
        *((name, " / ".join(map(text.count, own.values()))) for name, own in members.items()),
    ]


def order_rows(summary: Summary) -> list[Row]:
    """Return (what happened to orders, how often); what never happened is left out, save refusals."""
    orders = summary["orders"]
    names = (
        ("Submitted", "submitted", True),
        ("Denied by our checks", "denied", True),
        ("Accepted by the venue", "accepted", True),
        ("Rejected by the venue", "rejected", True),
        ("Triggered", "triggered", False),
        ("Amended", "amended", False),
        ("Amendments refused", "amend_rejected", False),
        ("Fills", "filled", True),
        ("Orders filled in parts", "partial", False),
        ("Liquidations by the venue", "liquidations", False),
        ("Canceled", "canceled", True),
        ("Expired", "expired", True),
        ("Responses timed out", "timeouts", False),
    )
    return [(name, text.count(orders[key])) for name, key, always in names if always or orders[key]]


def reason_rows(summary: Summary) -> list[Row]:
    """Return (what was done, why, how often, what that means) for orders refused, made smaller or ended early.

    What `held_back_rows` returns is left out: nothing went wrong there.
    """
    reasons = summary["reasons"]
    groups = (
        ("Denied", reasons["denied"]),
        ("Rejected", reasons["rejected"]),
        ("Made smaller", {name: n for name, n in summary["clipped"].items() if name != _HELD_BACK}),
        ("Canceled", reasons["canceled"]),
        ("Expired", reasons["expired"]),
        ("Amendment refused", reasons["amend_rejected"]),
    )
    return [
        (what, text.label(reason), text.count(number), reason_words(reason))
        for what, counts in groups
        for reason, number in counts.items()
    ]


def held_back_rows(summary: Summary) -> list[Row]:
    """Return (what, how often) for orders made to leave room for reserve and fees, none where there were none."""
    number = summary["clipped"].get(_HELD_BACK)
    return [("Held back for reserve and fees", text.count(number))] if number else []


def _open_mark(key: str, strategy: dict[str, Any]) -> str:
    return " (not recovered)" if key == "max_drawdown_days" and strategy["max_drawdown_recovered"] is False else ""
