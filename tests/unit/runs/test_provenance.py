from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keel.runs.provenance import code_revision, own_sources, package_versions, revision_of, source_hash

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def make_package(root: Path) -> Path:
    package = root / "keel"
    (package / "room").mkdir(parents=True)
    (package / "a.py").write_text("A = 1\n")
    (package / "room" / "b.py").write_text("B = 2\n")
    return package


def git(root: Path, *arguments: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, env=environ)


def test_outside_a_checkout_there_is_no_revision_but_a_source_hash(tmp_path: Path) -> None:
    code = revision_of(make_package(tmp_path))
    assert (code.git_revision, code.dirty) == (None, None)
    assert len(code.source_hash) == 64


@needs_git
def test_in_a_checkout_the_revision_is_read_and_changes_make_it_dirty(tmp_path: Path) -> None:
    package = make_package(tmp_path)
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    clean = revision_of(package)
    assert clean.git_revision is not None
    assert len(clean.git_revision) == 40
    assert clean.dirty is False
    (package / "a.py").write_text("A = 3\n")
    changed = revision_of(package)
    assert (changed.git_revision, changed.dirty) == (clean.git_revision, True)
    assert changed.source_hash != clean.source_hash


@needs_git
def test_a_package_installed_inside_another_checkout_does_not_take_its_revision(tmp_path: Path) -> None:
    package = make_package(tmp_path / "environment")
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "-m", "somebody else's")
    assert revision_of(package).git_revision is None


def test_the_code_of_a_process_is_what_it_was_when_first_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = code_revision()
    monkeypatch.setattr("keel.runs.provenance._PACKAGE", make_package(tmp_path))
    assert code_revision() is first
    assert first.source_hash == source_hash()


def test_the_source_hash_knows_contents_names_and_nothing_else(tmp_path: Path) -> None:
    package = make_package(tmp_path)
    before = source_hash(package)
    (package / "notes.txt").write_text("no code")
    assert source_hash(package) == before
    (package / "a.py").rename(package / "c.py")
    assert source_hash(package) != before


def test_own_sources_are_the_modules_beside_the_user_and_what_they_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_rule.py").write_text("import my_part\n")
    (tmp_path / "my_part.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("my_rule")
    found = own_sources()
    assert {"my_rule", "my_part"} <= set(found)
    assert len(found["my_part"]) == 64
    assert not [name for name in found if name.split(".")[0] in ("keel", "numpy", "json", "pytest", "__main__")]
    (tmp_path / "my_part.py").write_text("A = 2\n")
    again = own_sources()
    assert {name for name in found if found[name] != again[name]} == {"my_part"}
    for name in ("my_rule", "my_part"):
        del sys.modules[name]


def test_versions_name_what_is_not_installed_instead_of_failing() -> None:
    versions = package_versions()
    assert versions["numpy"][0].isdigit()
    assert all(versions.values())
