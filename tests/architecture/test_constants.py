"""What a day lasts and what a market that never closes is called are written once."""

from __future__ import annotations

import ast

from tree import ROOT, parsed, python_files, shown

HOME = ROOT / "keel" / "domain" / "timeframe.py"


def test_length_of_a_day_and_the_round_the_clock_calendar_have_one_home():
    def holds(path, value) -> bool:
        nodes = (node.value for node in ast.walk(parsed(path)) if isinstance(node, ast.Constant))
        return any(type(node) is type(value) and node == value for node in nodes)

    for value in (86_400_000, "24/7"):
        assert [shown(path) for path in python_files("keel") if holds(path, value)] == [shown(HOME)]
