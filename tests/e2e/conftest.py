"""The made markets every end-to-end test trades, and a desk of its own for each."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .desk import ROOT, Desk, bar_rows, write_csv

WARM_UP = """
from keel.domain.compiled_cache import cache_is_warm
if not cache_is_warm():
    from keel.sim.warm_up import warm_up
    list(warm_up())
"""


MARKETS = {
    "ACME/USDT": [100.0 * (1 + 0.1 * math.sin(i / 9) + 0.02 * math.sin(i * 1.7)) for i in range(300)],
    "BETA/USDT": [50.0 * (1 + 0.1 * math.cos(i / 7) + 0.02 * math.sin(i * 2.3)) for i in range(300)],
    "RALLY/USDT": [100.0 * 1.1 ** max(0, i - 20) for i in range(60)],
    "CRASH/USDT": [100.0 * 0.97 ** max(0, i - 20) for i in range(60)],
}


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Import the made markets once a session, and compile once if this version never ran."""
    folder = tmp_path_factory.mktemp("market")
    subprocess.run([sys.executable, "-c", WARM_UP], check=True, cwd=ROOT)
    for symbol, closes in MARKETS.items():
        file = write_csv(folder / "bars.csv", bar_rows(closes))
        command = [sys.executable, str(ROOT / "scripts" / "import_bars.py"), "csv", str(file)]
        named = ["--venue", "testing", "--symbol", symbol, "--timeframe", "1h", "--store", str(folder / "bars")]
        subprocess.run([*command, *named], check=True, capture_output=True)
    return folder / "bars"


@pytest.fixture
def desk(tmp_path: Path, store: Path) -> Iterator[Desk]:
    made = Desk(tmp_path, store)
    made.configure()
    yield made
    assert not list(tmp_path.glob("artifacts/.*")), "something half-written was left behind"
