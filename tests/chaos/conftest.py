"""What all random faults over sockets need."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keel.wire import budget


@pytest.fixture(autouse=True)
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let many starts and bars a second be no matter of request limits."""
    documented = tuple(replace(one, most=1_000_000) for one in budget.BINANCE.documented)
    monkeypatch.setattr(budget, "BINANCE", replace(budget.BINANCE, documented=documented))
