"""The evaluation command: what it plays, what it writes, what it warns of and what it refuses."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from made_models import HOUR_MS, MARKET, ROWS, START_MS, TRAIN, fitted_of, spans_of, store_walks, write_untrained

from keel.app.cli import run_cli
from keel.app.evaluate import evaluate
from keel.app.wiring import wire_backtest
from keel.backtest.run import simulate
from keel.backtest.search.windows import within
from keel.config.load import load_config
from keel.risk.kill_switch import KillSwitch
from keel.runs.ledger import TrialLedger
from keel.runs.model_file import CARD, OBSERVATION, WEIGHTS, ModelFile, write_model
from keel.strategies import trained

MODEL = Path("artifacts/best_model.zip")
SMALL = "evaluation: { resamples: 100, random_traders: 5, attribution_bars: 60 }\n"
TEST_BARS = ROWS * 2 // 10


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store_walks()
    Path("eval.yaml").write_text("mode: eval\n" + MARKET + SMALL, encoding="utf-8")


@pytest.fixture
def model() -> Path:
    write_untrained(MODEL)
    return MODEL


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        run_cli(evaluate, ["--config", "eval.yaml", *arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def tell(capsys):
    """Run the command with --json and return what it prints."""

    def told(*arguments: str) -> dict[str, Any]:
        assert run("--json", *arguments) == 0, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    return told


@pytest.fixture
def refusal(capsys):
    """Run the command and return the one line it is refused with, exit code 2."""

    def told(*arguments: str, code: int = 2) -> str:
        assert run(*arguments) == code
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert line.startswith("error: ")
        assert not list(Path("artifacts").glob("eval-*"))
        return line

    return told


def folder_of(tree: dict[str, Any]) -> Path:
    return Path(tree["folder"])


def manifest_of(tree: dict[str, Any]) -> dict[str, Any]:
    return json.loads((folder_of(tree) / "manifest.json").read_text())


def test_all_profiles_are_played_with_baselines_beside_each_and_leave_their_files(model, tell):
    tree = tell("--all-profiles")
    names = ["conservative", "balanced", "aggressive", "stress_costs", "stress_latency", "stress_crash"]
    assert list(tree["profiles"]) == names
    assert tree["period"]["bars"] == TEST_BARS
    assert tree["in_sample"] == []
    for name, profile in tree["profiles"].items():
        for part in profile["parts"]:
            assert set(part["baselines"]) == {"buy_and_hold", "moving_average", "random", "flat"}
            assert part["baselines"]["flat"]["total_return"] == 0.0
            assert part["baselines"]["random"]["traders"] == 5
            files = {path.name for path in (folder_of(tree) / name / part["name"]).iterdir()}
            assert files == {"metrics.json", "config.yaml", "equity.parquet", "fills.parquet"}
        assert len(profile["statistics"]["verdict"]["statements"]) == 6
    assert {path.name for path in folder_of(tree).glob("*.*")} == {
        "config.yaml", "evaluation.json", "manifest.json", "report.html", "evaluation.png"
    }  # fmt: skip
    assert {worth["feature"] for worth in tree["attribution"]} == {"log_return_1", "rsi_5", "taker_buy_ratio_1"}


def test_result_is_that_of_the_backtest_its_own_config_asks_for(model, tell):
    tree = tell("--quick")
    written = folder_of(tree) / "balanced" / "whole"
    loaded = load_config(written / "config.yaml", expect_mode="sim")
    inputs, _ = wire_backtest(loaded.deciding, loaded.document)
    played, _ = simulate(within(inputs, (ROWS - TEST_BARS, ROWS)), lambda _rows: None)
    equity = pl.read_parquet(written / "equity.parquet")["equity"].to_numpy()
    assert played.marks["equity"].tobytes() == equity.tobytes()
    grown = equity[-1] / equity[0] - 1.0
    assert tree["profiles"]["balanced"]["parts"][0]["figures"]["total_return"] == pytest.approx(grown)
    assert tree["attribution"] == []


def test_profiles_differ_in_what_they_say_they_do(model, tell):
    profiles = tell("--all-profiles")["profiles"]
    first = {name: profile["parts"][0]["figures"] for name, profile in profiles.items()}
    assert first["stress_costs"]["cost_share"] > 2.0 * first["balanced"]["cost_share"]
    assert first["stress_latency"]["total_return"] != first["balanced"]["total_return"]
    assert first["conservative"]["exposure"] < 0.7 * first["balanced"]["exposure"]
    assert first["aggressive"]["exposure"] > 1.2 * first["balanced"]["exposure"]


def test_crashes_are_windows_of_their_own_length_within_the_evaluated_bars(model, tell):
    set_ = "evaluation.profiles.falls={crashes: 2, crash_bars: 30}"
    parts = tell("--set", set_, "--profile", "falls")["profiles"]["falls"]["parts"]
    assert [part["name"] for part in parts] == ["crash-1", "crash-2"]
    assert [part["bars"] for part in parts] == [30, 30]
    assert parts[0]["end"] <= parts[1]["start"]
    assert all(part["baselines"]["buy_and_hold"]["max_drawdown"] < -0.02 for part in parts)


def test_spans_by_dates_replace_the_test_span_and_say_where_they_were_trained_on(model, tell, capsys):
    start = np.datetime64(START_MS + 100 * HOUR_MS, "ms")
    end = np.datetime64(START_MS + 200 * HOUR_MS, "ms")
    tree = tell("--set", f"evaluation.profiles.then={{spans: [{{start: {start}Z, end: {end}Z}}]}}", "--profile", "then")
    part = tree["profiles"]["then"]["parts"][0]
    assert (part["name"], part["bars"]) == ("span-1", 100)
    assert part["in_sample"] == ["the model was trained on 2021-01-05 04:00 UTC to 2021-01-09 08:00 UTC"]


def test_same_config_and_seed_give_the_same_hash_and_another_model_another(model, tell):
    first = manifest_of(tell())["result_hash"]
    tell("--profile", "conservative", "--quick")  # a trial more, which changes the deflation and not the result
    assert manifest_of(tell())["result_hash"] == first
    write_untrained(MODEL, seed=4)
    assert manifest_of(tell())["result_hash"] != first
    assert [one["instrument"] for one in manifest_of(tell())["data"]][-1] == "model"


def test_a_model_that_another_replaces_while_it_is_judged_is_refused(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    serve = trained.serve

    def serve_and_replace(path: Path) -> object:
        served = serve(path)
        write_untrained(MODEL, seed=4)
        return served

    monkeypatch.setattr(trained, "serve", serve_and_replace)
    assert run("--quick") == 2
    assert f"error: {MODEL}: another model has taken its place" in capsys.readouterr().err


def test_every_evaluation_is_a_trial_first_and_all_trials_deflate(model, tell):
    assert tell("--quick")["profiles"]["balanced"]["statistics"]["trials"] == 1
    tree = tell("--all-profiles", "--set", "evaluation.profiles.stress_crash={crashes: 2, crash_bars: 30}")
    with TrialLedger.open(Path("state")) as ledger:
        rows = ledger.trials()
        assert [row["kind"] for row in ledger.studies()] == ["evaluation", "evaluation"]
    assert len(rows) == 1 + 5 + 2
    # The first run was one of balanced, too: played again it is no further chance.
    assert tree["profiles"]["balanced"]["statistics"]["trials"] == 7
    Path("moved.zip").write_bytes(MODEL.read_bytes())
    assert tell("--quick", "--model", "moved.zip")["profiles"]["balanced"]["statistics"]["trials"] == 7
    write_untrained(MODEL, seed=8)
    assert tell("--quick")["profiles"]["balanced"]["statistics"]["trials"] == 8


def test_period_is_the_last_of_all_bars_and_bars_that_were_seen_are_told_everywhere(model, tell, capsys):
    tree = tell("--period", "3d", "--quick")
    assert (tree["period"]["bars"], tree["in_sample"]) == (72, [])
    assert tree["period"]["end"] == "2021-01-26 00:00 UTC"
    tree = tell("--period", "2w", "--quick")
    trained, chosen = tree["in_sample"]
    assert trained == "the model was trained on 2021-01-12 00:00 UTC to 2021-01-16 00:00 UTC"
    assert "chosen by its figures of 2021-01-16" in chosen
    assert tree["profiles"]["balanced"]["statistics"]["verdict"]["headline"].startswith("In-sample, so it proves")
    assert "IN-SAMPLE: the model was trained on" in (folder_of(tree) / "report.html").read_text()
    assert run("--period", "2w", "--quick") == 0
    assert "IN-SAMPLE: the model was trained on" in capsys.readouterr().out
    assert run("--period", "2w", "--validate") == 0
    assert "IN-SAMPLE: the model was trained on" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("period", "told"),
    [
        ("9000d", "--period 9000d: is longer than the bars, which span 25 days up to 2021-01-26 00:00 UTC"),
        ("7x", "--period 7x: write a count and h, d or w, such as 7d or 36h"),
        ("90m", "--period 90m: write a count and h, d or w"),
        ("1h", "--period 1h: 1 bars are too few to evaluate"),
    ],
)
def test_period_that_cannot_be_is_refused(model, refusal, period, told):
    assert told in refusal("--period", period)


def test_model_without_a_test_span_is_played_on_what_it_has_not_seen(tell, refusal):
    spans = spans_of()
    write_untrained(MODEL, spans={**spans, "test": None})
    assert tell("--quick")["period"]["bars"] == TEST_BARS
    write_untrained(MODEL, spans={"train": [[START_MS, START_MS + ROWS * HOUR_MS]], "validation": None, "test": None})
    Path("artifacts").joinpath("x").mkdir()
    for path in Path("artifacts").glob("eval-*"):
        path.rename(f"artifacts/x/{path.name}")
    assert "has no test span, and has seen all these bars" in refusal()


def test_validate_says_what_is_whole_and_plays_nothing(model, capsys):
    assert run("--validate") == 0
    told = capsys.readouterr().out
    assert "whole" in told
    assert "finite at 256 closes" in told
    assert "120 bars, not seen in training" in told
    assert [path.name for path in Path("artifacts").iterdir()] == ["best_model.zip"]
    assert not Path("state/trials.db").exists()
    assert run("--validate", "--json") == 0
    assert set(json.loads(capsys.readouterr().out)) == {"model", "bars", "decisions", "evaluated"}


def test_validate_finds_weights_that_are_no_numbers(refusal):
    write_untrained(MODEL, gain=float("nan"))
    line = refusal("--validate")
    assert "artifacts/best_model.zip: its weights are not all finite numbers" in line


def test_learning_curve_is_drawn_where_training_noted_one(model, tell):
    notes = [
        {"steps": 1000 * k, "kind": kind, "return": 0.01 * k, "sharpe": None, "max_drawdown": -0.1}
        for k in range(4)
        for kind in ("train", "validation")
    ]
    Path("artifacts/history.jsonl").write_text("".join(json.dumps(note) + "\n" for note in notes))
    text = (folder_of(tell("--quick")) / "report.html").read_text()
    assert "How it learnt" in text
    assert "Return, validation" in text
    assert "Sharpe, train" not in text
    Path("artifacts/history.jsonl").write_text('{"steps": 1')
    assert run("--quick") == 2


def test_kill_switch_that_is_pulled_stops_an_evaluation_and_nothing_is_kept(model, refusal, monkeypatch):
    monkeypatch.setattr("keel.app.doctor.gate_run", lambda _config: None)
    flag = KillSwitch(Path("state")).own.path
    flag.parent.mkdir()
    flag.touch()
    told = refusal(code=3)
    assert "stopped by the kill switch (state/kill_switch.flag exists) before there was a result" in told
    assert 'then: python scripts/reset_kill_switch.py --reason "..."' in told


def test_profile_that_is_not_there_is_told_with_the_nearest(model, refusal):
    assert "there is no profile agresive: did you mean aggressive?" in refusal("--profile", "agresive")


def test_all_profiles_cannot_be_quick(model, refusal):
    assert "--all-profiles plays every profile" in refusal("--all-profiles", "--quick")


@pytest.mark.parametrize(
    ("set_", "told"),
    [
        ("data.symbols=[A/USDT]", "data.symbols: A/USDT, but artifacts/best_model.zip was trained on A/USDT, B/USDT"),
        ("data.timeframe=2h", "data.timeframe: 2h, but artifacts/best_model.zip was trained on 1h"),
        ("data.end=2021-01-01T12:00:00Z", "bars are too few"),
        ("data.end=2021-01-15", "its test span: 0 bars are too few to evaluate"),
    ],
)
def test_bars_that_do_not_fit_the_model_are_refused(model, refusal, set_, told):
    assert told in refusal("--set", set_)


class Trap:
    """Make a file when it is unpickled."""

    def __reduce__(self):
        return open, ("trapped", "w")


def rewritten(path: Path, **members: bytes) -> None:
    file = ModelFile(path)
    kept = {OBSERVATION: file.read(OBSERVATION), WEIGHTS: file.read(WEIGHTS)}
    named = {"observation": OBSERVATION, "weights": WEIGHTS}
    write_model(path, file.card, kept | {named[name]: content for name, content in members.items()})


def pickled_by_torch(thing: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(thing, buffer)
    return buffer.getvalue()


def test_model_that_would_run_code_is_refused_and_the_code_not_run(model, refusal):
    Path("ran").mkdir()
    for hostile in (pickled_by_torch({"w": Trap()}), pickle.dumps(Trap())):
        rewritten(MODEL, weights=hostile)
        line = refusal()
        assert "best_model.zip: policy.pth: holds more than tensors, or is damaged, and is not loaded" in line
        assert not Path("trapped").exists()
    MODEL.write_bytes(pickle.dumps(Trap()))
    assert "is no whole zip" in refusal()
    with zipfile.ZipFile(MODEL, "w") as archive:
        archive.writestr("data", json.dumps({"policy_class": {":serialized:": "gASV"}}))
        archive.writestr("policy.pth", pickle.dumps(Trap()))
    assert "a zip of stable-baselines3, which could run code" in refusal()
    assert not Path("trapped").exists()
    open("trapped", "w").close()  # noqa: PTH123 - the trap does work
    Path("trapped").unlink()
    pickle.loads(pickle.dumps(Trap())).close()  # noqa: S301
    assert Path("trapped").exists()


def test_model_that_is_missing_or_cut_short_is_refused(refusal):
    assert "artifacts/best_model.zip: no such model" in refusal()
    write_untrained(MODEL)
    whole = MODEL.read_bytes()
    for length in (len(whole) // 2, len(whole) - 1, 0):
        MODEL.write_bytes(whole[:length])
        assert "best_model.zip: is no whole zip" in refusal()
    MODEL.write_bytes(whole[:2000] + b"\x00" + whole[2001:])
    assert "error: artifacts/best_model.zip" in refusal()
    assert "other.zip: no such model" in refusal("--model", "other.zip")


def test_model_with_other_observations_or_weights_than_its_card_says_is_refused(model, refusal):
    other, _ = fitted_of(TRAIN, "observation.window=2")
    rewritten(MODEL, observation=other.to_json().encode())
    assert "the model was trained with" in refusal()
    write_untrained(MODEL)
    write_untrained(Path("other.zip"), seed=9)
    rewritten(MODEL, weights=ModelFile(Path("other.zip")).read(WEIGHTS))
    assert "its weights are not those its card was written for" in refusal()
    with zipfile.ZipFile(MODEL, "w") as archive:
        archive.writestr(CARD, "{}")
    assert "is not one of Keel's" in refusal()
