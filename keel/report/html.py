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
from keel.runs.result import RunResult

_DAILY: Final = (252, 365)
_LIBRARY: Final = Path("package_data") / "plotly.min.js"


def render_html(
    result: RunResult, summary: rows.Summary, trades: Trades, config_yaml: str, manifest: Mapping[str, Any]
) -> str:
    """Return the whole page as text of a few megabytes, most of it the charting library.

    `summary` is `summarise(result)`, `trades` is `run_trades(result)`. Charts are thinned, so the size does not grow
    with the run. The page forbids itself every outside address (Content-Security-Policy).
    """
    page = Template(_asset("template.html"))
    data = chart_data(result, trades)
    return page.substitute(
        title=escape(f"{result.config.run.name} · Keel"),
        style=_asset("report.css"),
        theme_script=_asset("theme.js"),
        script=_asset("report.js"),
        data=_script_json(data),
        plotly=packed_library(),
        **_text_parts(result, summary),
        config=escape(config_yaml),
        manifest=fragments.manifest_table(manifest),
        equity_note=_equity_note(data["equity"]),
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
    reasons = rows.reason_rows(summary)
    return {
        "name": escape(result.config.run.name),
        "meta": _meta(result, summary),
        "banner": fragments.banner(summary),
        "lede": fragments.lede(summary),
        "tiles": fragments.tiles(summary),
        "comparison": fragments.table(("Figure", "Strategy", "Buy and hold"), rows.comparison_rows(summary), main=1),
        "figures_note": _figures_note(summary),
        "costs": fragments.cost_table(summary),
        "costs_note": f"Basis points of the {text.money(costs['traded_notional'])} {escape(currency)} traded, "
        "both sides counted. All of it is already in the equity curve.",
        "trades": fragments.table(("Figure", "Value"), rows.trade_rows(summary), main=1),
        "signals": fragments.table(("Signal", "How often"), rows.signal_rows(summary), main=1),
        "orders": fragments.table(("What happened", "How often"), rows.order_rows(summary), main=1),
        "reasons": fragments.table(("What", "Why", "How often"), reasons, words=2, main=2)
        if reasons
        else '<p class="empty">None was.</p>',
        "held_back": _held_back(summary),
        "footer": f"Run {escape(result.run_id)}. Times are UTC. Every bar, fill and order of the run is in the "
        "Parquet files beside this page.",
    }


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
        f"Ratios from {basis} a year, risk-free rate 0. Drawdowns from every mark. "
        "Exposure is the mean of position value over equity; turnover is value traded a year over mean equity, "
        "both sides counted."
    )


def _equity_note(equity: dict[str, Any]) -> str:
    if equity["shown"] == equity["rows"]:
        return "Every mark is drawn."
    return (
        f"Drawn from {text.count(equity['shown'])} of {text.count(equity['rows'])} marks: the highest and the lowest "
        "of each stretch are kept, so no peak or drawdown is lost. All of them are in equity.parquet."
    )


def _script_json(tree: Mapping[str, Any]) -> str:
    # "<" cannot end the script element early when it is written as an escape, which JSON allows anywhere in a string.
    return json.dumps(tree, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _asset(name: str) -> str:
    return resources.files("keel.report").joinpath(name).read_text(encoding="utf-8")
