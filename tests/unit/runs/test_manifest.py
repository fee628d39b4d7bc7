from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from keel.runs.folder import json_tree
from keel.runs.manifest import DataRecord, RunManifest, begin_manifest

CONFIG: dict[str, Any] = {"mode": "sim", "run": {"name": "demo", "seed": 7, "stream": 3}, "note": "x"}
RECORD = DataRecord("v:A", "1h", "data/bars/v/A/1h.parquet", "feed", "raw", 2, 0, 3_600_000, "cd" * 32)


def begin(config: dict[str, Any], command: tuple[str, ...] = ("script_backtest.py",)) -> RunManifest:
    return begin_manifest("demo-1", config, [RECORD], command, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def test_the_manifest_holds_what_repeats_the_run() -> None:
    tree = begin(CONFIG).finish("done", "ab" * 32, datetime(2026, 1, 2, 3, 5, tzinfo=UTC)).as_json()
    assert (tree["run_id"], tree["name"], tree["seed"], tree["stream"]) == ("demo-1", "demo", 7, 3)
    assert (tree["started"], tree["finished"]) == ("2026-01-02T03:04:05.000Z", "2026-01-02T03:05:00.000Z")
    assert (tree["status"], tree["result_hash"]) == ("done", "ab" * 32)
    assert tree["config"] == CONFIG
    assert tree["data"][0]["content_hash"] == "cd" * 32
    assert set(tree["code"]) == {"git_revision", "dirty", "source_hash"}
    assert set(tree["versions"]) == {
        "python",
        "platform",
        "keel",
        "numpy",
        "numba",
        "polars",
        "pyarrow",
        "TA-Lib",
    }


def test_a_run_that_has_not_ended_says_running() -> None:
    tree = begin(CONFIG).as_json()
    assert (tree["status"], tree["finished"], tree["result_hash"]) == ("running", None, None)


def test_no_secret_of_the_environment_reaches_the_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_API_SECRET", "s3cr3t-value")
    command = ("script_backtest.py", "--set", "note=s3cr3t-value", "--api-key=qrs-tuv")
    manifest = begin(CONFIG | {"note": "my s3cr3t-value", "deep": [{"auth_token": "qrs-tuv"}]}, command)
    text = json.dumps(json_tree(manifest.as_json()))
    assert "s3cr3t-value" not in text
    assert "qrs-tuv" not in text


def test_the_config_hash_tells_configs_apart_and_ignores_the_order_of_keys() -> None:
    assert begin(CONFIG).config_hash == begin(dict(reversed(CONFIG.items()))).config_hash
    assert begin(CONFIG).config_hash != begin(CONFIG | {"note": "y"}).config_hash
