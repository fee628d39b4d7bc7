"""Write what a search found into its folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keel.app.search_run import SearchRun
from keel.backtest.search.findings import warnings_of
from keel.backtest.search.space import Parameter, as_number
from keel.backtest.search.study import SMALLER_IS_BETTER, Tried, best_of
from keel.config.load import dump_yaml, vary
from keel.report.search import SearchTable
from keel.runs.folder import RunFolder
from keel.runs.hashing import config_hash
from keel.runs.manifest import begin_manifest
from keel.runs.redaction import redact

BEST_CONFIG: Final = "best.yaml"


@dataclass(frozen=True)
class SearchResult:
    """Hold what a sweep found: its table, the best trial's row, what to keep in mind, and where it all lies."""

    folder: Path
    table: SearchTable
    best: dict[str, Any] | None
    warnings: list[str]
    counts: dict[str, int]
    status: str


def write_sweep(run: SearchRun, space: Sequence[Parameter], metric: str, status: str) -> SearchResult:
    """Write trials, best config, pictures and manifest of a sweep, show the folder, and return what was found.

    Raises UsageError where the disk refuses; nothing half-written is left then.
    """
    from keel.report.search_html import render_search_html
    from keel.report.search_png import heat_map_png, parallel_png

    trials, config = run.study.tried, run.loaded.config
    best = best_of(trials, metric)
    rows = [row_of(one) for one in trials]
    keys = tuple(one.key for one in space)
    number = None if best is None else best.number
    table = SearchTable(keys, metric, rows, number, smaller_is_better=metric in SMALLER_IS_BETTER)
    warnings = [] if best is None else warnings_of(best, trials, space, metric, run.count())
    counts = counts_of(run, trials)
    top = None if best is None else row_of(best)
    found = {"metric": metric, "best": top, "warnings": warnings, "counts": counts}
    with RunFolder.create(Path(config.run.artifacts_dir), run.study.name) as folder:
        folder.write_text("config.yaml", redact(dump_yaml(config)))
        folder.write_text("trials.csv", table.frame().write_csv())
        folder.write_parquet("trials.parquet", table.frame())
        if best is not None:
            folder.write_text(BEST_CONFIG, _best_yaml(run, best, metric))
            folder.write_bytes("parallel.png", parallel_png(table))
            if len(space) > 1:
                folder.write_bytes("heat_map.png", heat_map_png(table))
        folder.write_text("search.html", render_search_html(table, run.study.name, warnings, counts))
        folder.write_json("search.json", found)
        manifest = begin_manifest(folder.run_id, run.loaded.resolved, run.data.records, sys.argv, run.started)
        folder.finish(manifest.finish(status, config_hash({"trials": rows})))
        return SearchResult(folder.final_path, table, top, warnings, counts, status)


def row_of(one: Tried) -> dict[str, Any]:
    """Return a trial as one row: its number, status, reason, parameters and figures; numbers as numbers."""
    values = {key: typed(value) for key, value in one.values.items()}
    return {"number": one.number, "status": one.status, "reason": one.reason, **values, **one.figures}


def typed(value: str) -> float | int | str:
    """Return a value as written in YAML: a number where it is one."""
    number = as_number(value)
    if number is None:
        return value
    return int(value) if value.lstrip("+-").isdigit() else number


def counts_of(run: SearchRun, trials: Sequence[Tried]) -> dict[str, int]:
    """Count a search's trials by what became of them, and all trials ever made on its bars."""
    here, near = run.count(), run.count_overlapping()
    statuses = [one.status for one in trials]
    return {
        "trials": len(trials),
        "skipped": statuses.count("skipped"),
        "failed": statuses.count("failed"),
        "resumed": run.study.resumed,
        "on_these_bars": here.trials,
        "different_on_these_bars": here.different,
        "different_on_overlapping_bars": near.different,
    }


def _best_yaml(run: SearchRun, best: Tried, metric: str) -> str:
    score = best.figures[metric]
    head = f"# Trial {best.number} of {run.study.name}: {metric} {score:.4g}. The best of those tried, no promise.\n"
    return head + redact(dump_yaml(vary(run.loaded, best.overrides).config))
