"""Write a run's results into its folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from keel.config.load import dump_yaml
from keel.metrics.summary import run_trades, summarise
from keel.runs.folder import RunFolder
from keel.runs.frames import cashflows_frame, equity_table, fills_frame, orders_frame, trades_frame
from keel.runs.hashing import canonical_hash
from keel.runs.logs import RunLogs
from keel.runs.manifest import RunManifest
from keel.runs.redaction import redact
from keel.runs.result import RunResult

_ROWS_PER_PART: Final = 1 << 17
"""Rows turned into a table or into lines at a time: a million at once would be the run's peak of memory."""


def write_results(folder: RunFolder, result: RunResult, manifest: RunManifest, logs: RunLogs) -> dict[str, Any]:
    """Write config, metrics, tables, report and picture, show the folder, and return the metrics.

    Raises UsageError where the disk refuses; nothing half-written is left then.
    """
    from keel.report.html import render_html
    from keel.report.png import render_png

    trades = run_trades(result)
    metrics = summarise(result, trades)
    finished = manifest.finish(result.status, canonical_hash(metrics, result.events))
    config_yaml = redact(dump_yaml(result.config))
    fills = fills_frame(result.events, result.symbols)
    folder.write_text("config.yaml", config_yaml)
    folder.write_json("metrics.json", metrics)
    folder.write_parquet_parts("equity.parquet", _equity_parts(result))
    folder.write_parquet("fills.parquet", fills)
    folder.write_parquet("orders.parquet", orders_frame(result.events, result.symbols))
    folder.write_parquet("trades.parquet", trades_frame(trades.closed, trades.still_open, result.symbols))
    folder.write_parquet("cashflows.parquet", cashflows_frame(result.events, result.symbols))
    folder.write_text("report.html", render_html(result, metrics, trades, config_yaml, finished.as_json()))
    folder.write_bytes("equity.png", render_png(result, metrics))
    folder.finish(finished)
    for part in fills.iter_slices(_ROWS_PER_PART):
        logs.write_fills(part)
    return metrics


def _equity_parts(result: RunResult) -> Iterator[pa.Table]:
    for start in range(0, len(result.marks), _ROWS_PER_PART):
        yield equity_table(result.marks[start : start + _ROWS_PER_PART])
