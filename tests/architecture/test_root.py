"""The repository's root holds what the house has, and nothing that a trial run left there."""

from __future__ import annotations

import subprocess

import pytest
from tree import ROOT

DRAWN = {
    *(".ci", ".gitignore", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "Makefile", "README.md"),
    *("constraints.txt", "pyproject.toml", "script_backtest.py", "script_eval.py", "train_model_multi_patch.py"),
    *("benchmarks", "configs", "docs", "keel", "scripts", "tests"),
}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout: nobody knows what belongs to it")
def test_root_holds_nothing_else():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {path.partition("/")[0] for path in listed.splitlines()} == DRAWN
