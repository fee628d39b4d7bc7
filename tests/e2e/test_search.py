"""The search commands as a stranger meets them: trials, resumption after a kill, Ctrl+C, kill switch, walk-forward."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keel.runs.ledger import TrialLedger

from .desk import ROOT, Desk, Outcome, finish, refusal, wait_for

GRID = ("--param", "strategy.params.short=3,5,20", "--param", "strategy.params.long=10,20")
SLOW = """
class S(VectorStrategy):
    class Params(StrategyParams):
        bars: int = 3
        pause: float = 0.0
    def target_weights(self, bars):
        with open("ran", "a") as file:
            file.write(f"{self.params.bars}\\n")
        time.sleep(self.params.pause)
        return bars.each(lambda one: (one.close > np.roll(one.close, self.params.bars)) * 0.9)
"""
SLOW_GRID = (
    "--set",
    "strategy.class=mine:S",
    "--param",
    "strategy.params.bars=2:13:1",
    "--set",
    "strategy.params.pause=0.25",
)


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """Sit at a desk whose `python -m keel` is this checkout's."""
    return replace(desk, environ={"PYTHONPATH": str(ROOT)})


def keel(desk: Desk, *arguments: object) -> Outcome:
    return desk.python("-m", "keel", *arguments)


def sweep(desk: Desk, *arguments: object) -> Outcome:
    return keel(desk, "sweep", "--config", "config.yaml", *arguments)


def starting(desk: Desk, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "keel", "sweep", "--config", "config.yaml", *arguments]
    return desk.start(*command, start_new_session=True)


def trials_of(desk: Desk, study: str) -> list[dict[str, Any]]:
    with TrialLedger.open(desk.folder / "state") as ledger:
        return ledger.trials(study=study)


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def ran(desk: Desk) -> list[str]:
    path = desk.folder / "ran"
    return path.read_text().split() if path.exists() else []


def name_in(err: str) -> str:
    return err.split("--resume ")[1].split()[0]


def test_grid_writes_trials_best_config_and_pictures_and_the_best_config_runs(desk: Desk) -> None:
    outcome = sweep(desk, *GRID)
    assert outcome.code == 0, outcome
    assert "6 trials, 2 skipped; on these bars 4 trials so far, 4 different" in outcome.out
    assert "Mind" in outcome.out
    folder = desk.run_folder()
    rows = table(folder / "trials.csv")
    assert [row["status"] for row in rows] == ["done"] * 4 + ["skipped"] * 2
    assert "short (20) must be below long (10)" in rows[4]["reason"]
    best = json.loads((folder / "search.json").read_text())["best"]
    assert best["sharpe"] == max(float(row["sharpe"]) for row in rows[:4])
    for picture in ("heat_map.png", "parallel.png"):
        assert (folder / picture).read_bytes().startswith(b"\x89PNG")
    run = desk.script("script_backtest.py", "--config", folder / "best.yaml", "--json")
    assert run.tree["strategy"]["sharpe"] == best["sharpe"]
    # The backtest is a trial of these bars, too, and no different one.
    again = sweep(desk, *GRID, "--resume", folder.name, "--json").tree
    assert (again["counts"]["on_these_bars"], again["counts"]["different_on_these_bars"]) == (5, 4)
    assert (again["best"], again["study"]) == (best, f"{folder.name}-2")
    other = sweep(desk, "--param", "strategy.params.short=3,5", "--resume", folder.name)
    assert other.code == 2
    assert "it was another search: param was" in other.err
    listed = keel(desk, "trials", "--json").tree
    assert [(row["kind"], row["trials"]) for row in listed] == [("backtest", 1), ("sweep", 6)]
    assert "short (20) must" in keel(desk, "trials", folder.name).out


def test_killed_sweep_goes_on_under_its_name_without_repeating_and_ends_as_if_never_killed(desk: Desk) -> None:
    desk.strategy(SLOW)
    whole = sweep(desk, *SLOW_GRID, "--set", "strategy.params.pause=0.0", "--json").tree
    (desk.folder / "ran").unlink()
    process = starting(desk, *SLOW_GRID, "--jobs", "2")
    wait_for(lambda: len(ran(desk)) >= 10, "the trials in processes of their own")
    os.kill(process.pid, signal.SIGKILL)
    name = name_in(process.communicate(timeout=30)[1])
    wait_for(lambda: not children_of_group(process.pid), "the end of orphaned processes", 10)
    before = {row["key"].split("=")[1] for row in trials_of(desk, name)}
    assert 0 < len(before) < 12
    (desk.folder / "ran").unlink()
    resumed = sweep(desk, *SLOW_GRID, "--resume", name, "--json").tree
    assert resumed["trials"] == whole["trials"]
    assert resumed["counts"]["resumed"] == len(before)
    assert not before & set(ran(desk))
    assert len(trials_of(desk, name)) == 12


