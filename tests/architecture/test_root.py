"""The repository's root holds what the house has, and nothing that a trial run left there."""

from __future__ import annotations

import subprocess

import pytest
from tree import ROOT

DRAWN = {
    *(".ci", ".gitignore", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "Makefile", "README.md"),
    *("constraints.txt", "pyproject.toml", "script_backtest.py", "script_eval.py", "script_live.py"),
    "train_model_multi_patch.py",
    *("benchmarks", "configs", "docs", "keel", "scripts", "services", "tests"),
}


def test_root_holds_nothing_else():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a checkout that git reads: nobody knows what belongs to it")
    assert {path.partition("/")[0] for path in listed.stdout.splitlines()} == DRAWN
