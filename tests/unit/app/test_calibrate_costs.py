"""The command on a desk's file, on a run's folder, and on what cannot be used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from keel.app.calibrate_costs import calibrate_costs
from keel.app.cli import run_cli
from keel.app.wire_fill_market import tick_of
from keel.config.load import load_config

ROOT = Path(__file__).resolve().parents[3]
DESK = ROOT / "tests" / "fixtures" / "fills" / "desk.csv"
COLUMNS = (
    "symbol=ticker,side=direction,qty=size,price=px,reference_price=mid,time=filled_at,submitted=sent_at,"
    "response=heard_at"
)
OF_THE_DESK = (DESK, "--columns", COLUMNS, "--timeframe", "1h")
TRUE = {
    "spread.half_spread_bps": 1.5,
    "impact.coefficient": 0.6,
    "latency.base_ms": 30.0,
    "latency.response_ms": 12.0,
    "latency.jitter_ms": 10.0,
    "latency.jitter_sigma": 0.4,
    "latency.spike_probability": 0.0,
}


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Return the command, run in an empty folder: its exit code, output and error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            run_cli(calibrate_costs, [str(each) for each in arguments])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run


def refusal(outcome: tuple[int, str, str]) -> str:
    code, _, err = outcome
    assert code == 2, outcome
    assert err.startswith("error: "), outcome
    assert err.count("\n") == 1, outcome
    return err


def test_desk_s_file_gives_what_made_it(command):
    code, out, err = command(*OF_THE_DESK, "--json", "--confidence", "0.99")
    assert (code, err) == (0, "")
    tree = json.loads(out)
    assert tree["parameters"].keys() == TRUE.keys()
    for name, each in tree["parameters"].items():
        assert each["low"] <= TRUE[name] <= each["high"], name
    assert tree["clusters"] == "day"
    assert "columns not read: fill, note" in tree["notes"]


def test_section_written_loads_as_a_config_and_shows_its_intervals(command, tmp_path):
    code, out, _ = command(*OF_THE_DESK, "--out", "costs.yaml", "--plot", "slippage.png")
    assert code == 0
    assert "impact.coefficient" in out
    assert (tmp_path / "slippage.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "costs.yaml").read_text()
    assert "half_spread_bps: 1.5" in text
    assert "60 used" in text
    config = tmp_path / "run.yaml"
    config.write_text(f"extends: [{ROOT / 'configs' / 'config_sim.yaml'}, costs.yaml]\n")
    loaded = load_config(config).config
    assert loaded.spread.half_spread_bps == pytest.approx(1.5, abs=0.02)
    assert loaded.impact.coefficient == pytest.approx(0.6, abs=0.01)
    assert loaded.latency.base_ms == pytest.approx(32.8, abs=0.2)
    assert loaded.latency.timeout_ms == 5000


def test_without_volume_the_impact_is_said_to_be_in_the_spread_and_set_to_none(command, tmp_path):
    table = pl.read_csv(DESK).drop("bar_volume")
    table.write_csv("fills.csv")
    code, out, _ = command("fills.csv", *OF_THE_DESK[1:], "--out", "costs.yaml")
    assert code == 0
    assert "impact: left out: no fill has bar volume" in out
    (tmp_path / "run.yaml").write_text(f"extends: [{ROOT / 'configs' / 'config_sim.yaml'}, costs.yaml]\n")
    assert load_config(tmp_path / "run.yaml").config.impact.coefficient == 0


def test_file_of_somebody_else_is_not_overwritten_but_with_force(command, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("spread: {half_spread_bps: 3}\n")
    assert "was not written by this command" in refusal(command(*OF_THE_DESK, "--out", mine))
    assert mine.read_text().startswith("spread")
    assert command(*OF_THE_DESK, "--out", mine, "--force")[0] == 0
    assert command(*OF_THE_DESK, "--out", mine)[0] == 0
    assert "is a folder" in refusal(command(*OF_THE_DESK, "--out", tmp_path))


def test_several_symbols_must_be_asked_for(command):
    table = pl.read_csv(DESK).with_columns(ticker=pl.Series(["ACME"] * 40 + ["BETA"] * 20))
    table.write_csv("fills.csv")
    line = refusal(command("fills.csv", *OF_THE_DESK[1:]))
    assert "fills.csv: row 41: symbol BETA follows ACME: name one with --symbol" in line
    assert command("fills.csv", *OF_THE_DESK[1:], "--symbol", "ACME")[0] == 0
    assert command("fills.csv", *OF_THE_DESK[1:], "--symbol", "ACME", "--symbol", "BETA")[0] == 0
    assert "at least 30 are needed" in refusal(command("fills.csv", *OF_THE_DESK[1:], "--symbol", "BETA"))
    assert "has no fills of it; it has ACME, BETA" in refusal(command("fills.csv", *OF_THE_DESK[1:], "--symbol", "X"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing.csv"], "nothing.csv: no such file"),
        (["sim-20990101"], "no such run in artifacts"),
        ([DESK, "--columns", "prize=px"], "'prize' is no column of a fill"),
        ([DESK, "--columns", COLUMNS], "say how long its bars are with --timeframe"),
        ([*OF_THE_DESK, "--timeframe", "1y"], "timeframe '1y' is not one Keel knows"),
        ([*OF_THE_DESK, "--confidence", "95"], "--confidence 95: write a number from 0.5 to 0.999"),
        ([*OF_THE_DESK, "--plot", "a.svg"], "write a name that ends with .png"),
        ([*OF_THE_DESK, "--bars", "none.parquet"], "--bars none.parquet: no such file"),
        ([*OF_THE_DESK, "--config", ROOT / "configs" / "config_sim.yaml"], "row 1: symbol ACME is not in data.symbols"),
        ([*OF_THE_DESK, "--config", "a.yaml", "--bars", "b"], "give one of them"),
    ],
)
def test_what_cannot_be_used_is_one_line(command, arguments, told):
    assert told in refusal(command(*arguments))


def test_tick_is_the_largest_step_of_all_prices():
    assert tick_of([101.15, 99.85, 100.0]) == 0.05
    assert tick_of([101.1, 99.0, 100.1]) == 0.1
    assert tick_of([1.00000001, 3.0]) == 1e-8
    assert tick_of([1 / 3]) == 0


def test_run_s_folder_needs_nothing_else(command, tmp_path):
    backtest = [sys.executable, str(ROOT / "script_backtest.py"), "--config", str(ROOT / "configs" / "config_sim.yaml")]
    options = ("doctor.min_free_disk_gb=0", "strategy.params.short=2", "strategy.params.long=6", "data.end=2021-07-01")
    played = subprocess.run(
        [*backtest, *(f"--set={each}" for each in options)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert played.returncode == 0, played.stderr
    (folder,) = (tmp_path / "artifacts").iterdir()
    code, out, err = command(folder.name, "--json", "--confidence", "0.999")
    assert code == 0, err
    found = json.loads(out)["parameters"]
    known = {
        "spread.half_spread_bps": 1.0,
        "impact.coefficient": 0.7,
        "latency.base_ms": 250.0,
        "latency.jitter_ms": 20.0,
    }
    for name, value in known.items():
        assert found[name]["low"] <= value <= found[name]["high"], name
    # nothing is read of how the simulator split its costs
    fills = pl.read_parquet(folder / "fills.parquet")
    fills.with_columns(spread_cost=0.0, impact_cost=0.0, rounding_cost=0.0).write_parquet(folder / "fills.parquet")
    assert json.loads(command(folder, "--json", "--confidence", "0.999")[1])["parameters"] == found
