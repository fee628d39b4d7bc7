"""A finished run is repeated from its folder: the same result, or the input that is not what it was."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from .conftest import MARKETS
from .desk import ROOT, Desk, Outcome, bar_rows, constant, interrupt, refusal, wait_for, write_csv
from .test_stopping import SLOW, last_beat, started

CHANCE = """
class S(EventStrategy):
    def on_bar(self, context):
        context.set_target("ACME/USDT", (time.time_ns() // 1000 % 997) / 1000)
"""
BORROWED = "from weights import weight\n" + constant(0).replace("0)", "weight())")


def rerun(desk: Desk, *arguments: object) -> Outcome:
    return desk.python("-m", "keel", "rerun", *arguments)


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def own_store(desk: Desk) -> Path:
    """Give the desk a store of its own, so that its bars may change."""
    shutil.copytree(desk.store, desk.folder / "bars")
    desk.configure((str(desk.store), "bars"))
    return desk.folder / "bars"


def put_bars(desk: Desk, rows: list[tuple[object, ...]]) -> None:
    (desk.folder / "bars" / "testing" / "ACME-USDT" / "1h.parquet").unlink()
    file = write_csv(desk.folder / "again.csv", rows)
    named = ("--venue", "testing", "--symbol", "ACME/USDT", "--timeframe", "1h", "--store", "bars")
    assert desk.script("scripts/import_bars.py", "csv", file, *named).code == 0


def test_same_inputs_give_the_same_hash_and_a_folder_that_names_the_run(desk: Desk) -> None:
    assert desk.script("script_backtest.py", "--config", ROOT / "configs" / "config_sim.yaml").code == 0
    original = desk.run_folder()
    before = contents(original)
    outcome = rerun(desk, original.name[:6], "--json")
    assert outcome.code == 0, outcome
    verdict = outcome.tree
    assert (verdict["verdict"], verdict["differences"], verdict["first_difference"]) == ("same", [], None)
    assert verdict["result_hash"]["now"] == verdict["result_hash"]["then"] == manifest(original)["result_hash"]
    repeat = desk.folder / verdict["folder"]
    assert repeat != original
    assert manifest(repeat)["repeats"] == original.name
    assert contents(original) == before
    (original / "manifest.json").write_text(
        (original / "manifest.json").read_text().replace('"numpy": "', '"numpy": "0.')
    )
    spoken = rerun(desk, original)
    assert (spoken.code, spoken.err) == (0, "")
    assert "Same result as" in spoken.out
    assert "version of numpy: 0." in spoken.out


def test_changed_bar_names_its_symbol_and_the_first_thing_that_came_out_otherwise(desk: Desk) -> None:
    own_store(desk)
    assert desk.backtest(desk.strategy(constant(0.5))).code == 0
    original = desk.run_folder()
    closes = MARKETS["ACME/USDT"]
    put_bars(desk, bar_rows([*closes[:200], closes[200] * 1.01, *closes[201:]]))
    line = refusal(rerun(desk, original))
    assert "bars of testing:ACME/USDT 1h: 300 rows" in line
    assert "first: mark 201 of 300 (2021-01-09 09:00 UTC): equity " in line
    put_bars(desk, bar_rows(closes[:290]))
    assert "300 rows, 2021-01-01 00:00 UTC to 2021-01-13 11:00 UTC" in (line := refusal(rerun(desk, original)))
    assert "290 rows" in line

    shutil.rmtree(desk.folder / "bars" / "testing")
    assert "no 1h bars of testing:ACME/USDT" in refusal(rerun(desk, original))


def test_changed_strategy_file_or_what_it_imports_is_named(desk: Desk) -> None:
    (desk.folder / "weights.py").write_text("def weight():\n    return 0.5\n")
    assert desk.backtest(desk.strategy(BORROWED)).code == 0
    original = desk.run_folder()
    assert set(manifest(original)["own_code"]) == {"mine", "weights"}
    (desk.folder / "weights.py").write_text("def weight():\n    return 0.25\n")
    line = refusal(rerun(desk, original))
    assert "own code weights: " in line
    assert "first: fill 1 of 1" in line
    assert "mine" not in line


def test_changed_seed_in_the_runs_config_is_named(desk: Desk) -> None:
    assert desk.backtest("--set", "execution.price_model=bridge").code == 0
    original = desk.run_folder()
    config = original / "config.yaml"
    config.write_text(config.read_text().replace("seed: 7", "seed: 8"))
    assert "config run.seed: 7 then, 8 now" in refusal(rerun(desk, original))
    config.write_text(config.read_text() + "gone: 1\n")
    line = refusal(rerun(desk, original))
    assert "config.yaml" in line
    assert "gone" in line
    assert "was made by Keel" in line


def test_other_result_of_the_same_inputs_is_a_bug_of_ours_and_ends_with_1(desk: Desk) -> None:
    assert desk.backtest().code == 0
    original = desk.run_folder()
    tree = manifest(original)
    (original / "manifest.json").write_text(json.dumps(tree | {"result_hash": "0" * 64}))
    (original / "metrics.json").write_text((original / "metrics.json").read_text().replace('"won": ', '"won": 1'))
    outcome = rerun(desk, original)
    assert outcome.code == 1
    assert "from the same inputs: this is a bug in Keel" in outcome.err
    assert "no fill and no mark, but metrics trades.won" in outcome.err


def test_strategy_of_chance_is_told_apart_from_a_bug(desk: Desk) -> None:
    assert desk.backtest(desk.strategy(CHANCE)).code == 0
    line = refusal(rerun(desk, desk.run_folder()))
    assert "from the same inputs: fill 1 of " in line
    assert "unseeded random numbers" in line


def test_interrupted_run_is_compared_as_far_as_it_went(desk: Desk) -> None:
    interrupt(started(desk, SLOW, bars=20))
    original = desk.run_folder()
    (desk.folder / "mine.py").write_text((desk.folder / "mine.py").read_text().replace("time.sleep(0.02)", "pass"))
    outcome = rerun(desk, original)
    line = refusal(outcome)
    assert "was stopped before its last bar" in line
    assert "every mark and fill it has came out the same" in line
    assert "own code mine" in outcome.out


def test_repeat_that_is_stopped_itself_says_so(desk: Desk) -> None:
    assert desk.backtest(desk.strategy(SLOW.replace("time.sleep(0.02)", "time.sleep(0.01)"))).code == 0
    original = desk.run_folder()
    (desk.folder / "beat").unlink()
    process = desk.start(sys.executable, "-m", "keel", "rerun", str(original), start_new_session=True)
    wait_for(lambda: last_beat(desk)[0] >= 20, "the first bars")
    assert refusal(interrupt(process), 130).startswith("interrupted after ")
