"""Folders in memory, for tests that open journals by the hundred and prove nothing about the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

MEMORY = "/dev/shm"  # noqa: S108 - made unguessable below


@pytest.fixture(scope="module")
def quick() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def quick_folder(quick: Path, request: pytest.FixtureRequest) -> Path:
    """Return a folder of the test's own."""
    folder = quick / str(abs(hash(request.node.nodeid)))
    folder.mkdir()
    return folder
