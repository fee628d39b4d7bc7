"""Learning is repeatable and goes on exactly where it was stopped, for every way of learning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_training import ALGORITHMS, Told, config_of, learn, write_bars

from keel.rl.training.keeping import newest_checkpoint
from keel.runs.model_file import ModelFile
from keel.strategies.policy import ServedPolicy


@pytest.fixture(autouse=True)
def bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_bars()


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_a_run_that_was_stopped_goes_on_to_the_same_weights_as_one_that_was_not(kind: str):
    loaded, whole, parted = config_of(ALGORITHMS[kind]), Told(), Told(stop_at=480)
    done = learn(loaded, Path("whole"), whole)
    first = learn(loaded, Path("parted"), parted)
    assert (first.status, first.steps) == ("interrupted", 480)
    np.random.seed(99)
    then = Told()
    second = learn(loaded, Path("parted"), then, newest_checkpoint(Path("parted")))
    assert done.status == second.status == "done"
    assert second.weights_hash == done.weights_hash
    assert parted.curve + then.curve == whole.curve
    assert second.best == done.best


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_a_saved_model_is_served_with_the_weights_and_the_actions_it_had(kind: str):
    loaded, told = config_of(ALGORITHMS[kind]), Told()
    done = learn(loaded, Path("run"), told)
    served = ServedPolicy(Path("run/final_model.zip"))
    assert served.card.weights_hash == done.weights_hash
    assert served.card.steps == done.steps
    seen = np.zeros((3, served.card.observation_size), np.float32)
    actions, state = served.act(seen)
    assert served.actions.weights(actions).shape == (3, 1)
    assert (state is not None) == (kind == "recurrent_ppo")


def test_another_seed_learns_other_weights():
    one = learn(config_of(ALGORITHMS["ppo"]), Path("one"), Told())
    other = learn(config_of([*ALGORITHMS["ppo"], "run.seed=6"]), Path("other"), Told())
    assert one.weights_hash != other.weights_hash


def test_the_best_model_is_the_one_with_the_best_validation_and_stands_beside_the_runs_too():
    told = Told()
    done = learn(config_of(ALGORITHMS["ppo"]), Path("artifacts/run"), told)
    ratios = {steps: figures["sharpe"] for steps, figures in told.curve}
    card = ModelFile(Path("artifacts/run/best_model.zip")).card
    assert card.steps == max(ratios, key=lambda steps: np.nan_to_num(ratios[steps], nan=-np.inf))
    assert card.figures["sharpe"] == done.best["sharpe"]
    assert Path("artifacts/best_model.zip").read_bytes() == Path("artifacts/run/best_model.zip").read_bytes()


def test_only_the_newest_checkpoints_are_kept():
    learn(config_of([*ALGORITHMS["ppo"], "training.keep_checkpoints=2"]), Path("run"), Told())
    assert [path.name for path in sorted(Path("run").glob("checkpoint_*"))] == [
        "checkpoint_000000000640.zip",
        "checkpoint_000000000960.zip",
    ]
