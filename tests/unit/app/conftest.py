"""A practice venue for a module's tests, and a fresh folder with all that a live run on it needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from practice_here import KEYS, Here, practising

from keel.app.fetch_filters import fetch_filters
from keel.wire import budget


@pytest.fixture(scope="module")
def live_venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    with practising(tmp_path_factory.mktemp("practice")) as served:
        fetch_filters(out=served.folder / "fetched.json", config=served.config())
        yield served


@pytest.fixture
def here(live_venue: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """Stand in a fresh folder with a state folder, the keys and the filters that a live run needs.

    One venue serves many tests within a minute: what they ask for together is no matter of its limits.
    """
    plenty = tuple(replace(limit, most=1_000_000) for limit in budget.BINANCE.documented)
    monkeypatch.setattr(budget, "BINANCE", replace(budget.BINANCE, documented=plenty))
    monkeypatch.setenv("BINANCE_API_KEY", KEYS.key)
    monkeypatch.setenv("BINANCE_API_SECRET", KEYS.secret)
    (tmp_path / "state").mkdir()
    (tmp_path / "filters.json").write_bytes((live_venue.folder / "fetched.json").read_bytes())
    return Here(live_venue.venue, live_venue.address, tmp_path)
