from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CONFIG = """
mode: sim
data: {venue: nowhere, symbols: [A/B], timeframe: 1h, store: mine}
strategy: {class: "keel.strategies.moving_average:MovingAverageCrossover"}
run: {state_dir: s, artifacts_dir: a, logs_dir: l}
doctor: {min_free_disk_gb: 0}
"""
ANY_DISK = CONFIG.replace("venue: nowhere", "venue: synthetic").replace(
    "store: mine", "store: mine, provider: {kind: synthetic, start: 2021-01-01, end: 2022-01-01}"
)


def doctor(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "doctor.py"), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )


def with_config(folder: Path, text: str) -> str:
    (folder / "c.yaml").write_text(text)
    return "c.yaml"


def test_a_healthy_place_exits_with_0_and_has_its_folders(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--config", with_config(tmp_path, ANY_DISK))
    assert (done.returncode, done.stderr) == (0, "")
    assert {"s", "a", "l", "mine"} <= {path.name for path in tmp_path.iterdir()}
    assert done.stdout == "11 checks, none failed or warned\n"
    assert "provider makes them" in doctor(tmp_path, "--config", "c.yaml", "--verbose").stdout


def test_table_lists_what_failed_only_and_everything_when_asked(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--config", with_config(tmp_path, CONFIG))
    assert done.stdout.startswith("11 checks, 1 failed\n")
    assert "not in mine: nowhere:A/B 1h" in done.stdout
    assert "kill switch" not in done.stdout
    healthy = doctor(tmp_path, "--config", with_config(tmp_path, ANY_DISK), "--verbose").stdout
    assert "kill switch" in healthy
    assert "mend" not in healthy


def test_missing_bars_exit_with_3_and_json_carries_the_mend(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--config", with_config(tmp_path, CONFIG), "--json")
    assert done.returncode == 3
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert checks["bars"]["status"] == "fail"
    assert checks["bars"]["detail"] == "not in mine: nowhere:A/B 1h"
    assert "import_bars.py" in checks["bars"]["mend"]
    assert checks["config"]["status"] == "pass"


def test_a_pulled_kill_switch_exits_with_3_and_names_the_reset(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "kill_switch.flag").touch()
    done = doctor(tmp_path, "--config", with_config(tmp_path, ANY_DISK))
    assert done.returncode == 3
    assert "s/kill_switch.flag exists" in done.stdout
    assert "--state-dir s" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("sectors", "told"),
    [
        (None, "sectors.csv: no such file: mend risk.sectors"),
        ("symbol,sector\nC/D,coins\n", "sectors.csv: no row of A/B: add the row A/B,<its sector>"),
    ],
    ids=["no file", "no row"],
)
def test_sector_caps_of_a_backtest_that_cannot_be_read_exit_with_3(
    tmp_path: Path, sectors: str | None, told: str
) -> None:
    text = ANY_DISK + "risk: {sectors: sectors.csv, max_sector_weight: 0.3}\n"
    if sectors is not None:
        (tmp_path / "sectors.csv").write_text(sectors)
    done = doctor(tmp_path, "--config", with_config(tmp_path, text), "--json")
    assert done.returncode == 3
    (check,) = (check for check in json.loads(done.stdout) if check["status"] == "fail")
    assert check["name"] == "sectors"
    assert check["detail"].startswith(told)
    assert "take risk.sectors and its caps out of the config" in check["mend"]


def test_a_config_with_an_unknown_key_is_a_failed_check(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--config", with_config(tmp_path, ANY_DISK + "feees: {}\n"), "--json")
    assert done.returncode == 3
    (check,) = (check for check in json.loads(done.stdout) if check["status"] == "fail")
    assert check["name"] == "config"
    assert "feees" in check["detail"]


def test_a_key_to_change_needs_a_config(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--set", "dry_run=true")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --set changes a key of a config: give --config, too\n"


def test_without_a_config_the_general_checks_run(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--json")
    checks = {check["name"]: check["status"] for check in json.loads(done.stdout)}
    assert (checks["config"], checks["bars"], checks.get("keys")) == ("na", "na", None)
    assert done.returncode == (3 if "fail" in checks.values() else 0)
    assert {"state", "artifacts", "logs", "data"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("script", ["doctor.py", "reset_kill_switch.py"])
def test_help_teaches_and_writes_nothing(tmp_path: Path, script: str) -> None:
    command = [sys.executable, str(ROOT / "scripts" / script), "--help"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0
    assert "kill" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_help_imports_nothing_heavy() -> None:
    script = """
import sys, keel.app.cli, keel.app.doctor, keel.app.reset_kill_switch
print(sorted({"polars", "numba", "numpy", "pydantic"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "[]\n"
