"""Finished runs beside each other: tables, CSV and pictures of real runs, and one line for what cannot be compared."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from .desk import Desk, Outcome, refusal


def compared(desk: Desk, *arguments: object) -> Outcome:
    return desk.script("scripts/compare_runs.py", *arguments)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Desk:
    """Give all tests one desk with three finished runs: none of them writes there what another reads."""
    made = Desk(tmp_path_factory.mktemp("compared"), store)
    made.configure()
    other = ("run.name=beta", "data.symbols=[BETA/USDT]")
    for change in (("run.name=slow",), ("run.name=fast", "strategy.params.short=3"), other):
        assert made.backtest(*(f"--set={each}" for each in change)).code == 0
    return made


@pytest.fixture
def runs(desk: Desk) -> list[str]:
    folders = {folder.name.partition("-")[0]: folder.name for folder in (desk.folder / "artifacts").iterdir()}
    return [folders[name] for name in ("slow", "fast", "beta")]


def test_two_runs_stand_beside_each_other_in_table_csv_and_pictures(desk: Desk, runs: list[str]) -> None:
    slow, fast, beta = runs
    outcome = compared(desk, "slow", f"artifacts/{fast}", "--csv", "out/c.csv", "--plot", "c.html", "--metric", "cagr")
    assert (outcome.code, "warning" in outcome.err) == (0, False), outcome
    assert "strategy.params.short" in outcome.out
    assert "run.name" not in outcome.out
    with (desk.folder / "out" / "c.csv").open() as file:
        rows = {row["run_id"]: row for row in csv.DictReader(file)}
    for name, short in ((slow, "5"), (fast, "3")):
        metrics = json.loads((desk.folder / "artifacts" / name / "metrics.json").read_text())
        assert float(rows[name]["strategy.sharpe"]) == metrics["strategy"]["sharpe"]
        assert rows[name]["strategy.params.short"] == short
    growth = {name: float(row["strategy.cagr"]) for name, row in rows.items()}
    assert list(rows) == sorted(growth, key=lambda name: -growth[name])
    page = (desk.folder / "c.html").read_text()
    assert slow in page
    assert "http" not in page.partition('id="plotly"')[0].replace("http-equiv", "")

    outcome = compared(desk, slow, beta, "--json", "--plot", "c.png")
    assert outcome.code == 0
    assert "warning: #2 is not comparable with #1: it traded testing:" in outcome.err
    assert outcome.tree["best"] == {}
    assert (desk.folder / "c.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_compared_is_told_in_one_line(desk: Desk, runs: list[str]) -> None:
    slow, fast, _ = runs
    assert f"did you mean {slow}" in refusal(compared(desk, slow.replace("slow", "slaw"), fast))
    assert "the same run as" in refusal(compared(desk, slow, "slow"))
    assert "name two or more" in refusal(compared(desk, slow))
    assert "try" in refusal(compared(desk, slow, fast, "--metric", "luck"))
    assert ".html or .png" in refusal(compared(desk, slow, fast, "--plot", "c.gif"))
    shutil.copytree(desk.folder / "artifacts" / fast, desk.folder / "damaged")
    (desk.folder / "damaged" / "metrics.json").write_text("{")
    assert "damaged/metrics.json is damaged" in refusal(compared(desk, slow, "damaged"))
