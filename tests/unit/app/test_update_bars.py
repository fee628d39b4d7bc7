from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from file_server import FileServer, answers, breaks_off, hangs_up, serving

from keel.data.store import BarStore
from keel.domain.instrument import InstrumentId

ROOT = Path(__file__).resolve().parents[3]
MS_PER_HOUR = 3_600_000
DAYS = 3
FIRST = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
TEXTS = [f"{FIRST + timedelta(days=day):%Y-%m-%d}" for day in range(DAYS)]
SECRET = "Rb7hushhushhush"  # noqa: S105 - made up
CONFIG = """\
store: {folder}/bars
raw: {folder}/raw
retry: {{base_s: 0.01, cap_s: 0.02, timeout_s: 5}}
jobs:
  first:
    format: binance
    source: {address}/{{symbol}}-1h-{{date}}.zip?sign={secret}
    venue: testing
    symbols: [ACME/USDT]
    timeframe: 1h
    start: {start}
    resample: [1d]
  second:
    format: binance
    source: {address}/{{symbol}}-1h-{{date}}.zip
    venue: testing
    symbols: [BETA/USDT]
    timeframe: 1h
    start: {start}
"""


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as found:
        for symbol in ("ACMEUSDT", "BETAUSDT"):
            found.files |= {f"/{symbol}-1h-{text}.zip": klines(day) for day, text in enumerate(TEXTS)}
        yield found


@pytest.fixture
def config(server, tmp_path) -> Path:
    path = tmp_path / "update.yaml"
    path.write_text(CONFIG.format(folder=tmp_path, address=server.address, start=TEXTS[0], secret=SECRET))
    return path


def klines(day: int) -> bytes:
    """Return a zip of one day in microseconds, without a header, as the vendor packs spot files."""
    start = int((FIRST + timedelta(days=day)).timestamp() * 1000)
    opens = [start + hour * MS_PER_HOUR for hour in range(24)]
    rows = [f"{ts}000,100,102,98,101,5,{ts + MS_PER_HOUR - 1}999,500,7,2,200,0\n" for ts in opens]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("klines.csv", "".join(rows))
    return packed.getvalue()


def update(config: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "update_bars.py"), "--config", str(config), *more]
    environ = {**os.environ, "no_proxy": "127.0.0.1", "VENDOR_TOKEN": SECRET}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=config.parent, env=environ)


def bars(config: Path, symbol: str, timeframe: str = "1h") -> int:
    return BarStore(config.parent / "bars").read(InstrumentId("testing", symbol), timeframe).table.height


def test_update_brings_in_what_is_over_and_a_second_run_asks_for_nothing(server, config):
    done = update(config, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert [(one["job"], one["files"], one["added"]) for one in json.loads(done.stdout)] == [
        ("first", DAYS, 24 * DAYS),
        ("second", DAYS, 24 * DAYS),
    ]
    assert (bars(config, "ACME/USDT"), bars(config, "ACME/USDT", "1d")) == (24 * DAYS, DAYS)
    asked = len(server.requests)
    again = update(config)
    assert again.returncode == 0
    assert len(server.requests) == asked
    assert [line.split()[:3] for line in again.stdout.splitlines() if "first" in line] == [["first", "0", "0"]]


def test_faults_that_pass_leave_no_trace_in_the_bars(server, config):
    clean = update(config)
    assert clean.returncode == 0
    first = BarStore(config.parent / "bars").read(InstrumentId("testing", "ACME/USDT"), "1h").content_hash()
    (config.parent / "bars").rename(config.parent / "bars before")
    faults = [answers(503), hangs_up, breaks_off, answers(429, Retry_After="0")]
    server.faults |= {path: list(faults) for path in server.files}
    assert update(config).returncode == 0
    again = BarStore(config.parent / "bars").read(InstrumentId("testing", "ACME/USDT"), "1h").content_hash()
    assert again == first


def test_failed_job_is_told_in_one_line_with_exit_2_and_the_others_go_through(server, config):
    server.faults[f"/ACMEUSDT-1h-{TEXTS[1]}.zip"] = [answers(500)] * 5
    done = update(config)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: job first: ACME/USDT: {server.address}/ACMEUSDT-1h-{TEXTS[1]}.zip: answered 500")
    assert (bars(config, "ACME/USDT"), bars(config, "BETA/USDT")) == (24, 24 * DAYS)
    mended = update(config)
    assert mended.returncode == 0
    assert bars(config, "ACME/USDT") == 24 * DAYS


def test_no_secret_of_an_address_or_the_environment_is_printed_or_kept(server, config):
    server.faults[f"/ACMEUSDT-1h-{TEXTS[0]}.zip"] = [answers(403)]
    server.files[f"/ACMEUSDT-1h-{TEXTS[1]}.zip"] = b"no zip"
    done = update(config, "--json")
    assert done.returncode == 2
    assert any(SECRET in request for request in server.requests)
    assert SECRET not in done.stdout + done.stderr
    kept = [path for folder in ("bars", "raw") for path in (config.parent / folder).rglob("*")]
    assert not [
        path for path in kept if SECRET in path.name or (path.is_file() and SECRET.encode() in path.read_bytes())
    ]


def test_one_job_can_be_chosen_and_an_unknown_one_is_refused(server, config):
    assert update(config, "--job", "second").returncode == 0
    assert not any("ACME" in request for request in server.requests)
    done = update(config, "--job", "third")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "has no such job; it has first, second" in done.stderr


def test_two_updates_of_a_store_do_not_run_at_once(server, config):
    lock = config.parent / "bars" / ".updates" / "lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = update(config)
        assert done.returncode == 3
        assert "another update is running" in done.stderr
        assert server.requests == []
    assert update(config).returncode == 0


def test_wrong_config_is_one_line_and_exit_2(config):
    config.write_text(config.read_text().replace("timeframe: 1h", "timeframe: hourly", 1))
    done = update(config)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{config}:10: jobs.first.timeframe: expected" in done.stderr


def test_help_teaches_with_cron_and_comes_without_loading_what_is_heavy():
    code = "import sys, keel.app.update_bars; print(*sorted({'polars', 'http', 'pydantic', 'yaml'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
    helped = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "update_bars.py"), "--help"], capture_output=True, text=True, check=True
    )
    assert "crontab" in helped.stdout
    assert "--job btc-days" in " ".join(helped.stdout.split())
