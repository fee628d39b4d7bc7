from __future__ import annotations

import json

import pytest
import yaml

from .desk import ROOT, Desk

HEAVY = (
    "numpy",
    "polars",
    "pyarrow",
    "pandas",
    "numba",
    "talib",
    "matplotlib",
    "plotly",
    "pydantic",
    "exchange_calendars",
)
LIST_MODULES = """
import atexit, sys
sys.argv = sys.argv[1:]
atexit.register(lambda: sys.stderr.write(" ".join(sorted(sys.modules))))
import runpy
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize(
    "script",
    [
        "script_backtest.py",
        "script_eval.py",
        "scripts/doctor.py",
        "scripts/import_bars.py",
        "scripts/resample_bars.py",
        "scripts/update_bars.py",
    ],
)
def test_help_imports_nothing_heavy(desk: Desk, script: str) -> None:
    outcome = desk.python("-c", LIST_MODULES, ROOT / script, "--help")
    assert outcome.code == 0
    assert "Examples" in outcome.out or "--config" in outcome.out
    assert "typer" in outcome.err.split()
    assert not {name.partition(".")[0] for name in outcome.err.split()} & set(HEAVY)


def test_printed_config_holds_every_key_runs_nothing_and_loads_back_to_itself(desk: Desk) -> None:
    first = desk.backtest("--print-config", "--set", "strategy.params.short=7", "--set", "run.seed=3")
    assert first.code == 0
    tree = yaml.safe_load(first.out)
    assert (tree["strategy"]["params"]["short"], tree["run"]["seed"]) == (7, 3)
    assert tree["latency"]["base_ms"] == 250
    assert not (desk.folder / "artifacts").exists()
    (desk.folder / "config.yaml").write_text(first.out)
    again = desk.backtest("--print-config")
    assert (again.code, again.out) == (0, first.out)


def test_json_is_all_that_stands_on_stdout_whatever_a_strategy_prints(desk: Desk) -> None:
    body = "class S(VectorStrategy):\n    def target_weights(self, bars):\n        print('mind me')\n"
    outcome = desk.backtest(desk.strategy(body + "        return np.zeros((len(bars), bars.n))"), "--json")
    assert (outcome.code, outcome.err) == (0, "mind me\n")
    folder = desk.run_folder()
    assert outcome.tree["run_id"] == folder.name
    assert desk.folder / outcome.tree["folder"] == folder
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {name: outcome.tree[name] for name in metrics} == metrics
    json.loads(outcome.out, parse_constant=pytest.fail)


def test_a_run_leaves_every_promised_file_and_a_summary(desk: Desk) -> None:
    outcome = desk.backtest()
    assert (outcome.code, outcome.err) == (0, "")
    folder = desk.run_folder()
    results = {"manifest.json", "config.yaml", "metrics.json", "report.html", "equity.png"}
    tables = {f"{name}.parquet" for name in ("equity", "fills", "orders", "trades", "cashflows")}
    assert {path.name for path in folder.iterdir()} == results | tables
    logs = {path.name for path in (desk.folder / "logs").iterdir()}
    assert logs == {f"{folder.name}.log", "trades.log", "errors.log"}
    for word in ("Total return", "Sharpe ratio", "Buy and hold", "Fees", "Signals", "Win rate", folder.name):
        assert word in outcome.out


def test_schema_of_configs_is_printed_or_written(desk: Desk) -> None:
    printed = desk.python("-m", "keel", "config", "schema")
    assert printed.code == 0
    assert "fees" in json.dumps(printed.tree)
    assert desk.python("-m", "keel", "config", "schema", "--out", "made/schema.json").code == 0
    assert (desk.folder / "made" / "schema.json").read_text() == printed.out
