"""Where a campaign keeps what it need not work out twice: beside the compiled code, in the user's cache folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from keel.domain.compiled_cache import cache_folder

from .interpreter import ROOT


def kept(name: str) -> Path:
    """Return the path of a kept file; `make clean` removes them all."""
    folder = cache_folder().parent / "mutation"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def state_of(*folders: str) -> str:
    """Return 16 hex digits that change with any Python source in folders of the repository."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]
