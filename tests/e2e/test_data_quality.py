"""A stranger's bars with a hole in them: refused by their rows, then repaired on record, then run."""

from __future__ import annotations

import json
import math

from .desk import Desk, bar_rows, write_csv

CLOSES = [100.0 * (1 + 0.1 * math.sin(i / 9) + 0.02 * math.sin(i * 1.7)) for i in range(300)]
FILE = "own/testing/ACME-USDT/1h.parquet"
OWN = ("--set", "data.store=own")


def store(desk: Desk) -> None:
    rows = bar_rows(CLOSES)
    bars = write_csv(desk.folder / "holes.csv", [row for i, row in enumerate(rows) if not 100 <= i < 110])
    named = ("--venue", "testing", "--symbol", "ACME/USDT", "--timeframe", "1h", "--store", "own")
    assert desk.script("scripts/import_bars.py", "csv", bars, *named).code == 0


def test_backtest_refuses_bars_with_holes_and_runs_on_them_repaired_with_the_repair_on_record(desk: Desk) -> None:
    store(desk)
    line = desk.refused(*OWN)
    assert line.startswith(
        f"{FILE}: bars are missing: 10 of 300 bars (3.3%, 1% allowed), 10 before row 101 (2021-01-05"
    )
    assert "forward_fill" in line
    doctor = desk.script("scripts/doctor.py", "--config", "config.yaml", "--json")
    assert {check["name"]: check["status"] for check in doctor.tree}["data quality"] == "pass"

    done = desk.backtest(*OWN, "--set", "quality.repair=[forward_fill]", "--json")
    assert done.code == 0, done.err
    assert f"{FILE}: forward_fill changed 10 bars: row 101" in done.err
    assert done.tree["period"]["bars"] == 300
    (record,) = json.loads((desk.run_folder() / "manifest.json").read_text())["data"]
    (repair,) = record["repairs"]
    assert (repair["step"], repair["count"], repair["rows"]) == ("forward_fill", 10, [[101, 101]])
    assert repair["hash_after"] == record["content_hash"] != repair["hash_before"]
    assert [(one["check"], one["severity"]) for one in record["findings"]] == [("volume", "note")]


def test_warning_is_told_once_logged_and_in_the_manifest(desk: Desk) -> None:
    store(desk)
    done = desk.backtest(*OWN, "--set", "quality.gaps=warn")
    assert done.code == 0, done.err
    assert done.err.count("bars are missing") == 1
    folder = desk.run_folder()
    log = (desk.folder / "logs" / f"{folder.name}.log").read_text()
    assert log.count("bars are missing: 10 of 300") == 1
    (record,) = json.loads((folder / "manifest.json").read_text())["data"]
    assert [(one["check"], one["severity"], one["count"]) for one in record["findings"]] == [("gaps", "warn", 10)]
