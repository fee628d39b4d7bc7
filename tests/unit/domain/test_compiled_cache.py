"""Compiled code lies in a folder that is Keel's alone, and `make clean` removes that and nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from keel.domain.compiled_cache import cache_folder, sources_hash

MAKEFILE = Path(__file__).resolve().parents[3] / "Makefile"


def test_cache_is_a_folder_named_keel_wherever_it_is_put(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    monkeypatch.delenv("KEEL_CACHE_DIR", raising=False)
    assert cache_folder() == Path("/c/keel") / sources_hash()
    monkeypatch.setenv("KEEL_CACHE_DIR", "/mine")
    assert cache_folder() == Path("/mine/keel") / sources_hash()


@pytest.mark.parametrize("variable", ["KEEL_CACHE_DIR", "XDG_CACHE_HOME"])
def test_make_clean_removes_only_the_folder_named_keel(tmp_path, variable):
    chosen = tmp_path / "a cache"
    (chosen / "keel" / "0123").mkdir(parents=True)
    (chosen / "other").mkdir()
    environ = {name: value for name, value in os.environ.items() if name not in ("KEEL_CACHE_DIR", "XDG_CACHE_HOME")}
    (tmp_path / "work").mkdir()
    subprocess.run(
        ["make", "-f", str(MAKEFILE), "clean"],
        cwd=tmp_path / "work",
        env=environ | {"HOME": str(tmp_path), variable: str(chosen)},
        check=True,
        capture_output=True,
    )
    assert [path.name for path in chosen.iterdir()] == ["other"]
