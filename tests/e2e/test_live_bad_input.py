"""script_live.py given what it cannot use: one clear line, the right exit code, and nothing forgotten."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest
from rehearsal.stage import LIVE, ROOT, Stage

from keel.app.fetch_filters import fetch_filters
from keel.domain.clock import WallClock
from keel.journal.entries import Alarm, Note, SessionEnded
from keel.journal.journal import Journal
from keel.journal.reading import JournalReader
from keel.practice.server import PracticeVenue

from .desk import Outcome, finish, refusal

MARKET_BEGINS_MS = 1_704_067_200_000
STRATEGIES = """\
import time

import numpy as np

from keel.strategies.port import EventStrategy, VectorStrategy


class Raises(EventStrategy):
    seen = 0

    def on_bar(self, context):
        self.seen += 1
        if self.seen > 3:
            raise ValueError("no such thing as a price")


class Hangs(EventStrategy):
    seen = 0

    def on_bar(self, context):
        self.seen += 1
        if self.seen > 3:
            time.sleep(60)


class Wild(VectorStrategy):
    def target_weights(self, bars):
        return np.full((len(bars), bars.n), np.nan)
"""


@dataclass
class Here:
    """A folder of its own beside a practice venue that many share."""

    folder: Path
    address: str
    environ: dict[str, str]

    def configure(self, *replacements: tuple[str, str]) -> None:
        text = Stage(self.folder, symbols="[SYNBTC/USDT]").filled_in(LIVE, address=self.address)
        text = text.replace("live: {", f"live: {{ filters: {self.folder}/filters.json, ")
        text = text.replace("dry_run: false", "dry_run: true")
        for old, new in replacements:
            assert old in text, old
            text = text.replace(old, new)
        (self.folder / "live.yaml").write_text(f"{text}doctor: {{ min_free_disk_gb: 0 }}\n")

    def strategy(self, name: str) -> None:
        (self.folder / "mine.py").write_text(STRATEGIES)
        given = "class: keel.strategies.moving_average:MovingAverageCrossover\n  params: { short: 3, long: 8 }"
        self.configure((given, f"class: mine:{name}"))

    def live(self, *arguments: str, **environ: str) -> Outcome:
        command = [sys.executable, str(ROOT / "script_live.py"), "--config", "live.yaml", *arguments]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BINANCE")}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        there = kept | self.environ | environ
        return finish(subprocess.Popen(command, cwd=self.folder, env=there, **streams))  # type: ignore[call-overload]

    @property
    def journal(self) -> Path:
        return self.folder / "state" / "stage-binance-practice-dry.journal.sqlite"


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeVenue]:
    served = Stage(tmp_path_factory.mktemp("venue")).open_venue()
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(served.start(), loop).result(60)
        yield served
        asyncio.run_coroutine_threadsafe(served.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def filters(venue: PracticeVenue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "filters.json"
    fetch_filters(out=path, environment="practice", address=venue.address)
    return path


@pytest.fixture
def here(venue: PracticeVenue, filters: Path, tmp_path: Path) -> Here:
    pair = venue.keys["practice"]
    made = Here(tmp_path, venue.address, {"BINANCE_API_KEY": pair.key, "BINANCE_API_SECRET": pair.secret})
    (tmp_path / "state").mkdir()
    shutil.copy(filters, tmp_path / "filters.json")
    made.configure()
    return made


def test_missing_keys_are_named(here: Here):
    here.configure(("dry_run: true", "dry_run: false"))
    here.environ = {}
    line = refusal(here.live(), 3)
    assert "BINANCE_API_KEY" in line
    assert "BINANCE_API_SECRET" in line


def test_wrong_keys_are_refused_and_never_shown(here: Here):
    here.configure(("dry_run: true", "dry_run: false"))
    wrong = "w" * 64
    line = refusal(here.live(BINANCE_API_KEY=wrong, BINANCE_API_SECRET=wrong), 3)
    assert "key" in line
    assert wrong not in line


def test_a_symbol_that_the_exchange_does_not_know_is_named(here: Here):
    here.configure(("[SYNBTC/USDT]", "[NOPE/USDT]"))
    assert "NOPE/USDT" in refusal(here.live(), 3)


@pytest.mark.parametrize(
    ("name", "told"),
    [("Raises", "no such thing as a price"), ("Hangs", "has not come back"), ("Wild", "nan for SYNBTC/USDT")],
)
def test_a_strategy_that_fails_in_mid_run_ends_it_in_good_order(here: Here, name: str, told: str):
    here.strategy(name)
    outcome = here.live("--set", "live.decide_timeout_ms=300", "--set", "live.strategy_failures=2")
    assert outcome.code == 4, outcome
    assert told in outcome.err
    assert "Shutdown complete" in outcome.err
    assert "Traceback" not in outcome.err
    with JournalReader.open(here.journal) as reader:
        found = list(reader.entries())
    assert min(one.ts_ms for one in found) > MARKET_BEGINS_MS, "the market's clock was open before anything was stamped"
    entries = [one.entry for one in found]
    alarms = [entry.text for entry in entries if isinstance(entry, Alarm)]
    assert sum(text.startswith("no decision") for text in alarms) == 2
    assert told in alarms[-1]
    assert isinstance(entries[-1], SessionEnded)
    assert entries[-1].exit_code == 4


def test_a_corrupt_journal_is_refused_with_the_way_back(here: Here):
    with Journal.open(here.journal, clock=WallClock(), redact=str) as journal:
        journal.append([Note("once")] * 200)
        copy = journal.save_copy()
    content = bytearray(here.journal.read_bytes())
    content[8192:16384] = b"\xff" * 8192
    here.journal.write_bytes(content)
    line = refusal(here.live(), 3)
    assert "damaged" in line
    assert str(here.journal.relative_to(here.folder)) in line
    assert copy.name in line, "it names what to restore"


def test_a_state_folder_that_is_not_there_counts_as_a_pulled_kill_switch(here: Here):
    (here.folder / "state").rmdir()
    assert "state" in refusal(here.live(), 3)
    assert not (here.folder / "state").exists(), "journal and latches would be gone, not new"


def test_a_state_folder_that_takes_no_file_is_told(here: Here):
    line = refusal(here.live("--set", "run.state_dir=/sys/kernel"), 3)
    assert "/sys/kernel" in line


def test_a_health_port_that_is_taken_is_named(here: Here):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        here.configure(("health: { enabled: false }", f"health: {{ port: {port} }}"))
        outcome = here.live()
    assert f"port {port}" in refusal(outcome, 3)


def test_a_practice_port_that_is_taken_is_named(here: Here):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "services.practice_venue", "--config", str(here.folder / "practice.yaml")]
        text = (ROOT / "configs" / "practice.yaml").read_text()
        text = text.replace("base/crypto.yaml", str(ROOT / "configs" / "base" / "crypto.yaml"))
        (here.folder / "practice.yaml").write_text(text.replace("2024-01-25", "2023-12-27"))
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        outcome = finish(
            subprocess.Popen([*command, "--set", f"port={port}"], cwd=here.folder, env=environ, **streams)  # type: ignore[call-overload]
        )
    assert str(port) in refusal(outcome, 2)


def test_a_practice_venue_that_is_not_running_is_told_with_how_to_start_it(here: Here):
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    here.configure((here.address, f"http://127.0.0.1:{port}"))
    assert "services.practice_venue" in refusal(here.live(), 3)
