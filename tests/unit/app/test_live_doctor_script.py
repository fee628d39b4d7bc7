"""scripts/doctor.py as a process, with a config of mode live."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from practice_here import KEYS, Here, failed, practising, running

from keel.app.fetch_filters import fetch_filters
from keel.app.reset_kill_switch import reset_kill_switch

ROOT = Path(__file__).resolve().parents[3]
HELD = {"USDT": 100, "BTC": "0.5", "ETH": "0.00000999"}


def doctor(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "doctor.py"), *arguments]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environ)


@pytest.fixture(scope="module")
def quiet_venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """Serve a venue that nobody has asked anything yet: a new process keeps to the documented limits at first."""
    with practising(tmp_path_factory.mktemp("quiet")) as here:
        yield here


@pytest.fixture
def quiet(quiet_venue: Here, here: Here) -> Here:
    return Here(quiet_venue.venue, quiet_venue.address, here.folder)


def test_script_shows_a_green_table_and_exits_with_0(quiet: Here) -> None:
    done = doctor(quiet.folder, "--config", str(quiet.config()), "--verbose")
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("key permissions", "clock", "filters age", "open at the exchange"):
        assert name in done.stdout


def test_script_exits_with_3_and_asks_the_exchange_all_the_same(quiet: Here) -> None:
    (quiet.folder / "state" / "kill_switch.flag").touch()
    done = doctor(quiet.folder, "--config", str(quiet.config()), "--json")
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert (done.returncode, done.stderr) == (3, "")
    assert (found["kill switch"]["status"], found["kill switch"]["soft"]) == ("fail", False)
    assert found["key validity"]["status"] == "pass"


def test_script_that_fails_lists_what_is_left_open(quiet: Here) -> None:
    with practising(quiet.folder, accounts={"practice": {"balances": HELD}}) as held:
        config = Here(held.venue, held.address, quiet.folder).config()
        (quiet.folder / "state" / "kill_switch.flag").touch()
        done = doctor(quiet.folder, "--config", str(config))
    assert done.returncode == 3
    assert done.stderr == "error: no run may start. LEFT OPEN, with nobody watching: 0.5 BTC at binance\n"


def test_the_shipped_rehearsal_passes(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    from keel.app.practice import open_venue
    from keel.config.load import load_practice
    from keel.config.practice import PracticeConfig

    monkeypatch.chdir(here.folder)  # the bars are made below data/, as in a clone
    config, document = load_practice(ROOT / "configs" / "practice.yaml", ["port=0"])
    assert isinstance(config, PracticeConfig)
    with running(open_venue(config, document, {"practice": KEYS})) as address:
        shipped = ROOT / "configs" / "config_live.yaml"
        fetch_filters(config=shipped, address=address, environment="practice")
        assert not failed(shipped, f"venue.address={address}", "doctor.min_free_disk_gb=0")


def test_the_table_of_a_place_without_anything_is_all_mends(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BINANCE")}
    config = ROOT / "configs" / "config_live.yaml"
    command = [sys.executable, str(ROOT / "scripts" / "doctor.py"), "--config", str(config), "--json"]
    command += ["--set", "venue.address=http://127.0.0.1:9"]  # nobody listens there
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environ | {"PYTHONPATH": str(ROOT)}
    )
    failures = {one["name"]: one for one in json.loads(done.stdout) if one["status"] == "fail"}
    assert done.returncode == 3
    assert {"folders", "kill switch", "keys", "filters", "round trip"} <= set(failures)
    assert all(one["mend"] for one in failures.values())


def test_a_run_that_was_killed_is_not_started_again_before_somebody_has_said_why(quiet: Here) -> None:
    """Run the whole thing once: the promise spans the run that sees the flag and the start after it."""
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    run = [sys.executable, str(ROOT / "script_live.py"), "--config", str(quiet.config()), "--dry-run", "--plain"]
    flag = quiet.folder / "state" / "kill_switch.flag"
    process = subprocess.Popen(run, cwd=quiet.folder, env=environ, text=True, stderr=subprocess.PIPE)
    journal = quiet.folder / "state" / "live-binance-practice-dry.journal.sqlite"
    deadline = time.monotonic() + 30
    while not journal.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    flag.touch()
    _, told = process.communicate(timeout=30)
    assert process.returncode == 3, told
    flag.unlink()
    found = failed(quiet.config(), "dry_run=true")
    assert "nobody has said why" in found["kill switch"].detail
    reset_kill_switch(reason="a drill", state_dir=flag.parent)
    assert not failed(quiet.config(), "dry_run=true")
