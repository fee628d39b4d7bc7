"""Folders of finished runs made by hand: what the readers of runs see, without a simulation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from keel.runs.hashing import config_hash

HOUR_MS = 3_600_000


def made_manifest(run_id: str, **changes: Any) -> dict[str, Any]:
    config = {"run": {"name": "a", "seed": 7}, "strategy": {"params": {"short": 5}}, "doctor": {"level": 1}}
    tree = {
        "run_id": run_id,
        "command": ["x"],
        "config": config,
        "config_hash": config_hash(config),
        "data": [made_record()],
        "seed": 7,
        "stream": 0,
        "code": {"git_revision": "ab" * 20, "dirty": True, "source_hash": "cd" * 32},
        "own_code": {"mine": "ef" * 32},
        "versions": {"numpy": "2.0"},
        "status": "done",
        "result_hash": "12" * 32,
    }
    return tree | changes


def made_record(**changes: Any) -> dict[str, Any]:
    names = {"instrument": "v:A", "timeframe": "1h", "path": "p", "feed": "csv", "price_kind": "raw"}
    return names | {"rows": 3, "first_ts_ms": 0, "last_ts_ms": 2 * HOUR_MS, "content_hash": "34" * 32} | changes


def made_run(
    folder: Path, manifest: dict[str, Any] | None = None, equity: list[float] | None = None, **strategy: float | None
) -> Path:
    """Write a run of three hourly marks; `strategy` are figures of metrics.json."""
    folder.mkdir(parents=True)
    tree = manifest or made_manifest(folder.name)
    figures = {"sharpe": 1.0, "total_return": 0.1, "max_drawdown": -0.2, "annual_volatility": 0.3} | strategy
    metrics = {
        "status": tree["status"],
        "period": {"bars": 3, "bars_planned": 3, "timeframe": "1h"},
        "strategy": figures,
        "benchmark": {"total_return": 0.05, "sharpe": 0.4},
        "costs": {"currency": "USD", "total": {"paid": 1.0, "bps": 2.0}},
        "trades": {"closed": 4, "win_rate": 0.5},
    }
    (folder / "manifest.json").write_text(json.dumps(tree))
    (folder / "metrics.json").write_text(json.dumps(metrics))
    values = equity or [100.0, 101.0, 99.0]
    stamps = [HOUR_MS * (i + 1) for i in range(len(values))]
    pl.DataFrame({"ts_ms": stamps, "equity": values}).write_parquet(folder / "equity.parquet")
    fills = {"ts_ms": [HOUR_MS + 1], "side": ["BUY"], "symbol": ["A"], "price": [10.0]}
    pl.DataFrame(fills).write_parquet(folder / "fills.parquet")
    return folder
