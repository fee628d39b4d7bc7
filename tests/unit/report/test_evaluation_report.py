"""The report of an evaluation: complete, safe against what names hold, loud about bars that were seen."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from keel.report.evaluation import Curve, EvaluationReport, print_evaluation, profile_rows
from keel.report.evaluation_curves import learning_series, thinned
from keel.report.evaluation_html import render_evaluation_html
from keel.report.evaluation_png import render_evaluation_png

FIGURES = {"total_return": 0.1, "cagr": 0.2, "sharpe": 1.5, "sortino": 2.0, "calmar": 1.0, "max_drawdown": -0.05,
           "exposure": 0.5, "turnover": 12.0}  # fmt: skip
INTERVAL = {"estimate": 0.2, "low": -0.1, "high": 0.4}
UNKNOWN = {"estimate": None, "low": None, "high": None}
SYMBOL = "<b>A&B"


def part(name: str) -> dict[str, Any]:
    random = FIGURES | {"traders": 20, "beaten": 13}
    return {
        "name": name,
        "start": "2021-01-01 00:00 UTC",
        "end": "2021-02-01 00:00 UTC",
        "bars": 744,
        "status": "done",
        "in_sample": [],
        "figures": FIGURES | {"cost_share": 0.01, "trades": 7, "win_rate": None},
        "baselines": {"buy_and_hold": FIGURES, "moving_average": FIGURES, "random": random, "flat": FIGURES},
    }


def profile(*names: str, interval: dict[str, Any] = INTERVAL) -> dict[str, Any]:
    three = dict.fromkeys(("sharpe", "total_return", "annual_return"), interval)
    statements = [
        {"claim": f"claim {k}", "support": kind, "reason": "a < b"}
        for k, kind in enumerate(("supported", "unsupported", "unknown"))
    ]
    statistics = {
        "returns": 31,
        "trials": 4321,
        "probabilistic_sharpe": 0.913,
        "deflated_sharpe": None,
        **three,
        "over_holding": three,
        "verdict": {"headline": "The evidence is <thin>.", "statements": statements},
    }
    return {"parts": [part(name) for name in names], "joined": None, "statistics": statistics}


def tree(**changed: Any) -> dict[str, Any]:
    made = {
        "model": {"path": "m.zip", "algorithm": "ppo", "steps": 1000},
        "period": {"start": "2021-01-01 00:00 UTC", "end": "2021-02-01 00:00 UTC", "bars": 744, "venue": "v",
                   "symbols": [SYMBOL], "timeframe": "1h"},
        "in_sample": [],
        "main": "balanced",
        "profiles": {"balanced": profile("whole"), "crash": profile("crash-1", "crash-2", interval=UNKNOWN)},
        "choice_between_profiles": {"profiles": ["a", "b"], "probability_of_overfitting": 0.25, "splits": 12870},
        "actions": {"edges": [], "weights": [0.0, 1.0], "shares": {SYMBOL: [0.25, 0.75]}},
        "attribution": [{"feature": "rsi_5", "weight_change": 0.1, "return_change": -0.02}],
    }  # fmt: skip
    return made | changed


def curve(name: str, rows: int = 5000) -> Curve:
    equity = 100.0 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.0, 0.01, rows)))
    stamps = 1_609_459_200_000 + 3_600_000 * np.arange(rows)
    return Curve(name, stamps, equity, dict.fromkeys(("buy_and_hold", "moving_average", "flat", "random"), equity))


def report(**changed: Any) -> EvaluationReport:
    notes = [{"steps": 10 * k, "kind": "validation", "return": 0.1 * k, "sharpe": None} for k in range(3)]
    curves = {"balanced": [curve("whole")], "crash": [curve("crash-1", 30), curve("crash-2", 30)]}
    return EvaluationReport("eval", tree(**changed), curves, notes, "mode: eval\n", {"seed": 7})


def charts_of(page: str) -> dict[str, Any]:
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_page_shows_every_part_and_nothing_of_a_name_as_markup():
    page = render_evaluation_html(report())
    assert set(charts_of(page)) == {"profiles", "falls", "baselines", "actions", "attribution", "learning"}
    for told in ("crash crash-1 (2021-01-01)", "crash crash-2", "13 of 20", "4,321 trials", "claim 2", "unknown"):
        assert told in page
    assert "The evidence is &lt;thin&gt;." in page
    assert "<b>A" not in page
    assert "IN-SAMPLE" not in page
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert "would have picked one no better than the median" in page


def test_page_of_bars_that_were_seen_says_so_before_all_else():
    page = render_evaluation_html(report(in_sample=["the model was trained on <it>"]))
    assert page.index("IN-SAMPLE: the model was trained on &lt;it&gt;") < page.index("Profiles side by side")


def test_page_without_attribution_or_choice_leaves_them_out():
    page = render_evaluation_html(report(attribution=[], choice_between_profiles=None))
    assert "What the features are worth" not in page
    assert "attribution" not in charts_of(page)
    assert "would have picked" not in page


def test_curves_keep_their_extremes_and_begin_at_one():
    made = curve("whole")
    stamps, values = thinned(made.ts_ms, made.equity)
    assert len(stamps) < 2000
    assert (values.max(), values.min()) == (made.equity.max(), made.equity.min())
    charts = charts_of(render_evaluation_html(report()))
    assert charts["baselines"]["traces"][0]["name"] == "The model"
    assert charts["profiles"]["traces"][0]["y"][0] == 1.0
    assert [trace["name"] for trace in charts["profiles"]["traces"]] == ["balanced"]


@pytest.mark.parametrize("in_sample", [[], ["the model was trained on it"]])
def test_picture_is_a_png_whatever_was_found(in_sample):
    made = report(in_sample=in_sample, actions={"edges": [], "weights": [], "shares": {SYMBOL: []}})
    assert render_evaluation_png(made).startswith(b"\x89PNG\r\n\x1a\n")
    assert render_evaluation_png(report(main="crash")).startswith(b"\x89PNG\r\n\x1a\n")


def test_console_shows_profiles_baselines_and_verdict():
    console = Console(file=io.StringIO(), width=200, highlight=False)
    print_evaluation(console, "eval", tree(in_sample=["the model was trained on it"]), "artifacts/eval-1")
    shown = console.file.getvalue()
    for told in ("IN-SAMPLE", "Buy and hold", "Random, same turnover", "claim 1: not supported (a < b)", "91.3%",
                 "−10.00% to +40.00%", "artifacts/eval-1/report.html", "The evidence is <thin>."):  # fmt: skip
        assert told in shown


def test_rows_name_the_profile_and_each_of_several_parts():
    assert [row[0] for row in profile_rows(tree())] == [
        "balanced",
        "crash crash-1 (2021-01-01)",
        "crash crash-2 (2021-01-01)",
    ]


def test_learning_curve_has_a_line_for_each_figure_that_was_noted():
    notes = [{"steps": 1, "kind": "train", "return": 0.5}, {"steps": 2, "kind": "train", "return": None}, {"steps": 3}]
    assert learning_series(notes) == {"Return, train": ([1], [0.5])}
