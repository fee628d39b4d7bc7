from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from keel.data.bars import StoredBars
from keel.data.store import BarStore
from keel.domain.instrument import InstrumentId

ROOT = Path(__file__).resolve().parents[3]
NEW_YEAR_2021 = 1_609_459_200_000
MS_PER_HOUR = 3_600_000


def run(*arguments) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "resample_bars.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def store(tmp_path) -> Path:
    """Hold 60 hours of two symbols, the third of one missing."""
    for symbol, missing in (("ACME/USDT", 2), ("BETA/USDT", None)):
        opens = [NEW_YEAR_2021 + hour * MS_PER_HOUR for hour in range(60) if hour != missing]
        closes = [ts + MS_PER_HOUR for ts in opens]
        prices = dict.fromkeys(("open", "high", "low", "close", "volume"), [5.0] * len(opens))
        table = pl.DataFrame({"open_ts_ms": opens, "close_ts_ms": closes, **prices})
        name = InstrumentId("testing", symbol)
        BarStore(tmp_path).write(StoredBars(name, "1h", "fixture", "raw", "24/7", "UTC", table))
    return tmp_path


def test_longer_bars_of_every_symbol_are_stored_and_a_second_run_adds_none(store):
    command = ("--venue", "testing", "--source", "1h", "--timeframe", "4h", "--timeframe", "1d", "--store", store)
    done = run(*command, "--json")
    assert done.returncode == 0, done.stderr
    rows = {(row["instrument"], row["timeframe"]): row for row in json.loads(done.stdout)}
    acme = rows["testing:ACME/USDT", "4h"]
    assert (acme["bars"], acme["added"], acme["incomplete"], acme["missing_parts"], acme["unfinished"]) == (
        15, 15, 1, 1, 0,
    )  # fmt: skip
    assert rows["testing:BETA/USDT", "1d"]["unfinished"] == 1
    assert BarStore(store).read(InstrumentId("testing", "BETA/USDT"), "1d").feed == "fixture from 1h"
    again = run(*command)
    assert again.returncode == 0
    line = next(line for line in again.stdout.splitlines() if "ACME/USDT 1d" in line)
    assert line.split()[2:4] == ["2", "0"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--venue", "other", "--source", "1h", "--timeframe", "1d"], "no 1h bars of venue other"),
        (["--venue", "testing", "--source", "1h", "--timeframe", "90m"], "90m bars cannot be made of 1h bars"),
    ],
)
def test_what_cannot_be_made_is_one_line_and_exit_2(store, arguments, told):
    done = run(*arguments, "--store", store)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert told in done.stderr