def children_of_group(group: int) -> list[str]:
    listed = subprocess.run(["ps", "-wweo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    lines = [line.split(None, 2) for line in listed.splitlines()]
    return [args for pgid, stat, args in lines if int(pgid) == group and not stat.startswith("Z")]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_keeps_what_was_tried_and_says_how_to_go_on(desk: Desk, jobs: str) -> None:
    desk.strategy(SLOW)
    process = starting(desk, *SLOW_GRID, "--jobs", jobs)
    wait_for(lambda: len(ran(desk)) >= (10 if jobs == "2" else 3), "the first trials")
    os.killpg(process.pid, signal.SIGINT)
    outcome = finish(process)
    assert outcome.code == 130
    lines = outcome.err.splitlines()
    assert len(lines) == 2, outcome.err
    assert lines[1].startswith("error: interrupted after ")
    folder = desk.run_folder()
    assert json.loads((folder / "manifest.json").read_text())["status"] == "interrupted"
    rows = table(folder / "trials.csv")
    assert 0 < len(rows) < 12
    assert len(trials_of(desk, name_in(outcome.err))) == len(rows)
    assert not children_of_group(process.pid)


def test_kill_switch_keeps_a_sweep_from_starting_and_stops_a_running_one(desk: Desk) -> None:
    desk.strategy(SLOW)
    process = starting(desk, *SLOW_GRID, "--jobs", "1")
    wait_for(lambda: len(ran(desk)) >= 3, "the first trials")
    (desk.folder / "state" / "kill_switch.flag").touch()
    pulled = time.monotonic()
    outcome = finish(process)
    assert time.monotonic() - pulled < 30
    assert outcome.code == 3
    assert "stopped by the kill switch (state/kill_switch.flag exists) after " in outcome.err
    assert 0 < len(ran(desk)) < 12
    line = refusal(sweep(desk, *SLOW_GRID), 3)
    assert "kill_switch.flag exists" in line


def test_worker_that_is_killed_is_named_and_what_it_finished_is_kept(desk: Desk) -> None:
    desk.strategy(SLOW)
    more = tuple(each.replace("2:13:1", "2:41:1") for each in SLOW_GRID)
    process = starting(desk, *more, "--set", "strategy.params.pause=1.0", "--jobs", "2")
    wait_for(lambda: len(ran(desk)) >= 5, "the trials in processes of their own")
    for pid in workers_of(process.pid):
        with suppress(ProcessLookupError):  # the pool may have ended it since the first was killed
            os.kill(pid, signal.SIGKILL)
    outcome = finish(process)
    assert outcome.code == 2
    assert "continue with fewer --jobs" in outcome.err
    assert "Traceback" not in outcome.err
    assert trials_of(desk, name_in(outcome.err))


def workers_of(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-wweo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return [int(child) for child, parent, args in rows if int(parent) == pid and "spawn_main" in args]


def test_walk_forward_leaves_a_run_its_steps_and_the_pictures_of_its_choice(desk: Desk) -> None:
    command = ("walk-forward", "--config", "config.yaml", *GRID, "--window", "6", "--step", "2", "--jobs", "1")
    outcome = keel(desk, *command, "--json")
    assert outcome.code == 0, outcome
    tree = outcome.tree
    assert tree["overview"]["steps"] == 4  # thirteen days of bars: after six of them four tests, the last of one day
    folder = desk.run_folder()
    assert {"steps.csv", "stability.png", "stability.html", "report.html", "metrics.json", "fills.parquet"} <= {
        path.name for path in folder.iterdir()
    }
    rows = table(folder / "steps.csv")
    assert all(row["strategy.params.short"] in ("3", "5", "20") for row in rows)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["period"]["bars"] == 300 - 6 * 24
    assert metrics["strategy"]["sharpe"] == tree["overview"]["out_of_sample"]


def test_walk_forward_chooses_strategy_keys_only(desk: Desk) -> None:
    command = ("walk-forward", "--config", "config.yaml", "--window", "6", "--step", "2")
    assert "only strategy.* keys" in refusal(keel(desk, *command, "--param", "fees.taker_bps=1,2"))


def test_trials_before_there_is_a_ledger_are_refused(desk: Desk) -> None:
    assert "a backtest or a sweep begins it" in refusal(keel(desk, "trials"))


def test_damaged_ledger_stops_a_sweep_with_a_clear_line_and_only_warns_a_backtest(desk: Desk) -> None:
    (desk.folder / "state").mkdir()
    (desk.folder / "state" / "trials.db").write_bytes(b"no database" * 1000)
    assert "trials.db" in refusal(sweep(desk, *GRID))
    outcome = desk.backtest()
    assert outcome.code == 0
    assert outcome.err.startswith("warning: this run is missing in the trial ledger")


def test_ray_address_without_a_cluster_is_one_clear_line(desk: Desk) -> None:
    outcome = sweep(desk, *GRID, "--set", "ray.address=127.0.0.1:1")
    assert outcome.code == 2
    assert "no cluster answers" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.soak
def test_sweep_on_a_ray_cluster_gives_the_same_as_here(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A real cluster of two CPUs, started for the test on this machine and ended by it."""
    pytest.importorskip("ray")
    here = sweep(desk, *GRID, "--json").tree
    address, cluster = started_cluster(desk, tmp_path_factory.mktemp("ray"))
    try:
        outcome = sweep(desk, *GRID, "--json", "--set", f"ray.address={address}")
        assert outcome.code == 0, outcome.err
        assert outcome.tree["trials"] == here["trials"]
        desk.strategy(SLOW)
        own = sweep(
            desk, "--set", "strategy.class=mine:S", "--param", "strategy.params.bars=2,3", "--set",
            f"ray.address={address}", "--json",
        )  # fmt: skip
        assert [row["status"] for row in own.tree["trials"]] == ["done", "done"]
    finally:
        os.killpg(cluster.pid, signal.SIGTERM)
        cluster.communicate(timeout=60)


def started_cluster(desk: Desk, folder: Path) -> tuple[str, subprocess.Popen[str]]:
    ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"]
    named = ["--node-ip-address=127.0.0.1", "--port=6401", "--num-cpus=2", "--include-dashboard=false"]
    rest = [f"--temp-dir={folder}", "--object-store-memory=100000000"]
    process = desk.start(*ray, *named, *rest, start_new_session=True)
    wait_for(lambda: "raylet" in " ".join(children_of_group(process.pid)), "the cluster", 60)
    time.sleep(3.0)
    return "127.0.0.1:6401", process
