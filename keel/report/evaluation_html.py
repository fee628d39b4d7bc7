"""report.html of an evaluation: one file that needs nothing else, neither network nor server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from string import Template
from typing import Any

import numpy as np

from keel.report import evaluation, fragments, text
from keel.report.evaluation import Curve, EvaluationReport, Tree
from keel.report.evaluation_curves import learning_series, thinned
from keel.report.html import packed_library
from keel.report.search_html import Chart, titled

_TINTS = ("--strategy", "--loss", "--benchmark", "#7a5aa8", "#2f8f83", "#c2a31c", "#b0457b")
"""Colours of lines, in the order they are drawn."""


def render_evaluation_html(report: EvaluationReport) -> str:
    """Return the whole page as text; it forbids itself every outside address (Content-Security-Policy)."""
    tree, charts = report.tree, _charts(report)
    return Template(_asset("evaluation.html")).substitute(
        title=escape(f"{report.name} · Keel"),
        style=_asset("report.css"),
        theme_script=_asset("theme.js"),
        script=_asset("search_page.js"),
        data=json.dumps(charts, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        plotly=packed_library(),
        name=escape(report.name),
        meta=escape(evaluation.subject_line(tree)),
        warnings="".join(
            f'<p class="banner" role="status">{escape(line)}</p>' for line in evaluation.warnings_of(tree)
        ),
        lede=escape(evaluation.headline_of(tree)),
        sections="".join(_sections(report, charts)),
        config=escape(report.config_yaml),
        manifest=fragments.manifest_table(report.manifest),
        footer="Times are UTC. Every part's marks and fills are in the folders of the profiles beside this page.",
    )


def _sections(report: EvaluationReport, charts: Mapping[str, Chart]) -> list[str]:
    tree = report.tree
    main = tree["profiles"][tree["main"]]
    body = fragments.table(evaluation.PROFILE_HEAD, evaluation.profile_rows(tree), main=1)
    note = "Costs are fees, spread, impact and rounding as a part of the starting equity; all are in the returns."
    sections = [
        _section("Profiles side by side", body, note),
        _chart("profiles", charts, "What became of 1", "Profiles that play the whole span. Random: the median trader."),
        _chart("falls", charts, "Drawdowns", "From the highest equity so far."),
        _section(f"Beside {len(evaluation.BASELINES)} baselines", _baselines(tree), "At the same costs and limits."),
        _chart("baselines", charts, "The model and its baselines", f"Profile {tree['main']}, what became of 1."),
        _section("What the evidence supports", _verdict(main["statistics"]["verdict"]), evaluation.choice_line(tree)),
        _section("Intervals", _statistics(tree), _statistics_note(main["statistics"])),
        _chart("actions", charts, "What it asked for", "How often each target weight was held, as part of all bars."),
    ]
    if tree["attribution"]:
        note = (
            "Each feature in turn is shuffled in blocks over time and the bars are played again: how far the mean "
            "weight moved, and by how much the return changed. Features that tell the same stand in for each other."
        )
        sections.append(_chart("attribution", charts, "What the features are worth", note))
    if "learning" in charts:
        sections.append(_chart("learning", charts, "How it learnt", "Figures that training noted, by steps."))
    return sections


def _section(title: str, body: str, note: str = "") -> str:
    told = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<section><h2>{escape(title)}</h2>{body}{told}</section>"


def _chart(key: str, charts: Mapping[str, Chart], title: str, note: str) -> str:
    return _section(title, f'<div id="{key}" class="chart"></div>' if key in charts else "", note)


def _baselines(tree: Tree) -> str:
    head, name = evaluation.BASELINE_HEAD, tree["main"]
    parts = tree["profiles"][name]["parts"]
    return "".join(fragments.table(head, evaluation.baseline_rows(part, name), main=1) for part in parts)


def _statistics(tree: Tree) -> str:
    return fragments.table(evaluation.STATISTIC_HEAD, evaluation.statistic_rows(tree), main=1)


def _statistics_note(found: Tree) -> str:
    return (
        f"Stationary block bootstrap of {text.count(found['returns'])} daily returns. Above luck: the deflated Sharpe "
        f"ratio, after {text.count(found['trials'])} trials in the ledger, these among them."
    )


def _verdict(found: Tree) -> str:
    rows = [(claim, support, reason) for claim, support, reason in evaluation.verdict_rows(found["statements"])]
    return fragments.table(("Claim", "The evidence", "Why"), rows, words=3)


def _charts(report: EvaluationReport) -> dict[str, Chart]:
    tree, main = report.tree, report.curves[report.tree["main"]][0]
    whole = {name: curves[0] for name, curves in report.curves.items() if len(curves) == 1}
    charts = {
        "profiles": _lines({name: _grown(curve, curve.equity) for name, curve in whole.items()}, "Growth of 1"),
        "falls": _lines({name: _fallen(curve) for name, curve in whole.items()}, "Drawdown"),
        "baselines": _lines(_beside(main), "Growth of 1"),
        "actions": _actions(tree["actions"]),
        "attribution": _attribution(tree["attribution"]),
    }
    learning = learning_series(report.learning)
    if learning:
        charts["learning"] = _lines(learning, "", "Steps")
    return {name: chart for name, chart in charts.items() if chart["traces"]}


def _beside(curve: Curve) -> dict[str, tuple[list[Any], list[float]]]:
    named = {"The model": curve.equity} | {evaluation.BASELINES[key]: one for key, one in curve.beside.items()}
    return {name: _grown(curve, equity) for name, equity in named.items()}


def _grown(curve: Curve, equity: Any) -> tuple[list[Any], list[float]]:  # noqa: ANN401 - a column of marks
    stamps, values = thinned(curve.ts_ms, equity)
    return stamps, [float(f"{value:.6g}") for value in values / equity[0]]


def _fallen(curve: Curve) -> tuple[list[Any], list[float]]:
    falls = curve.equity / np.maximum.accumulate(curve.equity) - 1.0
    stamps, values = thinned(curve.ts_ms, falls)
    return stamps, [float(f"{value:.5g}") for value in values]


def _lines(series: Mapping[str, tuple[Sequence[Any], Sequence[float]]], y: str, x: str = "") -> Chart:
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": list(stamps),
            "y": list(values),
            "name": escape(name),
            "line": {"color": _TINTS[at % len(_TINTS)], "width": 1.6},
        }
        for at, (name, (stamps, values)) in enumerate(series.items())
    ]
    legend = {"orientation": "h", "y": 1.12}
    return {"traces": traces, "layout": {"xaxis": titled(x), "yaxis": titled(y), "legend": legend}}


def _actions(found: Tree) -> Chart:
    names = [f"{weight:.3g}" for weight in found["weights"]]
    traces = [
        {
            "type": "bar",
            "x": names,
            "y": shares,
            "name": escape(symbol),
            "marker": {"color": _TINTS[at % len(_TINTS)]},
        }
        for at, (symbol, shares) in enumerate(found["shares"].items())
    ]
    axis = titled("Target weight") | {"type": "category"}
    return {"traces": traces, "layout": {"xaxis": axis, "yaxis": titled("Part of all bars")}}


def _attribution(worths: Sequence[Tree]) -> Chart:
    shown = list(reversed(worths))
    names = [escape(worth["feature"]) for worth in shown]
    kinds = (("weight_change", "Change of the mean weight"), ("return_change", "Change of the return"))
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "y": names,
            "x": [worth[key] for worth in shown],
            "name": name,
            "marker": {"color": tint},
        }
        for (key, name), tint in zip(kinds, ("--strategy", "--loss"), strict=True)
    ]
    return {"traces": traces if worths else [], "layout": {"xaxis": titled("Part of equity"), "yaxis": titled("")}}


def _asset(name: str) -> str:
    return resources.files("keel.report").joinpath(name).read_text(encoding="utf-8")
