"""What README, the port's docstring and the walkthrough show runs as it is written."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import textwrap

import polars as pl

from keel.strategies import port

from .desk import ROOT, Desk, Outcome

WALKTHROUGH = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")
FILE = re.compile(r"Save this as `([\w.]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
COMMANDS = re.compile(r"^\.venv/bin/python (.*)$", re.MULTILINE)
OUTPUT = re.compile(r"```text\n(.*?)\n```", re.DOTALL)
CLASSES = (
    "buy_and_hold:BuyAndHold",
    "moving_average:MovingAverageCrossover",
    "momentum:Momentum",
    "volatility_target:VolatilityTargetedTrend",
    "donchian:DonchianBreakout",
    "rsi:RelativeStrengthIndex",
    "mean_reversion:BollingerReversion",
    "cross_section:CrossSectionalMomentum",
)


def example() -> str:
    found = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) == 1
    return found[0]


def test_example_of_the_readme_runs_verbatim(desk: Desk) -> None:
    (desk.folder / "my_strategy.py").write_text(example())
    chosen = ("--set", "strategy.class=my_strategy:AboveItsMean", "--set", "strategy.params={bars: 15}")
    outcome = desk.backtest(*chosen, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.tree["orders"]["filled"] > 0


def test_example_of_the_port_is_that_of_the_readme() -> None:
    assert textwrap.indent(example(), "    ") in str(port.__doc__)


def follow(desk: Desk) -> list[Outcome]:
    """Save every file and run every command of the walkthrough, in a folder with the project's configs."""
    shutil.copytree(ROOT / "configs", desk.folder / "configs")
    for name, text in FILE.findall(WALKTHROUGH):
        (desk.folder / name).write_text(text)
    commands = [shlex.split(command) for command in COMMANDS.findall(WALKTHROUGH)]
    return [desk.python(*(ROOT / part if part.startswith("script_") else part for part in each)) for each in commands]


def test_walkthrough_runs_verbatim_and_ends_as_it_says(desk: Desk) -> None:
    outcomes = follow(desk)
    assert [outcome.code for outcome in outcomes] == [0, 0, 0, 2, 0, 0, 0, 0, 0, 0], outcomes
    (said,) = OUTPUT.findall(WALKTHROUGH)
    assert outcomes[3].err == said + "\n"
    assert all(outcomes[at].out.startswith("causal") for at in (2, 5, 9))
    runs = sorted((desk.folder / "artifacts").iterdir(), key=lambda run: run.stat().st_mtime_ns)
    vectorised, changed, by_events, ordered, with_exits, combined = (
        pl.read_parquet(run / "fills.parquet") for run in runs
    )
    assert min(vectorised.height, combined.height) > 100
    assert by_events.equals(vectorised)
    assert not changed.equals(vectorised)
    assert set(ordered["type"]) == {"STOP", "LIMIT"}
    assert set(with_exits["type"]) == {"MARKET", "TRAILING_STOP", "LIMIT"}


def test_strategies_of_the_walkthrough_are_as_long_as_it_says() -> None:
    first = dict(FILE.findall(WALKTHROUGH))["near_high.py"]
    code = [line for line in first.splitlines() if line.strip()]
    assert len(code) <= 20


def shown_default(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def test_table_of_the_walkthrough_is_what_the_classes_say() -> None:
    rows = []
    for path in CLASSES:
        module, _, name = path.partition(":")
        strategy = getattr(importlib.import_module(f"keel.strategies.{module}"), name)
        rows.append(f"| `{path}` | | | {strategy.__doc__.splitlines()[0].rstrip('.')} |")
        for key, field in strategy.Params.model_fields.items():
            rows.append(f"| | `{key}` | {shown_default(field.default)} | {field.description} |")
    assert "\n".join(rows) in WALKTHROUGH


def test_every_strategy_that_is_shipped_is_in_the_walkthrough() -> None:
    modules = [path.stem for path in (ROOT / "keel" / "strategies").glob("*.py")]
    for module in modules:
        found = vars(importlib.import_module(f"keel.strategies.{module}")).values()
        for strategy in found:
            own = isinstance(strategy, type) and issubclass(strategy, port.VectorStrategy)
            if own and strategy.__module__ == f"keel.strategies.{module}" and not strategy.__abstractmethods__:
                assert f"{module}:{strategy.__name__}`" in WALKTHROUGH
