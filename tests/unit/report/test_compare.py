"""Runs beside each other: who is best, what differs, and what must not be compared."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from keel.domain.errors import UsageError
from keel.report.compare import Comparison, compare, find_figure
from keel.report.compare_plot import comparison_html, comparison_png, growth_curve
from keel.report.compare_text import comparison_csv, comparison_tree, print_comparison
from keel.runs.read import FinishedRun

HOUR_MS = 3_600_000


def made(name: str, *, status: str = "done", bars: str = "aa", short: int = 5, **strategy: Any) -> FinishedRun:
    record = {"instrument": "v:A", "timeframe": "1h", "content_hash": bars, "first_ts_ms": 0, "last_ts_ms": 2 * HOUR_MS}
    manifest = {
        "run_id": name,
        "config": {"run": {"name": name, "seed": 7}, "strategy": {"params": {"short": short, "long": 50}}},
        "data": [record],
        "code": {"source_hash": "cd" * 32},
        "own_code": {},
        "status": status,
    }
    metrics = {
        "status": status,
        "period": {"bars": 2, "bars_planned": 3, "timeframe": "1h"},
        "strategy": {"sharpe": 1.0, "max_drawdown": -0.2, "annual_volatility": 0.3} | strategy,
        "benchmark": {"total_return": 0.05, "sharpe": 9.0},
        "costs": {"currency": "USD", "fees": {"bps": 3.0}},
    }
    return FinishedRun(Path(name), manifest, metrics)


def on_disk(run: FinishedRun, folder: Path, equity: list[float]) -> FinishedRun:
    folder.mkdir()
    stamps = [HOUR_MS * (i + 1) for i in range(len(equity))]
    pl.DataFrame({"ts_ms": stamps, "equity": pl.Series(equity, dtype=pl.Float64)}).write_parquet(
        folder / "equity.parquet"
    )
    return FinishedRun(folder, run.manifest, run.metrics)


def printed(comparison: Comparison, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), highlight=False)
    print_comparison(console, comparison)
    return console.file.getvalue()


def best(comparison: Comparison, key: str) -> list[str]:
    return [comparison.runs[i].run_id for i in sorted(comparison.best.get(key, ()))]


def test_best_is_the_highest_except_where_low_is_better() -> None:
    one = made("one", sharpe=2.0, max_drawdown=-0.3, annual_volatility=0.5)
    two = made("two", sharpe=1.0, max_drawdown=-0.1, annual_volatility=0.4)
    comparison = compare([two, one], "sharpe")
    assert best(comparison, "strategy.sharpe") == ["one"]
    assert best(comparison, "strategy.max_drawdown") == ["two"]
    assert best(comparison, "strategy.annual_volatility") == ["two"]
    assert best(comparison, "benchmark.total_return") == [], "buy and hold is nobody's merit"


@pytest.mark.parametrize(
    ("metric", "order"),
    [("sharpe", "bca"), ("annual_volatility", "acb"), ("max-drawdown", "abc"), ("Max Drawdown", "abc")],
)
def test_runs_are_sorted_by_any_metric_best_first_and_undefined_last(metric: str, order: str) -> None:
    runs = [
        made("a", sharpe=None, annual_volatility=0.1, max_drawdown=-0.1),
        made("b", sharpe=2.0, annual_volatility=None, max_drawdown=-0.2),
        made("c", sharpe=1.0, annual_volatility=0.2, max_drawdown=-0.3),
    ]
    assert "".join(run.run_id for run in compare(runs, metric).runs) == order


@given(st.lists(st.floats(-5, 5) | st.none(), min_size=2, max_size=8))
def test_every_run_marked_best_has_the_highest_sharpe_of_all(values: list[float | None]) -> None:
    comparison = compare([made(str(i), sharpe=value) for i, value in enumerate(values)], "sharpe")
    known = [value for value in values if value is not None]
    marked = [comparison.runs[i].metrics["strategy"]["sharpe"] for i in comparison.best["strategy.sharpe"]]
    assert set(marked) == ({max(known)} if len(set(known)) > 1 else set())


def test_metric_is_the_strategys_unless_the_name_says_more() -> None:
    runs = [made("a")]
    assert find_figure("sharpe", runs).key == "strategy.sharpe"
    assert find_figure("benchmark.sharpe", runs).key == "benchmark.sharpe"
    assert find_figure("bps", runs).key == "costs.fees.bps"


def test_metric_nobody_has_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"--metric sharp: no run has it: try sharpe"):
        compare([made("a"), made("b")], "sharp")


def test_only_settings_that_differ_are_shown_and_no_names() -> None:
    comparison = compare([made("a"), made("b", short=9)], "sharpe")
    assert dict(comparison.settings) == {"strategy.params.short": ("5", "9")}
    assert comparison.warnings == ()


def test_runs_on_other_bars_are_shown_and_none_is_best() -> None:
    comparison = compare([made("a", sharpe=2.0), made("b", bars="bb")], "sharpe")
    assert comparison.best == {}
    assert comparison.warnings == (
        "#2 is not comparable with #1: its bars of v:A 1h are others (the same span, other values)",
    )


def test_stopped_run_is_marked_and_never_best() -> None:
    comparison = compare([made("a", status="interrupted", sharpe=9.0), made("b"), made("c", sharpe=0.5)], "sharpe")
    assert best(comparison, "strategy.sharpe") == ["b"]
    assert "#1 was stopped after 2 of 3 bars" in comparison.warnings[0]
    assert "Interrupted: partial result" in printed(comparison)


def test_table_names_runs_figures_and_settings_at_every_width() -> None:
    comparison = compare([made(f"run-{i}", sharpe=i / 10, short=i) for i in range(12)], "sharpe")
    for width in (60, 80, 200):
        text = printed(comparison, width)
        assert max(len(line) for line in text.splitlines()) <= width
        assert all(f"#{i + 1}  run-{11 - i}" in text for i in range(12))
        assert "1.10 *" in text
        assert "strategy.params.short" in text


def test_csv_has_a_line_a_run_with_every_number_and_setting() -> None:
    rows = list(csv.DictReader(io.StringIO(comparison_csv(compare([made("a"), made("b", short=9)], "sharpe")))))
    assert [row["run_id"] for row in rows] == ["a", "b"]
    assert (rows[1]["strategy.params.short"], rows[1]["costs.fees.bps"], rows[1]["status"]) == ("9", "3.0", "done")


def test_tree_is_json_and_names_the_best_by_id() -> None:
    tree = comparison_tree(compare([made("a", sharpe=2.0), made("b")], "sharpe"))
    assert json.loads(json.dumps(tree, allow_nan=False))["best"]["strategy.sharpe"] == ["a"]


def test_curves_start_at_one_and_an_empty_run_has_none(tmp_path: Path) -> None:
    _, growth = growth_curve(on_disk(made("a"), tmp_path / "a", [200.0, 100.0, 300.0]))
    assert growth.tolist() == [1.0, 0.5, 1.5]
    assert len(growth_curve(on_disk(made("b"), tmp_path / "b", []))[0]) == 0


def test_pictures_are_drawn_of_many_runs_of_an_empty_one_and_of_strange_names(tmp_path: Path) -> None:
    runs = [
        on_disk(made(f"x$_{i}<script>", sharpe=None if i == 3 else i), tmp_path / str(i), [100.0 + i, 101.0][: i and 2])
        for i in range(11)
    ]
    comparison = compare(runs, "sharpe")
    assert comparison_png(comparison).startswith(b"\x89PNG\r\n\x1a\n")
    page = comparison_html(comparison)
    assert "x$_4&lt;script&gt;" in page
    assert "<script>x" not in page
    assert "_4<script>" not in page
