"""What all random faults over sockets need."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keel.wire import alpaca_link, budget


@pytest.fixture(autouse=True)
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let many starts and bars a second be no matter of request limits."""
    for room, name in ((budget, "BINANCE"), (alpaca_link, "_RULES")):
        rules = getattr(room, name)
        documented = tuple(replace(one, most=1_000_000) for one in rules.documented)
        monkeypatch.setattr(room, name, replace(rules, documented=documented))
