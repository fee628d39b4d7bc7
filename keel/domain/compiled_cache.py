"""Where compiled code is kept between runs, and whether it is there yet.

numba keys a function's cache on that function's own file; a change in a function it calls goes unseen and old machine
code would run. Here every set of compiled sources gets a folder of its own, named by their hash, so code and cache
cannot disagree.
"""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_WARM_MARK = "warm"
SIMULATOR = "simulator"
ENVIRONMENTS = "environments"


@cache
def sources_hash() -> str:
    """Return 16 hex digits that change with any compiled source, array layout, numba or Python version."""
    digest = hashlib.sha256(f"{version('numba')} {sys.version_info}".encode())
    for file in sorted([*_PACKAGE.rglob("*_nb.py"), *(_PACKAGE / "domain").glob("*.py")]):
        digest.update(file.relative_to(_PACKAGE).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Return the folder of this version's machine code: `keel/<hash>` in `$KEEL_CACHE_DIR` or the user's cache folder.

    Nothing but Keel's own lies in that `keel`, so `make clean` may remove it whole.
    """
    root = os.environ.get("KEEL_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "keel" / sources_hash()


def cache_is_warm(part: str = SIMULATOR) -> bool:
    """Say whether a part of this version has been compiled on this machine: SIMULATOR or ENVIRONMENTS."""
    return (cache_folder() / f"{_WARM_MARK}-{part}").exists()


def mark_cache_warm(part: str = SIMULATOR) -> None:
    """Record that all of a part has been compiled into the cache folder."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    (cache_folder() / f"{_WARM_MARK}-{part}").touch()
