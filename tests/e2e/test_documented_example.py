"""The strategy that README and the port's docstring show runs as it is written."""

from __future__ import annotations

import re
import textwrap

from keel.strategies import port

from .desk import ROOT, Desk


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
