"""Write what an evaluation found into its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from keel.app.evaluate_run import Findings, PlayedPart
from keel.app.evaluate_wiring import Subject
from keel.backtest.evaluation.findings import (
    action_shares,
    baseline_figures,
    joined_figures,
    part_figures,
    random_figures,
)
from keel.config.load import LoadedConfig, dump_yaml
from keel.domain.errors import UsageError
from keel.domain.timeframe import utc_text
from keel.metrics.summary import run_year
from keel.report.evaluation import Curve, EvaluationReport
from keel.runs.folder import RunFolder, json_tree
from keel.runs.frames import equity_table, fills_frame
from keel.runs.hashing import canonical_hash
from keel.runs.manifest import RunManifest
from keel.runs.redaction import redact

HISTORY: Final = "history.jsonl"
"""What training noted while the model learnt, a JSON object a line."""
_OF_THE_LEDGER: Final = ("deflated_sharpe", "trials", "verdict")
"""Statistics that change with every further trial: a repeat has others."""


@dataclass(frozen=True)
class Evaluated:
    """Hold where an evaluation's files are and what evaluation.json says."""

    folder: Path
    tree: dict[str, Any]


def write_evaluation(folder: RunFolder, loaded: LoadedConfig, found: Findings, manifest: RunManifest) -> Evaluated:
    """Write report, picture, figures and every part's curve and fills; show the folder.

    Raises UsageError where the disk refuses; nothing half-written is left then.
    """
    from keel.report.evaluation_html import render_evaluation_html
    from keel.report.evaluation_png import render_evaluation_png

    subject = found.subject
    tree = _tree(found)
    config_yaml = redact(dump_yaml(loaded.config))
    finished = manifest.finish("done", _hash(found, tree))
    report = EvaluationReport(
        name=loaded.config.run.name,
        tree=tree,
        curves={name: [_curve(part) for part in parts] for name, parts in found.parts.items()},
        learning=read_history(Path(subject.config.evaluation.model), subject.policy.card.run_id),
        config_yaml=config_yaml,
        manifest=finished.as_json(),
    )
    folder.write_text("config.yaml", config_yaml)
    folder.write_json("evaluation.json", tree)
    for name, parts in found.parts.items():
        for part in parts:
            _write_part(folder, f"{name}/{part.part.name}", part)
    folder.write_text("report.html", render_evaluation_html(report))
    folder.write_bytes("evaluation.png", render_evaluation_png(report))
    folder.finish(finished)
    return Evaluated(folder.final_path, {"run_id": folder.run_id, "folder": str(folder.final_path), **tree})


def _write_part(folder: RunFolder, name: str, part: PlayedPart) -> None:
    folder.write_json(f"{name}/metrics.json", part.summary)
    folder.write_text(f"{name}/config.yaml", redact(dump_yaml(part.result.config)))
    folder.write_parquet_parts(f"{name}/equity.parquet", [equity_table(part.result.marks)])
    folder.write_parquet(f"{name}/fills.parquet", fills_frame(part.result.events, part.result.symbols))


def _tree(found: Findings) -> dict[str, Any]:
    subject, card = found.subject, found.subject.policy.card
    main = found.parts[found.main]
    weights = np.concatenate([part.weights[: len(part.result.marks)] for part in main])
    tree = {
        "model": {
            "path": subject.config.evaluation.model,
            "run_id": card.run_id,
            "algorithm": card.algorithm["kind"],
            "steps": card.steps,
            "weights_hash": card.weights_hash,
            "observation_hash": card.observation_hash,
        },
        "period": _period(subject),
        "in_sample": list(
            dict.fromkeys(line for parts in found.parts.values() for one in parts for line in one.part.seen)
        ),
        "main": found.main,
        "profiles": {name: _profile(found, name) for name in found.parts},
        "choice_between_profiles": found.choice,
        "actions": action_shares(weights, card.symbols),
        "attribution": [asdict(worth) for worth in found.worths],
    }
    plain: Any = json_tree(tree)
    return dict(plain)


def _period(subject: Subject) -> dict[str, Any]:
    start, end = subject.span_of(subject.rows)
    data = subject.config.data
    return {
        "start": utc_text(start),
        "end": utc_text(end),
        "bars": subject.rows[1] - subject.rows[0],
        "venue": data.venue,
        "symbols": list(data.symbols),
        "timeframe": data.timeframe,
    }


def _profile(found: Findings, name: str) -> dict[str, Any]:
    parts = found.parts[name]
    results = [part.result for part in parts]
    joined = joined_figures(results, run_year(results[0].config)) if len(parts) > 1 else None
    return {
        "parts": [_part(found.subject, part) for part in parts],
        "joined": joined,
        "statistics": found.statistics[name].tree(),
    }


def _part(subject: Subject, part: PlayedPart) -> dict[str, Any]:
    start, end = subject.span_of(part.part.rows)
    figures = part_figures(part.summary)
    traders = [one.figures for one in part.random]
    return {
        "name": part.part.name,
        "start": utc_text(start),
        "end": utc_text(end),
        "bars": len(part.result.marks),
        "status": part.result.status,
        "in_sample": list(part.part.seen),
        "figures": figures,
        "baselines": {
            "buy_and_hold": baseline_figures(part.summary["benchmark"]),
            **{one.name: baseline_figures(one.figures) for one in part.baselines},
            "random": random_figures(traders, figures["total_return"]),
        },
    }


def _curve(part: PlayedPart) -> Curve:
    marks, days = part.result.marks, part.result.benchmark
    beside = {one.name: one.played.marks["equity"] for one in part.baselines}
    middle = _median_trader(part)
    return Curve(
        part.part.name, marks["ts_ms"], marks["equity"], {"buy_and_hold": days["equity"], **beside, "random": middle}
    )


def _median_trader(part: PlayedPart) -> Any:  # noqa: ANN401 - a column of marks
    known = sorted(part.random, key=lambda one: one.figures["total_return"] or 0.0)
    return known[len(known) // 2].played.marks["equity"]


def _hash(found: Findings, tree: Mapping[str, Any]) -> str:
    """Return the hash of what the same config, bars and seed give again: nothing of paths, times or the ledger."""
    lasting = {
        name: profile | {"statistics": {k: v for k, v in profile["statistics"].items() if k not in _OF_THE_LEDGER}}
        for name, profile in tree["profiles"].items()
    }
    figures = {
        "profiles": lasting,
        "summaries": [part.summary for parts in found.parts.values() for part in parts],
        **{name: tree[name] for name in ("choice_between_profiles", "actions", "attribution")},
    }
    events = np.concatenate([part.result.events for parts in found.parts.values() for part in parts])
    return canonical_hash(figures, events)


def read_history(model: Path, run_id: str) -> list[dict[str, Any]]:
    """Return what training noted, from beside a model or from its run's folder there; empty where there is none.

    Raises UsageError for a file that is damaged.
    """
    for path in (model.parent / HISTORY, model.parent / run_id / HISTORY):
        if path.is_file():
            try:
                return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
            except (OSError, ValueError) as error:
                raise UsageError(f"{path}: cannot be read ({error}): move it away, or restore it") from None
    return []
