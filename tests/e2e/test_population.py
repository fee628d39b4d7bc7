"""A population as people train it: killed, interrupted, resumed, refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from keel.runs.model_file import ModelFile

from .desk import ROOT, Desk, finish, interrupt, refusal, wait_for

CONFIG = """\
mode: train
run: {{name: e2e}}
data: {{store: {store}, venue: testing, symbols: [ACME/USDT], timeframe: 1h}}
market: {{instrument: {{tick_size: "0.01", step_size: "0.0001", min_notional: 5}}}}
account: {{initial_cash: 100000}}
doctor: {{min_free_disk_gb: 0}}
observation: {{features: [{{kind: log_return}}, {{kind: rsi, bars: 5}}]}}
environment: {{episode_bars: 50, action: {{kind: bins, weights: [0, 0.5, 1]}}}}
training:
  n_envs: 4
  algorithm:
    {{kind: ppo, n_steps: 50, batch_size: 50, n_epochs: 1, ent_coef: 0.01, network: {{actor: [8], critic: [8]}}}}
  total_timesteps: 5000
  checkpoint_every: 1000
  adversary:
    observation: {{epsilon: 0.2, kappa: 0.5, steps: 1}}
    market: {{budget: 1.0, most: 2.0, episodes: 8}}
  population: {{size: 2, perturb_every: 1000, quantile: 0.5}}
"""
SCRIPT = str(ROOT / "train_model_multi_patch.py")


@pytest.fixture
def command(desk: Desk) -> list[str]:
    (desk.folder / "train.yaml").write_text(CONFIG.format(store=desk.store))
    return [sys.executable, SCRIPT, "--config", "train.yaml"]


def run_of(desk: Desk) -> Path:
    (folder,) = [path for path in (desk.folder / "artifacts").iterdir() if path.is_dir()]
    return folder


def events(desk: Desk, kind: str) -> list[dict[str, Any]]:
    files = list(desk.folder.glob("artifacts/*/population.jsonl"))
    lines = files[0].read_text().splitlines() if files else []
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def learning(desk: Desk, command: list[str], looks: int) -> subprocess.Popen[str]:
    """Start a population and wait until its agents have been looked at so often."""
    process = desk.start(*command, start_new_session=True)
    wait_for(lambda: len(events(desk, "looked")) >= looks or process.poll() is not None, "looks", 80)
    return process


def assert_whole(desk: Desk, told: dict[str, Any], size: int) -> None:
    folder = run_of(desk)
    assert (told["status"], told["steps"]) == ("done", size * 5000)
    assert {"best_model.zip", "final_model.zip", "population.jsonl"} <= {path.name for path in folder.iterdir()}
    bests = [ModelFile(path).card.figures["return"] for path in folder.glob("population/*/best_model.zip")]
    assert len(bests) == size
    best = ModelFile(folder / "best_model.zip").card
    assert best.figures["sharpe"] == told["best"]["sharpe"]
    assert (desk.folder / "artifacts" / "best_model.zip").read_bytes() == (folder / "best_model.zip").read_bytes()
    assert ModelFile(folder / "final_model.zip").card.weights_hash == told["weights_hash"]
    assert not list(folder.rglob("*.partial"))
    assert not (folder / "population" / "tune").exists()
    assert sorted(row["member"] for row in told["population"]) == list(range(size))
    assert {event["member"] for event in events(desk, "ended")} == set(range(size))
    assert json.loads((folder / "manifest.json").read_text())["status"] == "done"


@pytest.mark.soak
def test_a_population_that_was_killed_goes_on_from_its_agents_checkpoints(desk: Desk, command: list[str]) -> None:
    process = learning(desk, command, looks=4)
    os.kill(process.pid, signal.SIGKILL)
    finish(process)
    before = {event["member"]: event["steps"] for event in events(desk, "looked")}
    wait_for(lambda: not agents_of(process.pid), "the end of its agents", 20)
    resumed = finish(desk.start(sys.executable, SCRIPT, "--resume", run_of(desk).name, "--json"))
    assert resumed.code == 0, resumed
    gone_on = {event["member"]: event["steps"] for event in events(desk, "resumed")}
    assert all(gone_on[member] >= steps > 0 for member, steps in before.items())
    assert_whole(desk, json.loads(resumed.out), size=2)


@pytest.mark.soak
def test_ctrl_c_stops_all_agents_with_checkpoints_and_says_how_to_go_on(desk: Desk, command: list[str]) -> None:
    outcome = interrupt(learning(desk, [*command, "--set", "training.population.size=3"], looks=2))
    assert outcome.code == 130, outcome
    said = outcome.err.splitlines()
    assert said[0].startswith("Stopping at the end of this rollout")
    assert said[-1].startswith("error: interrupted after ")
    assert f"--resume artifacts/{run_of(desk).name}" in said[-1]
    assert json.loads((run_of(desk) / "manifest.json").read_text())["status"] == "interrupted"
    assert not (run_of(desk) / "final_model.zip").exists()
    resumed = finish(desk.start(sys.executable, SCRIPT, "--resume", run_of(desk).name, "--json"))
    assert resumed.code == 0, resumed
    assert_whole(desk, json.loads(resumed.out), size=3)


def test_without_ray_a_population_is_refused_in_one_line_that_names_the_extra(desk: Desk, command: list[str]) -> None:
    (desk.folder / "sitecustomize.py").write_text("import sys\nsys.modules['ray'] = None\n")
    desk.environ["PYTHONPATH"] = str(desk.folder)
    line = refusal(finish(desk.start(*command)))
    assert line.startswith("ray not installed: training.population needs the extra ray: ")
    assert not (desk.folder / "artifacts").exists()


def test_more_processors_than_ray_has_are_refused(desk: Desk, command: list[str]) -> None:
    done = finish(desk.start(*command, "--set", "training.population.cpus=999"))
    assert done.code == 2
    assert "error: training.population.cpus: Ray has " in done.err
    assert "Traceback" not in done.err


@pytest.mark.soak
def test_the_shipped_config_trains_a_population_against_both_adversaries(desk: Desk) -> None:
    config = str(ROOT / "configs" / "config_pbt_adversarial.yaml")
    short = ("training.total_timesteps=40000", "training.population.perturb_every=10000", "doctor.min_free_disk_gb=0")
    given = [word for each in short for word in ("--set", each)]
    process = desk.start(sys.executable, SCRIPT, "--config", config, "--json", *given)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    told = json.loads(out)
    assert (told["status"], len(told["population"])) == ("done", 4)
    assert {"learning_rate", "ent_coef", "clip_range", "gamma"} == set(told["population"][0]["last"])
    history = (run_of(desk) / "population" / "member_000" / "history.jsonl").read_text().splitlines()
    assert {json.loads(line)["kind"] for line in history} == {"train", "validation"}


def agents_of(group: int) -> list[str]:
    """Return the processes of agents that a population left running; Ray ends them with the process that died."""
    listed = subprocess.run(["ps", "-wweo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    lines = [line.split(None, 2) for line in listed.splitlines()]
    return [args for pgid, stat, args in lines if int(pgid) == group and "Z" not in stat and "Member" in args]
