"""The command that validates bars: what it reads, its exit codes, and where repaired bars go."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from keel.app import import_bars
from keel.app.cli import run_cli
from keel.app.validate_data import validate_data

ROOT = Path(__file__).resolve().parents[3]
HEADER = "timestamp,open,high,low,close,volume\n"
STORED = ("--venue", "testing", "--symbol", "ACME/USDT", "--timeframe", "1h", "--store", "bars")


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in a folder with a file without a fault, one with a gap of four hours of fifty, that one stored."""
    monkeypatch.chdir(tmp_path)
    Path("whole.csv").write_text(lines(*range(50)))
    Path("gap.csv").write_text(lines(*(hour for hour in range(50) if not 10 <= hour < 14)))

    def command(*arguments: object, target: object = validate_data) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            run_cli(target, [str(argument) for argument in arguments])
        return (int(ended.value.code or 0), *capsys.readouterr())

    assert command("csv", "gap.csv", *STORED, target=import_bars.app)[0] == 0
    return command


def validated(run: Run, *arguments: object, code: int = 0) -> list[dict[str, Any]]:
    ended, out, err = run(*arguments, "--json")
    assert (ended, err) == (code, "")
    return json.loads(out)


def refused(run: Run, *arguments: object) -> str:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def lines(*hours: int, start: datetime = datetime(2021, 1, 1, tzinfo=UTC)) -> str:
    rows = (f"{(start + timedelta(hours=hour)).isoformat()},100,102,99,{100 + hour % 3},7\n" for hour in hours)
    return HEADER + "".join(rows)


def checks(tree: dict[str, Any]) -> dict[str, str]:
    return {finding["check"]: finding["severity"] for finding in tree["findings"]}


def test_file_without_a_fault_exits_with_0_and_counts_missing_values_by_column(run: Run) -> None:
    (tree,) = validated(run, "whole.csv")
    assert (tree["rows"], tree["expected_rows"], tree["findings"]) == (50, 50, [])
    assert set(tree["missing_values"].values()) == {0}
    _, table, _ = run("whole.csv")
    assert table.rstrip().endswith("Within the thresholds.")


def test_file_beyond_a_threshold_exits_with_2_and_the_table_names_rows_and_mend(run: Run) -> None:
    code, out, err = run("gap.csv", "whole.csv")
    assert (code, err) == (2, "")
    told = " ".join(out.split())
    assert "4 before row 11 (2021-01-01" in told
    assert "forward_fill" in told
    assert "1 of 2 outside the thresholds: file:gap" in told


def test_thresholds_are_set_on_the_command_line_and_wrong_ones_refused_as_in_a_config(run: Run) -> None:
    (tree,) = validated(run, "gap.csv", "--set", "quality.max_missing_fraction=0.1")
    assert checks(tree) == {"gaps": "note"}
    line = refused(run, "gap.csv", "--set", "quality.max_missing_fractoin=0.1")
    assert "'quality.max_missing_fraction'" in line


def test_stored_bars_are_named_by_venue_symbol_and_timeframe(run: Run) -> None:
    (tree,) = validated(run, *STORED, code=2)
    assert (tree["instrument"], checks(tree)) == ("testing:ACME/USDT", {"gaps": "refuse"})
    assert "of it are stored 1h" in refused(run, *STORED[:5], "1d", *STORED[6:])
    assert "name the bars" in refused(run, "--venue", "testing")


def test_config_brings_its_bars_thresholds_and_repairs(run: Run) -> None:
    data = "data: {store: bars, venue: testing, symbols: [ACME/USDT], timeframe: 1h}\n"
    strategy = 'strategy: {class: "keel.strategies.buy_and_hold:BuyAndHold"}\n'
    Path("c.yaml").write_text("mode: sim\n" + data + strategy)
    assert checks(validated(run, "--config", "c.yaml", code=2)[0]) == {"gaps": "refuse"}
    assert checks(validated(run, "--config", "c.yaml", "--set", "quality.gaps=warn", code=2)[0]) == {"gaps": "warn"}
    (tree,) = validated(run, "--config", "c.yaml", "--set", "quality.repair=[forward_fill]")
    assert (tree["rows"], checks(tree), tree["repairs"][0]["count"]) == (50, {"volume": "note"}, 4)
    assert validated(run, "--config", "c.yaml", "--set", "data.start=2021-01-02")[0]["findings"] == []


