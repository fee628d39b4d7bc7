"""The repository as the tests of its architecture see it."""

from __future__ import annotations

import ast
import os
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_SOURCE = {".git", "artifacts", "state", "logs", "__pycache__", "build"}


def python_files(*folders: str) -> list[Path]:
    """Return the Python files under folders of the repository, at least one in each."""
    found = []
    for folder in folders:
        files = sorted((ROOT / folder).rglob("*.py"))
        assert files, f"no Python in {folder}"
        found += files
    return found


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> set[str]:
    """Return the top packages that a file imports anywhere in it."""
    names = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names


@cache
def text_files() -> dict[Path, str]:
    """Return every tracked (or new and not ignored) file that is text; without git, every file of the tree that is."""
    found = {}
    for path in _source_paths():
        try:
            found[path] = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, IsADirectoryError, FileNotFoundError):
            continue
    assert ROOT / "README.md" in found
    return found


def _source_paths() -> list[Path]:
    git = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(git, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return _walked()
    return [ROOT / name for name in listed.split("\0") if name]


def _walked() -> list[Path]:
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_SOURCE and not _is_environment(Path(folder) / name)]
        found += [Path(folder) / name for name in files]
    return found


def _is_environment(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").exists() or folder == ROOT / "data"
