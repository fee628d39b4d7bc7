"""Bars are made once for all tests of the room."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def bar_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("practice")
