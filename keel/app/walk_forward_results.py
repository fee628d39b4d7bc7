"""Write what a walk-forward found into its folder: a run's files, its steps, and how stable the choice was."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keel.app.results import write_results
from keel.app.search_results import counts_of, typed
from keel.app.search_run import SearchRun
from keel.backtest.search.walk_forward import Choice, overview, step_rows
from keel.metrics.summary import summarise
from keel.report.walk_forward import StepTable
from keel.runs.folder import RunFolder
from keel.runs.manifest import begin_manifest
from keel.runs.result import RunResult


@dataclass(frozen=True)
class WalkForwardResult:
    """Hold what a walk-forward found: the steps, their overview, the stitched run and its metrics."""

    folder: Path
    table: StepTable
    overview: dict[str, Any]
    run: RunResult
    metrics: dict[str, Any]
    counts: dict[str, int]


def write_walk_forward(run: SearchRun, choices: Sequence[Choice], played: RunResult, metric: str) -> WalkForwardResult:
    """Write the stitched run as any backtest, steps.csv and the pictures of the choice; show the folder.

    Raises UsageError where the disk refuses; nothing half-written is left then.
    """
    from keel.report.search import rows_frame
    from keel.report.walk_forward import render_steps_html, stability_png

    keys = tuple(choices[0].chosen.values)
    rows = [_typed(row, keys) for row in step_rows(choices, played, metric)]
    table, counts = StepTable(keys, metric, rows), counts_of(run, run.study.tried)
    seen = overview(rows, keys, summarise(played)["strategy"][metric])
    with RunFolder.create(Path(run.loaded.config.run.artifacts_dir), run.study.name) as folder:
        folder.write_text("steps.csv", rows_frame(rows).write_csv())
        folder.write_parquet("steps.parquet", rows_frame(rows))
        folder.write_json("walk_forward.json", {"metric": metric, **seen, "counts": counts})
        folder.write_text("stability.html", render_steps_html(table, folder.run_id, seen))
        folder.write_bytes("stability.png", stability_png(table))
        manifest = begin_manifest(folder.run_id, run.loaded.resolved, run.data.records, sys.argv, run.started)
        metrics = write_results(folder, played, manifest, run.logs)
        return WalkForwardResult(folder.final_path, table, seen, played, metrics, counts)


def _typed(row: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return row | {key: typed(row[key]) for key in keys}
