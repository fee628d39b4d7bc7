"""Training as people run it: killed, interrupted, resumed, refused; what is left behind is whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

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
  threads: 1
  n_envs: 4
  algorithm: {{kind: ppo, n_steps: 50, batch_size: 50, n_epochs: 2, network: {{actor: [8], critic: [8]}}}}
  total_timesteps: 12000
  evaluate_every: 3000
  checkpoint_every: 1000
"""
SCRIPT = str(ROOT / "train_model_multi_patch.py")


@pytest.fixture
def command(desk: Desk) -> list[str]:
    (desk.folder / "train.yaml").write_text(CONFIG.format(store=desk.store))
    return [sys.executable, SCRIPT, "--config", "train.yaml"]


def run_of(desk: Desk) -> Path:
    (folder,) = [path for path in (desk.folder / "artifacts").iterdir() if path.is_dir()]
    return folder


def checkpoints(desk: Desk) -> list[Path]:
    return sorted(desk.folder.glob("artifacts/*/checkpoint_*.zip"))


def learning(desk: Desk, command: list[str]) -> subprocess.Popen[str]:
    """Start a training and wait for its second checkpoint."""
    process = desk.start(*command, start_new_session=True)
    wait_for(lambda: len(checkpoints(desk)) > 1 or process.poll() is not None, "two checkpoints")
    return process


def test_a_run_ends_with_its_models_curves_log_and_manifest(desk: Desk, command: list[str]) -> None:
    done = finish(desk.start(*command, "--json", "--set", "training.total_timesteps=2000"))
    assert done.code == 0, done
    told, folder = json.loads(done.out), run_of(desk)
    names = {path.name for path in folder.iterdir()} - {".lock"}
    assert {"best_model.zip", "final_model.zip", "observation.json", "manifest.json", "config.yaml"} < names
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["status"], manifest["result_hash"]) == ("done", told["weights_hash"])
    assert manifest["versions"]["torch"] != "missing"
    assert ModelFile(desk.folder / "artifacts" / "best_model.zip").card.run_id == folder.name
    assert list((desk.folder / "logs" / "tensorboard" / folder.name).glob("events.*"))
    log = (desk.folder / "logs" / "training.log").read_text()
    assert f"{folder.name} INFO keel.training: step 2000: validation" in log
    assert str(json.loads((folder / "history.jsonl").read_text().splitlines()[-1])["kind"]) == "validation"


def test_a_run_that_was_killed_goes_on_to_the_weights_of_one_that_was_not(desk: Desk, command: list[str]) -> None:
    process = learning(desk, command)
    os.killpg(process.pid, signal.SIGKILL)
    finish(process)
    folder = run_of(desk)
    assert json.loads((folder / "manifest.json").read_text())["status"] == "running"
    assert not (folder / "final_model.zip").exists()
    resumed = finish(desk.start(sys.executable, SCRIPT, "--resume", folder.name, "--json"))
    assert resumed.code == 0, resumed
    whole = finish(desk.start(*command, "--json"))
    assert json.loads(resumed.out)["weights_hash"] == json.loads(whole.out)["weights_hash"]
    assert json.loads(resumed.out)["best"] == json.loads(whole.out)["best"]


def test_ctrl_c_saves_a_checkpoint_that_survives_a_full_disk_and_says_how_to_go_on(
    desk: Desk, command: list[str]
) -> None:
    outcome = interrupt(learning(desk, command), signal.SIGINT)
    assert outcome.code == 130
    assert "Stopping at the end of this rollout" in outcome.err
    folder = run_of(desk)
    steps = ModelFile(checkpoints(desk)[-1]).card.steps
    assert (
        f"error: interrupted after {steps:,} steps; go on with: python train_model_multi_patch.py --resume"
        in outcome.err
    )
    assert json.loads((folder / "manifest.json").read_text())["status"] == "interrupted"
    check_that_a_full_disk_leaves_the_checkpoints_whole(desk)
    resumed = finish(desk.start(sys.executable, SCRIPT, "--resume", str(folder.relative_to(desk.folder)), "--json"))
    assert json.loads(resumed.out)["steps"] == 12_000


def check_that_a_full_disk_leaves_the_checkpoints_whole(desk: Desk) -> None:
    before = {path.name: path.read_bytes() for path in checkpoints(desk)}
    limited = ("bash", "-c", 'ulimit -f 8; exec "$@"', "bash")
    line = refusal(finish(desk.start(*limited, sys.executable, SCRIPT, "--resume", run_of(desk).name)))
    assert line.startswith("cannot write artifacts/e2e-")
    assert "file too large" in line
    assert {path.name: path.read_bytes() for path in checkpoints(desk)} == before


def test_the_kill_switch_stops_a_run_that_learns(desk: Desk, command: list[str]) -> None:
    process = learning(desk, command)
    (desk.folder / "state").mkdir(exist_ok=True)
    (desk.folder / "state" / "e2e.kill_switch.flag").touch()
    outcome = finish(process)
    assert outcome.code == 3
    assert "stopped by the kill switch (state/e2e.kill_switch.flag exists) after " in outcome.err
    assert "reset_kill_switch.py --run e2e" in outcome.err


def test_a_run_is_trained_by_one_process_at_a_time(desk: Desk, command: list[str]) -> None:
    process = learning(desk, [*command, "--set", "training.total_timesteps=100000000"])
    other = finish(desk.start(sys.executable, SCRIPT, "--resume", run_of(desk).name))
    assert refusal(other, 3).endswith("another process is training this run: wait for it, or stop it")
    assert interrupt(process, signal.SIGINT).code == 130


def test_what_cannot_be_trained_is_one_clear_line(desk: Desk, command: list[str]) -> None:
    line = refusal(finish(desk.start(*command, "--set", "observation.features=[{kind: log_return, bars: 250}]")))
    assert line.startswith("ACME/USDT: 210 bars are too few: feature log_return_250")
    assert not list((desk.folder / "artifacts").iterdir())


def test_what_cannot_be_resumed_is_one_clear_line(desk: Desk, command: list[str]) -> None:
    assert "no such run" in refusal(finish(desk.start(sys.executable, SCRIPT, "--resume", "nothing")))
    assert "--resume goes on with the run's own config" in refusal(finish(desk.start(*command, "--resume", "x")))
    interrupt(learning(desk, command), signal.SIGINT)
    folder = run_of(desk)
    for path in checkpoints(desk):
        path.write_bytes(path.read_bytes()[:1000])
    line = refusal(finish(desk.start(sys.executable, SCRIPT, "--resume", folder.name)))
    assert "has no checkpoint to go on from" in line
    assert "is no whole zip, perhaps cut short" in line


def test_each_fold_of_a_walk_is_a_run_of_its_own(desk: Desk, command: list[str]) -> None:
    assert "spans has no folds to train" in refusal(finish(desk.start(*command, "--all-folds")))
    folds = ["--set", "spans={kind: walk_forward, folds: 2}", "--set", "training.total_timesteps=200"]
    done = finish(desk.start(*command, *folds, "--all-folds", "--json"))
    assert done.code == 0, done
    cards = [ModelFile(path).card for path in sorted(desk.folder.glob("artifacts/*/best_model.zip"))]
    assert len(cards) == 2
    assert cards[0].spans["test"][1] == cards[1].spans["test"][0]
