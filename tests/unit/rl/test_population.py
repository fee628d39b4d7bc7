"""Values of a population stay within their bounds; its record tells what became of each agent."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_training import ALGORITHMS, config_of

from keel.config.algorithms import Ppo
from keel.config.robustness import PopulationSection
from keel.domain.errors import ConfigError
from keel.rl.population.mutation import first_values, mirrored, spans
from keel.rl.population.record import Record, summary
from keel.rl.training.keeping import drop_half_written

POPULATION = PopulationSection(size=50, mutations={"learning_rate": (1e-5, 1e-3), "gamma": (0.9, 0.999)})


def test_the_first_agent_has_the_configs_values_and_the_others_draws_within_bounds():
    own, *others = first_values(Ppo(learning_rate=3e-4, gamma=0.95), POPULATION, seed=3)
    assert own == {"learning_rate": 3e-4, "gamma": 0.95}
    for one in others:
        assert 1e-5 <= one["learning_rate"] <= 1e-3
        assert 0.9 <= one["gamma"] <= 0.999
    assert sum(one["learning_rate"] < 1e-4 for one in others) in range(15, 35)
    assert sum(one["gamma"] > 0.99 for one in others) in range(15, 35)
    assert first_values(Ppo(), POPULATION, seed=3)[1:] == others


def test_gamma_is_multiplied_by_its_distance_from_one():
    assert mirrored({"gamma": 0.99, "ent_coef": 0.1}) == pytest.approx({"gamma": 0.01, "ent_coef": 0.1})
    assert mirrored(mirrored({"gamma": 0.99})) == pytest.approx({"gamma": 0.99})
    assert spans(POPULATION)["gamma"] == pytest.approx((0.001, 0.1))


@pytest.mark.parametrize(
    ("population", "told"),
    [
        ("{mutations: {learning_rate: [0.1, 0.01]}}", "must be \\[least, most\\], both above 0, got \\[0.1, 0.01\\]"),
        ("{mutations: {gamma: [0.9, 1.0]}}", "must stay below 1, got 1"),
        ("{mutations: {tau: [0.1, 0.2]}}", "ppo has no tau: remove it"),
        ("{mutations: {}}", "mutations"),
        ("{size: 1}", "size"),
    ],
)
def test_a_population_that_cannot_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, population: str, told: str
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=told):
        config_of([*ALGORITHMS["ppo"], f"training.population={population}"])


def test_a_scheduled_value_is_not_mutated_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    scheduled = "training.algorithm.learning_rate={start: 0.001, end: 0.0001}"
    with pytest.raises(ConfigError, match=r"learning_rate is a schedule already: give a number"):
        config_of([*ALGORITHMS["ppo"], scheduled, "training.population={}"])


def test_the_record_tells_each_agents_lineage_values_and_scores(tmp_path: Path):
    record = Record(tmp_path)
    for member in (0, 1):
        record.note("began", member, 0, values={"gamma": 0.9 + 0.01 * member})
    record.note("looked", 0, 100, values={"gamma": 0.9}, figures={"sharpe": 2.0})
    record.note("looked", 1, 100, values={"gamma": 0.91}, figures={"sharpe": None})
    record.note("copied", 1, 100, values={"gamma": 0.92}, **{"from": 0})
    record.note("failed", 1, 100, values={"gamma": 0.92}, why="no number")
    record.note("looked", 1, 200, values={"gamma": 0.92}, figures={"sharpe": 1.0})
    record.note("ended", 0, 200, values={"gamma": 0.9}, figures={"sharpe": 1.5})
    with (tmp_path / "population.jsonl").open("a") as file:
        file.write('{"event": "look')  # a kill cut it short
    Record(tmp_path).note("resumed", 0, 200, values={"gamma": 0.9})
    first, second = summary(tmp_path, "sharpe")
    assert (first["steps"], first["score"], first["best"], first["lineage"]) == (200, 1.5, 2.0, [])
    assert (second["steps"], second["score"], second["best"]) == (200, 1.0, 1.0)
    assert second["lineage"] == [{"from": 0, "steps": 100}]
    assert (second["first"], second["last"]) == ({"gamma": 0.91}, {"gamma": 0.92})


def test_what_a_kill_left_half_written_is_removed_but_not_that_of_other_runs(tmp_path: Path):
    run = tmp_path / "run"
    run.mkdir()
    left = [run / ".checkpoint_000000000100.zip.partial", tmp_path / ".best_model.zip.run.partial"]
    kept = [run / "checkpoint_000000000050.zip", tmp_path / ".best_model.zip.other.partial"]
    for path in (*left, *kept):
        path.touch()
    drop_half_written(run)
    assert [path.exists() for path in (*left, *kept)] == [False, False, True, True]
