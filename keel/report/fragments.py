"""Pieces of the report's page as HTML text. Every string that is not markup of ours is escaped here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np

from keel.metrics import returns
from keel.metrics.summary import run_days
from keel.report import rows, text
from keel.runs.result import RunResult

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def table(head: Sequence[str], body: Iterable[Sequence[str]], *, words: int = 1, main: int = 0) -> str:
    """Return a table whose first `words` columns hold words and whose column `main`, if any, stands out."""
    kinds = ["words" if i < words else "main" if i == main else "" for i in range(len(head))]
    top = "".join(f'<th scope="col" class="{k}">{escape(h)}</th>' for h, k in zip(head, kinds, strict=True))
    lines = [
        f'<tr><th scope="row">{escape(line[0])}</th>'
        + "".join(f'<td class="{k}">{escape(c)}</td>' for c, k in zip(line[1:], kinds[1:], strict=True))
        + "</tr>"
        for line in body
    ]
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def figure_table(summary: rows.Summary) -> str:
    """Return the figures of strategy and benchmark under their headings, each with what it says."""
    groups = "".join(
        f'<tbody><tr class="group"><th colspan="4" scope="colgroup">{heading}</th></tr>'
        + "".join(
            f'<tr><th scope="row">{name}</th><td class="main">{ours}</td><td>{theirs}</td>'
            f'<td class="says">{says}</td></tr>'
            for (name, ours, theirs, says), _ in lines
        )
        + "</tbody>"
        for heading, lines in rows.figure_rows(summary).items()
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Figure", "Strategy", "Buy and hold"))
    return (
        f'<div class="scroll"><table class="figures"><thead><tr>{head}<th scope="col" class="says">What it says</th>'
        f"</tr></thead>{groups}</table></div>"
    )


def explained_table(body: Iterable[Sequence[str]]) -> str:
    """Return rows of (figure, value, what it says) as a table."""
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="main wraps">{escape(value)}</td>'
        f'<td class="says">{escape(says)}</td></tr>'
        for name, value, says in body
    )
    return f'<div class="scroll"><table><tbody>{lines}</tbody></table></div>'


def reason_table(body: Iterable[Sequence[str]]) -> str:
    """Return rows of (what was done, why, how often, what that means) as a table, the meaning below the reason."""
    lines = "".join(
        f'<tr><th scope="row">{escape(what)}</th><td class="words">{escape(why)}<span class="meaning">{escape(means)}'
        f'</span></td><td class="main">{escape(number)}</td></tr>'
        for what, why, number, means in body
    )
    head = '<th scope="col">What</th><th scope="col" class="words">Why</th><th scope="col">How often</th>'
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def tiles(summary: rows.Summary) -> str:
    """Return the headline figures, each with what it is to be compared with."""
    strategy, benchmark, costs = summary["strategy"], summary["benchmark"], summary["costs"]
    trades = summary["trades"]
    shown = (
        ("Total return", text.gain(strategy["total_return"]), _held(text.gain(benchmark["total_return"]))),
        ("Annual growth", text.gain(strategy["cagr"]), _held(text.gain(benchmark["cagr"]))),
        ("Sharpe ratio", text.ratio(strategy["sharpe"]), _held(text.ratio(benchmark["sharpe"]))),
        (
            "Max drawdown",
            text.percent(strategy["max_drawdown"]),
            _held(text.percent(benchmark["max_drawdown"])),
        ),
        ("Win rate", text.percent(trades["win_rate"], 1), f"of {text.count(trades['closed'])} closed trades"),
        ("Cost of trading", _bps(costs["total"]["bps"]), "of the value traded"),
    )
    tints = (_tint(strategy["total_return"]), _tint(strategy["cagr"]), "", "", "", "")
    return "\n".join(
        f'<div class="tile"><dt>{name}</dt><dd class="value {tint}">{value}</dd><dd class="beside">{beside}</dd></div>'
        for (name, value, beside), tint in zip(shown, tints, strict=True)
    )


def lede(summary: rows.Summary) -> str:
    """Return the run in one or two sentences."""
    strategy, benchmark, costs = summary["strategy"], summary["benchmark"], summary["costs"]
    if strategy["total_return"] is None:
        return "The run ended before there was anything to measure."
    start, end, paid = (
        f"{text.amount(value)} {escape(costs['currency'])}"
        for value in (strategy["start_equity"], strategy["end_equity"], costs["total"]["paid"])
    )
    return (
        f"{start} became <strong>{end}</strong>, a return of <strong>{text.gain(strategy['total_return'])}</strong>; "
        f"buying and holding at the same costs returned {text.gain(benchmark['total_return'])}. "
        f"Trading cost {paid}, which is in these figures."
    )


def banner(summary: rows.Summary) -> str:
    """Return a warning where the run did not finish, else nothing."""
    if summary["status"] == "done":
        return ""
    period = summary["period"]
    reached = f"{text.count(period['bars'])} of {text.count(period['bars_planned'])} bars were run."
    return f'<p class="banner" role="status"><strong>{escape(rows.status_text(summary))}.</strong> {reached}</p>'


def cost_table(summary: rows.Summary) -> str:
    """Return the costs with a bar for the part each has in the total, then the flows of cash that no fill made."""
    costs = summary["costs"]
    total = costs["total"]["paid"]
    lines = []
    for name, paid, in_bps in rows.cost_rows(summary):
        is_total = name == "Total"
        share = 0.0 if is_total or total <= 0 else max(0.0, costs[name.lower()]["paid"] / total)
        lines.append(_cost_line(name, paid, in_bps, "total" if is_total else "", _share_bar(share)))
        if name == "Fees":
            lines += [_cost_line(*each, "part", "") for each in rows.fee_rows(summary)]
    lines += [_cost_line(name, amount, "", "flow", "") for name, amount in rows.cashflow_rows(summary)]
    head = f'<th scope="col">Cost</th><th></th><th scope="col">{escape(costs["currency"])}</th><th scope="col">bps</th>'
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _cost_line(name: str, paid: str, in_bps: str, kind: str, drawn: str) -> str:
    return (
        f'<tr class="{kind}"><th scope="row">{name}</th><td class="bar">{drawn}</td>'
        f'<td class="main">{paid}</td><td>{in_bps}</td></tr>'
    )


def _share_bar(share: float) -> str:
    return f'<div style="width:{share * 100:.1f}%" title="{text.percent(share, 1)}"></div>' if share > 0.0 else ""


def month_table(result: RunResult) -> str:
    """Return a heat table of monthly returns, a row a year, with the year's return beside buy and hold's."""
    days = run_days(result)
    kept = returns.daily_rows(days)
    kept = kept[kept < len(result.benchmark)]
    if len(kept) < 2:
        return '<p class="empty">The run was shorter than two days.</p>'
    ours = _by_year(returns.monthly_returns(days[kept], result.marks["equity"][kept]))
    held = _by_year(returns.monthly_returns(days[kept], result.benchmark["equity"][kept]))
    deepest = max((abs(v) for months in ours.values() for v in months.values() if np.isfinite(v)), default=0.0)
    furthest = max((abs(_whole(months)) for each in (ours, held) for months in each.values()), default=0.0)
    names = "".join(f'<th scope="col">{name}</th>' for name in (*MONTHS, "Year", "Buy and hold"))
    body = "".join(_year_row(year, months, held[year], deepest, furthest) for year, months in ours.items())
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Monthly returns"><table class="months"><thead><tr>'
        f'<th scope="col"><span hidden>Year</span></th>{names}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def manifest_table(manifest: Mapping[str, Any]) -> str:
    """Return a manifest, nested keys joined by dots, as a two-column table."""
    lines = "".join(
        f'<tr><th scope="row">{escape(key)}</th><td class="mono">{escape(value)}</td></tr>'
        for key, value in _flat(manifest)
    )
    return f'<div class="scroll"><table class="manifest"><tbody>{lines}</tbody></table></div>'


def _held(value: str) -> str:
    return f"Buy and hold {value}"


def _bps(value: float | None) -> str:
    return text.MISSING if value is None else f"{text.bps(value)} bps"


def _tint(value: float | None) -> str:
    return "" if value is None or value == 0 else "gain" if value > 0 else "loss"


def _by_year(months: list[tuple[int, int, float]]) -> dict[int, dict[int, float]]:
    years: dict[int, dict[int, float]] = {}
    for year, month, value in months:
        years.setdefault(year, {})[month] = value
    return years


def _year_row(year: int, months: dict[int, float], held: dict[int, float], deepest: float, furthest: float) -> str:
    cells = "".join(_heat_cell(months.get(month), deepest) for month in range(1, 13))
    years = _heat_cell(_whole(months), furthest, "year") + _heat_cell(_whole(held), furthest, "held")
    return f'<tr><th scope="row">{year}</th>{cells}{years}</tr>'


def _whole(months: dict[int, float]) -> float:
    return float(np.prod([1.0 + change for change in months.values()]) - 1.0)


def _heat_cell(value: float | None, deepest: float, of: str = "") -> str:
    if value is None or not np.isfinite(value) or deepest == 0.0 or not np.isfinite(deepest):
        return f'<td class="{of}">{"" if value is None else _percent(value)}</td>'
    kind = "up" if value >= 0 else "down"
    # The root lifts small moves off the ground, which one large move would flatten.
    return f'<td class="{kind} {of}" style="--depth:{math.sqrt(abs(value) / deepest):.2f}">{_percent(value)}</td>'


def _percent(value: float) -> str:
    return text.percent(value if np.isfinite(value) else None, 1)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{key}.")
        else:
            listed = isinstance(value, list | tuple)
            pairs.append((f"{prefix}{key}", " ".join(map(str, value)) if listed else str(value)))
    return pairs
