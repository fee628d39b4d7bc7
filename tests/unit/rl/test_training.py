"""Learning is repeatable and goes on exactly where it was stopped, for every way of learning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_training import ALGORITHMS, Told, config_of, learn, write_bars
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keel.app.wire_environment import wire_environment
from keel.config.training import TrainingSection
from keel.domain.errors import UsageError
from keel.rl.crew import processor_count
from keel.rl.training.figures import bars_per_day
from keel.rl.training.judge import Judge
from keel.rl.training.keeping import newest_checkpoint
from keel.rl.training.loop import threads_for
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


def test_a_resumed_run_shows_every_point_of_the_curves_once():
    loaded, whole = config_of(ALGORITHMS["ppo"]), Told()
    learn(loaded, Path("whole"), whole)
    learn(loaded, Path("parted"), Told(stop_at=480))
    learn(loaded, Path("parted"), Told(), newest_checkpoint(Path("parted")))
    learn(loaded, Path("parted"), Told(), newest_checkpoint(Path("parted")))
    steps = [[event.step for event in curve_of(Path(name), "validation/return")] for name in ("whole", "parted")]
    assert steps[0] == steps[1] == [320, 480, 800, 960, 1280]
    lines = [Path(name, "history.jsonl").read_text().splitlines() for name in ("whole", "parted")]
    looks = [[line for line in each if '"validation"' in line] for each in lines]
    assert looks[0] == looks[1]


def curve_of(folder: Path, name: str) -> list[Any]:
    return EventAccumulator(str(folder / "board")).Reload().Scalars(name)


def test_a_checkpoint_of_other_bars_or_observations_is_not_gone_on_from():
    learn(config_of(ALGORITHMS["ppo"]), Path("run"), Told(stop_at=480))
    other = [*ALGORITHMS["ppo"], "spans={kind: fractions, train: 0.3}"]
    with pytest.raises(UsageError, match=r"learnt with other observation hash than the config's: put config.yaml back"):
        learn(config_of(other), Path("run"), Told(), newest_checkpoint(Path("run")))


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before():
    learn(config_of(ALGORITHMS["ppo"]), Path("run"), Told())
    newest = sorted(Path("run").glob("checkpoint_*"))[-1]
    content = bytearray(newest.read_bytes())
    content[-3000] ^= 0xFF
    newest.write_bytes(bytes(content))
    assert newest_checkpoint(Path("run")).card.steps == 960


def test_a_year_of_two_symbols_apart_has_as_many_bars_as_that_of_one():
    write_bars("B/USDT", seed=2)
    for symbols in ("[A/USDT]", "[A/USDT, B/USDT]"):
        loaded = config_of([*ALGORITHMS["ppo"], f"data.symbols={symbols}", "environment.symbols=apart"])
        wired = wire_environment(loaded)
        assert bars_per_day(wired.world.bars) == pytest.approx(24, rel=0.1)


def test_returns_that_do_not_vary_are_no_divergence():
    still = [*ALGORITHMS["ppo"], "training.algorithm.gamma=0.0", "environment.action={kind: bins, weights: [0, 1e-9]}"]
    assert learn(config_of(still), Path("run"), Told()).status == "done"


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
        "checkpoint_000000000960.zip",
        "checkpoint_000000001280.zip",
    ]


def test_learning_that_diverges_stops_and_keeps_the_last_good_checkpoint():
    told = Told()
    wild = [*ALGORITHMS["sac"], "training.checkpoint_every=80", "environment.reward.scale=1e9"]
    wild.append("training.algorithm.learning_rate=10.0")
    with pytest.raises(UsageError, match=r"learning diverged after .* steps: .* is no number; checkpoints from before"):
        learn(config_of(wild), Path("run"), told)
    assert told.checkpoints
    served = ServedPolicy(sorted(Path("run").glob("checkpoint_*"))[-1])
    assert all(bool(torch.isfinite(one).all()) for one in served._policy.parameters())


def test_a_policy_that_moves_too_fast_is_warned_of():
    told = Told()
    learn(config_of([*ALGORITHMS["ppo"], "training.algorithm.learning_rate=0.5"]), Path("run"), told)
    # Figures are logged once, at the end; the updates before it are watched, too.
    assert (len(told.rollouts), len(told.warnings) > 1) == (1, True)
    assert all("KL divergence of" in line and "above 0.1" in line for line in told.warnings)


def test_figures_of_training_and_validation_are_told_and_kept():
    told = Told()
    learn(config_of([*ALGORITHMS["ppo"], "training.total_timesteps=10000"]), Path("run"), told)
    names = {name for _, figures in told.rollouts for name in figures}
    assert {
        f"trading/{name}" for name in ("return", "sharpe", "max_drawdown", "turnover", "cost_share", "reward")
    } < names
    assert {"train/approx_kl", "train/value_loss", "train/entropy_loss", "train/explained_variance"} < names
    lines = [json.loads(line) for line in Path("run/history.jsonl").read_text().splitlines()]
    assert {line["kind"] for line in lines} == {"train", "validation"}
    curves = EventAccumulator(str(Path("run/board"))).Reload().Tags()["scalars"]
    assert {"validation/sharpe", "trading/return", "train/loss", "time/steps_per_second"} < set(curves)


def test_validation_is_one_episode_at_the_configs_own_costs():
    loaded = config_of([*ALGORITHMS["ppo"], "environment.randomize={fee: [2, 3]}"])
    wired = wire_environment(loaded)
    judge = Judge(wired.validation, wired.actions, 365)
    first, end = wired.split.validation
    held = judge.judge(lambda seen, state: (np.full(len(seen), 2), state))
    again = judge.judge(lambda seen, state: (np.full(len(seen), 2), state))
    assert held == again
    assert held["bars"] == end - first - 1
    closes = wired.validation[0].bars["close"][:, 0]
    assert held["return"] == pytest.approx(0.5 * (closes[-1] / closes[0] - 1.0), abs=0.02)
    assert held["trades"] == 1
    flat = judge.judge(lambda seen, state: (np.ones(len(seen)), state))
    assert (flat["return"], flat["trades"], flat["turnover"]) == (0.0, 0.0, 0.0)
    assert np.isnan(flat["sharpe"])


def test_validation_plays_on_after_a_latch_as_a_backtest_does():
    loaded = config_of([*ALGORITHMS["ppo"], "risk={daily_loss: 0.0001, max_drawdown: 0.0002}"])
    wired = wire_environment(loaded)
    judge = Judge(wired.validation, wired.actions, 365)
    first, end = wired.split.validation
    held = judge.judge(lambda seen, state: (np.full(len(seen), 2), state))
    assert held["bars"] == end - first - 1
    assert held["max_drawdown"] < -0.0002


def test_small_batches_are_learnt_by_one_thread_and_large_ones_by_all():
    assert threads_for(TrainingSection()) == 1
    assert threads_for(TrainingSection.model_validate({"preset": "fast"})) == processor_count()
