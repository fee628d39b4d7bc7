"""What code made a run: its revision, the hash of its sources and of the user's own, the versions it ran with."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_PACKAGES: Final = ("keel", "numpy", "numba", "polars", "pyarrow", "TA-Lib")
_LEARNING: Final = ("torch", "stable-baselines3", "sb3-contrib", "gymnasium")
_INSTALLED: Final = {"site-packages", "dist-packages"}
_GIT_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class CodeRevision:
    """Name the code of a run; `git_revision` and `dirty` are None outside a git checkout of Keel."""

    git_revision: str | None
    dirty: bool | None
    source_hash: str


@cache
def code_revision() -> CodeRevision:
    """Return the revision of the code that this process runs: as it lay on the disk when this was first asked.

    Files that change later do not change a process that has read them.
    """
    return revision_of(_PACKAGE)


def revision_of(package: Path) -> CodeRevision:
    """Return the revision of a package folder; never fails for want of git or a checkout."""
    revision = dirty = None
    if _is_checkout(package.parent):
        revision = _git(package.parent, "rev-parse", "HEAD") or None
        status = _git(package.parent, "status", "--porcelain", "--untracked-files=normal")
        dirty = None if status is None else bool(status)
    return CodeRevision(revision, dirty, source_hash(package))


def source_hash(package: Path = _PACKAGE) -> str:
    """Return the SHA-256 (64 hex digits) over the names and contents of all `*.py` below a package folder."""
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(package).as_posix()}:{len(content)}:".encode() + content)
    return digest.hexdigest()


def own_sources() -> dict[str, str]:
    """Return the SHA-256 (64 hex digits) of the files of the user's own modules loaded now, by module name.

    Own is what is not Keel's, not installed and not Python's: a strategy beside the config, and what it imports from
    there. The script that was started does not count.
    """
    found = {}
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if name != "__main__" and isinstance(file, str) and _is_own(Path(file)):
            found[name] = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return found


def package_versions() -> dict[str, str]:
    """Return the versions of Python, the platform and the packages that shape a result, or `missing`."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    return versions | {name: _version(name) for name in _PACKAGES}


def learning_versions() -> dict[str, str]:
    """Return the versions of the packages that shape a trained model, or `missing`."""
    return {name: _version(name) for name in _LEARNING}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _is_own(file: Path) -> bool:
    if not _INSTALLED.isdisjoint(file.parts):  # most modules: a look at the disk for each would take a while
        return False
    path = file.resolve()
    return path.is_file() and not any(path.is_relative_to(root) for root in (_PACKAGE, *_python_folders()))


@cache
def _python_folders() -> tuple[Path, ...]:
    return tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))


def _is_checkout(folder: Path) -> bool:
    # An installed Keel may lie in an environment inside somebody else's checkout: only its own top counts.
    top = _git(folder, "rev-parse", "--show-toplevel")
    return bool(top) and Path(top or "").resolve() == folder.resolve()


def _git(folder: Path, *arguments: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    # GIT_DIR and its kin, set inside a git hook, would point at another repository.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = [git, "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - fixed program, no shell
            command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, env=environ, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