def test_one_day_is_validated_by_its_date_or_as_yesterday(run: Run) -> None:
    assert validated(run, *STORED, "--date", "2021-01-02")[0]["rows"] == 24
    (tree,) = validated(run, *STORED, "--date", "2021-01-01", code=2)
    assert (tree["rows"], tree["expected_rows"], tree["findings"][0]["count"]) == (20, 24, 4)
    assert validated(run, *STORED, "--date", "yesterday", code=2)[0]["findings"][0]["count"] == 24
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    Path("now.csv").write_text(lines(*range(-48, 0), start=midnight))
    assert validated(run, "now.csv", "--date", "yesterday")[0]["rows"] == 24
    assert "--date 2021-13-01: write yesterday" in refused(run, *STORED, "--date", "2021-13-01")


def test_day_without_a_session_expects_nothing(run: Run) -> None:
    days = ("2023-07-03", "2023-07-05", "2023-07-06")
    Path("acme.csv").write_text(HEADER + "".join(f"{day},100,102,99,101,7\n" for day in days))
    for day, rows in (("2023-07-04", 0), ("2023-07-05", 1)):
        (tree,) = validated(run, "acme.csv", "--calendar", "XNYS", "--timeframe", "1d", "--date", day)
        assert (tree["rows"], tree["expected_rows"], tree["findings"]) == (rows, rows, [])


def test_repaired_bars_go_under_another_venue_with_the_repair_in_their_feed(run: Run) -> None:
    before = Path("bars/testing/ACME-USDT/1h.parquet").read_bytes()
    (tree,) = validated(run, *STORED, "--repair", "forward_fill", "--to-venue", "filled")
    assert (tree["repairs"][0]["step"], tree["repairs"][0]["rows"]) == ("forward_fill", [[11, 11]])
    assert Path("bars/testing/ACME-USDT/1h.parquet").read_bytes() == before
    (again,) = validated(run, "--venue", "filled", *STORED[2:])
    assert (again["instrument"], again["rows"], checks(again)) == ("filled:ACME/USDT", 50, {"volume": "note"})
    metadata = Path("bars/filled/ACME-USDT/1h.parquet").read_bytes()
    assert b"csv, repaired: forward_fill" in metadata
    line = refused(run, *STORED, "--repair", "forward_fill", "--to-venue", "filled")
    assert "never rewritten" in line


def test_bad_file_is_repaired_into_one_that_a_run_can_read(run: Run) -> None:
    text = lines(*range(50)).splitlines(keepends=True)
    text[20] = text[20].replace(",102,", ",1,")
    Path("bad.csv").write_text("".join([*text, text[30]]))
    found = checks(validated(run, "bad.csv", code=2)[0])
    assert found == {"ohlc": "refuse", "duplicates": "refuse", "order": "refuse", "gaps": "refuse"}
    steps = [
        part for step in ("drop_bad_rows", "sort", "drop_duplicates", "forward_fill") for part in ("--repair", step)
    ]
    (tree,) = validated(run, "bad.csv", "--symbol", "ACME/USDT", "--venue", "testing", *steps, "--out", "good.parquet")
    assert [(step["step"], step["count"]) for step in tree["repairs"]] == [
        ("drop_bad_rows", 1),
        ("sort", 21),
        ("drop_duplicates", 1),
        ("forward_fill", 1),
    ]
    (good,) = validated(run, "good.parquet")
    assert (good["instrument"], good["rows"], checks(good)) == ("testing:ACME/USDT", 50, {"volume": "note"})
    line = refused(run, "bad.csv", *steps, "--out", "good.parquet")
    assert "exists already" in line


def test_repair_without_a_place_and_a_place_without_a_repair_are_refused(run: Run) -> None:
    assert "never changed in place" in refused(run, *STORED, "--repair", "forward_fill")
    assert "never changed in place" in refused(run, *STORED, "--to-venue", "filled")
    line = refused(run, *STORED, "--repair", "forwardfill", "--to-venue", "filled")
    assert "quality.repair" in line
    assert "forward_fill" in line


def test_help_teaches_and_imports_nothing_heavy() -> None:
    command = [sys.executable, "scripts/validate_data.py", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--repair forward_fill" in " ".join(done.stdout.split())
    code = "import sys, keel.app.validate_data; print(*({'polars', 'numpy', 'pyarrow', 'pydantic'} & set(sys.modules)))"
    listed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert listed.stdout.split() == []
