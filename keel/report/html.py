"""The report of a run: one HTML file that needs nothing else, neither network nor server."""

from __future__ import annotations

import base64
import gzip
import importlib.util
import json
from collections.abc import Mapping
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, Final

from keel.domain.errors import KeelError
from keel.metrics.summary import Trades
from keel.report import fragments, rows, text
from keel.report.charts import chart_data
from keel.runs.redaction import redact_mapping
from keel.runs.result import RunResult

_DAILY: Final = (252, 365)
_SCRIPTS: Final = ("unpack.js", "price.js", "report.js")
_RANGES: Final = (("Day", 1), ("Week", 7), ("Month", 30), ("Half-year", 182), ("Year", 365), ("5 years", 1826))
_LEAST_BARS: Final = 10
"""Bars that a stretch of time needs to be worth a button."""
_LIBRARY: Final = Path("package_data") / "plotly.min.js"


def render_html(
    result: RunResult, summary: rows.Summary, trades: Trades, config_yaml: str, manifest: Mapping[str, Any]
) -> str:
    """Return the whole page as text: two megabytes, most of it the charting library, thirteen for a million bars.

    `summary` is `summarise(result)`, `trades` is `run_trades(result)`. The page forbids itself every outside address
    (Content-Security-Policy).
    """
    page = Template(_asset("template.html"))
    data = chart_data(result, trades)
    return page.substitute(
        title=escape(f"{result.config.run.name} · Keel"),
        style=_asset("report.css"),
        theme_script=_asset("theme.js"),
        script="\n".join(_asset(name) for name in _SCRIPTS),
        data=_script_json(data),
        plotly=packed_library(),
        **_text_parts(result, summary),
        **_trade_parts(summary),
        config=escape(config_yaml),
        parameters=_parameters(result),
        manifest=fragments.manifest_table(manifest),
        equity_note=_equity_note(data["equity"]),
        rolling_note=_rolling_note(data["rolling"]["window"], summary),
        ranges=_ranges(summary),
        months=fragments.month_table(result),
    )


def packed_library() -> str:
    """Return plotly.js of the installed package, gzipped, as base64. Raises KeelError where it is not installed.

    Only the file is read: importing plotly would take longer than building the page.
    """
    spec = importlib.util.find_spec("plotly")
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    for folder in folders:
        path = Path(folder) / _LIBRARY
        if path.is_file():
            return base64.b64encode(gzip.compress(path.read_bytes(), 5, mtime=0)).decode("ascii")
    raise KeelError("plotly's plotly.min.js is not installed, so no report can be drawn: run `pip install plotly`")


def _text_parts(result: RunResult, summary: rows.Summary) -> dict[str, str]:
    costs = summary["costs"]
    currency = costs["currency"]
    return {
        "name": escape(result.config.run.name),
        "meta": _meta(result, summary),
        "banner": fragments.banner(summary),
        "lede": fragments.lede(summary),
        "tiles": fragments.tiles(summary),
        "figures": fragments.figure_table(summary),
        "relative": fragments.explained_table(rows.relative_rows(summary)),
        "figures_note": _figures_note(summary),
        "periods": _period_table(summary),
        "drawdowns": _drawdown_table(summary),
        "costs": fragments.cost_table(summary),
        "costs_note": f"Basis points (0.01%) of the {text.money(costs['traded_notional'])} {escape(currency)} traded, "
        "both sides counted. All of it is already in the equity curve.",
        "signals": fragments.table(("Signal", "How often"), rows.signal_rows(summary), main=1),
        "footer": f"Run {escape(result.run_id)}. Times are UTC. Every mark, fill, order, trade and cash flow "
        "of the run is in the Parquet files beside this page.",
    }


def _trade_parts(summary: rows.Summary) -> dict[str, str]:
    reasons = rows.reason_rows(summary)
    refused = fragments.reason_table(reasons) if reasons else '<p class="empty">None was.</p>'
    return {
        "trades": fragments.table(("Figure", "Value"), rows.trade_rows(summary), main=1),
        "trade_quality": fragments.explained_table(rows.trade_quality_rows(summary)),
        "instruments": _instrument_section(summary),
        "orders": fragments.table(("What happened", "How often"), rows.order_rows(summary), main=1),
        "reasons": refused,
        "held_back": _held_back(summary),
    }


