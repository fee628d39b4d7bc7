"""Files and functions stay small enough to read."""

from __future__ import annotations

import ast

import pytest
from tree import ROOT, parsed, python_files, shown

MOST_LINES_A_FILE = 400
MOST_LINES_A_FUNCTION = 50
MOST_LINES_AN_ENTRY_SCRIPT = 10
SOURCES = ("keel", "scripts", "services")
ENTRY_SCRIPTS = [*ROOT.glob("script_*.py"), *ROOT.glob("train_*.py"), *(ROOT / "scripts").glob("[!_]*.py")]


def lines_of(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def functions(path):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(parsed(path)) if isinstance(node, kinds)]


@pytest.mark.parametrize("path", ENTRY_SCRIPTS, ids=shown)
def test_entry_script_only_calls_the_app(path):
    assert lines_of(path) <= MOST_LINES_AN_ENTRY_SCRIPT
    assert not functions(path)


def test_there_are_entry_scripts():
    assert {"script_backtest.py", "scripts/doctor.py"} <= {shown(path) for path in ENTRY_SCRIPTS}


def test_files_are_short():
    long = {
        shown(path): lines_of(path) for path in python_files(*SOURCES, "tests") if lines_of(path) > MOST_LINES_A_FILE
    }
    assert not long


def test_functions_are_short():
    for path in python_files(*SOURCES):
        for function in functions(path):
            lines = function.end_lineno - function.lineno + 1
            assert lines <= MOST_LINES_A_FUNCTION, f"{shown(path)}: {function.name} has {lines} lines"
