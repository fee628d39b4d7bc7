"""Same config, data and seed: the same result, wherever it is run. And no word of a secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from .desk import Desk

SECRET = "hunter2-hunter2-hunter2"  # noqa: S105 - made up

LEAKS = """
import os
class S(EventStrategy):
    def on_bar(self, context):
        raise RuntimeError(os.environ["BINANCE_API_SECRET"])
"""
TAKES_A_NOTE = """
class S(VectorStrategy):
    class Params(StrategyParams):
        note: str
    def target_weights(self, bars):
        return np.zeros((len(bars), bars.n))
"""


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def test_config_of_a_run_repeats_it_from_another_folder_and_another_seed_does_not(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Desk(tmp_path_factory.mktemp("elsewhere"), desk.store)
    assert desk.backtest("--set", "execution.price_model=bridge").code == 0
    first = desk.run_folder()
    (other.folder / "config.yaml").write_bytes((first / "config.yaml").read_bytes())
    second, third = (other.folder / other.backtest("--json", f"--set=run.seed={n}").tree["folder"] for n in (7, 8))
    assert manifest(first)["result_hash"] == manifest(second)["result_hash"]
    assert (first / "metrics.json").read_bytes() == (second / "metrics.json").read_bytes()
    assert pl.read_parquet(first / "fills.parquet").equals(pl.read_parquet(second / "fills.parquet"))
    assert pl.read_parquet(first / "fills.parquet").height > 5
    assert manifest(first)["result_hash"] != manifest(third)["result_hash"]


def test_manifest_holds_what_a_repeat_needs(desk: Desk) -> None:
    assert desk.backtest("--set", "run.seed=5").code == 0
    held = manifest(desk.run_folder())
    assert held["config"]["run"]["seed"] == held["seed"] == 5
    (data,) = held["data"]
    stored = (data["instrument"], data["feed"], data["price_kind"], data["rows"])
    assert stored == ("testing:ACME/USDT", "csv", "raw", 300)
    assert len(data["content_hash"]) == len(held["result_hash"]) == 64
    assert held["command"][1:] == ["--config", "config.yaml", "--set", "run.seed=5"]
    assert {"python", "numpy", "numba", "polars", "keel"} <= set(held["versions"])
    assert any(held["code"].values())


def test_secret_of_the_environment_shows_nowhere(desk: Desk) -> None:
    desk.environ["BINANCE_API_SECRET"] = SECRET
    failed = desk.backtest(desk.strategy(LEAKS))
    assert "RuntimeError: [redacted]" in failed.err
    done = desk.backtest("--json", desk.strategy(TAKES_A_NOTE), "--set", f"strategy.params.note={SECRET}")
    assert done.code == 0, done
    refused = desk.backtest("--set", f"data.venue={SECRET}")
    for outcome in (failed, done, refused):
        assert SECRET not in outcome.out + outcome.err
    for root in ("artifacts", "logs", "state"):
        for path in (desk.folder / root).rglob("*"):
            assert SECRET not in str(path)
            assert path.is_dir() or SECRET.encode() not in path.read_bytes(), path