def _period_table(summary: rows.Summary) -> str:
    head = ("Horizon", "Periods", "Gained", "Worst", "5% worse than", "Median", "Mean", "5% better than", "Best")
    body = rows.period_rows(summary)
    return fragments.table(head, body, main=5) if body else '<p class="empty">The run was shorter than two days.</p>'


def _drawdown_table(summary: rows.Summary) -> str:
    head = ("Rank", "Depth", "Peak", "Lowest point", "Back at the peak", "Length")
    body = rows.drawdown_rows(summary)
    return fragments.table(head, body, main=1) if body else '<p class="empty">Equity never fell.</p>'


def _instrument_section(summary: rows.Summary) -> str:
    if len(summary["instruments"]) < 2:
        return ""
    currency = escape(summary["costs"]["currency"])
    head = (
        "Instrument",
        "Buys",
        "Sells",
        "Refused",
        "Fills",
        "Traded",
        "Costs",
        "Carry",
        "Trades",
        "Win rate",
        "Profit",
        "Open profit",
    )
    note = (
        f"Buys and sells are orders sent. Money in {currency}. Carry is funding, borrow and dividends. Profit is "
        "that of closed trades, net of all."
    )
    return (
        '<section aria-labelledby="h-instruments"><h2 id="h-instruments">By instrument</h2>'
        f'{fragments.table(head, rows.instrument_rows(summary), main=10)}<p class="note">{note}</p></section>'
    )


def _parameters(result: RunResult) -> str:
    strategy, data = result.config.strategy, result.config.data
    settings = {
        "strategy": strategy.class_path,
        **{f"strategy.params.{name}": value for name, value in strategy.params.items()},
        "data.timeframe": data.timeframe,
        "data.symbols": list(data.symbols),
        "run.seed": result.config.run.seed,
    }
    return fragments.manifest_table(redact_mapping(settings))


def _rolling_note(window: int, summary: rows.Summary) -> str:
    one = "daily returns" if summary["period"]["periods_per_year"] in _DAILY else "bars"
    return f"Each point looks back over {window} {one}: how the figures would have read on that day."


def _ranges(summary: rows.Summary) -> str:
    period = summary["period"]
    return "".join(
        f'<button type="button" data-days="{days}">{name}</button>'
        for name, days in _RANGES
        if days * 1.5 < period["days"] and days * period["bars"] >= _LEAST_BARS * period["days"]
    )


def _meta(result: RunResult, summary: rows.Summary) -> str:
    strategy = result.config.strategy.class_path.rpartition(":")[2]
    parts = (
        strategy,
        rows.symbols_text(summary),
        f"{summary['period']['timeframe']} bars",
        rows.period_text(summary),
        rows.status_text(summary),
    )
    return "".join(f"<span>{escape(part)}</span>" for part in parts)


def _held_back(summary: rows.Summary) -> str:
    body = rows.held_back_rows(summary)
    if not body:
        return ""
    note = "Asked for more than buying power less reserve and fees; sent with what there was. Nothing is wrong."
    shown = fragments.table(("What", "How often"), body, main=1)
    return f'<h3>{rows.FITTED}</h3>{shown}<p class="note">{note}</p>'


def _figures_note(summary: rows.Summary) -> str:
    year = summary["period"]["periods_per_year"]
    basis = f"daily equity, {year} days" if year in _DAILY else f"the equity at each bar, {year:.2f} bars"
    return (
        f"Ratios from {basis} a year, risk-free rate 0. Drawdowns from every mark. Turnover counts both sides. "
        "Value at risk is read off the returns that were, not off a normal curve."
    )


def _equity_note(equity: dict[str, Any]) -> str:
    if equity["shown"] == equity["rows"]:
        return "Zoomed in, every mark is drawn."
    return (
        f"Drawn from {text.count(equity['shown'])} of {text.count(equity['rows'])} marks: the highest and the lowest "
        "of each stretch are kept, so no peak or drawdown is lost. All of them are in equity.parquet."
    )


def _script_json(tree: Mapping[str, Any]) -> str:
    # "<" cannot end the script element early when it is written as an escape, which JSON allows anywhere in a string.
    return json.dumps(tree, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _asset(name: str) -> str:
    return resources.files("keel.report").joinpath(name).read_text(encoding="utf-8")
