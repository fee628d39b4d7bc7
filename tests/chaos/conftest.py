"""What all random faults over sockets need."""

from __future__ import annotations

import pytest

from .plenty import make_room


@pytest.fixture(autouse=True)
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process room; each life in a process of its own gives it to itself."""
    make_room(monkeypatch.setattr)
