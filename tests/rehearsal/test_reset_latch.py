"""scripts/reset_latch.py: a latch is lifted with a reason, on record, beside no running run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from keel.app.cli import run_cli
from keel.app.reset_latch import reset_latch
from keel.app.run_journal import live_run, locked
from keel.config.load import load_config
from keel.domain.clock import WallClock
from keel.domain.errors import GateRefusedError
from keel.journal.entries import LatchCleared
from keel.journal.journal import Journal
from keel.journal.reading import JournalReader

from .stage import Stage


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("BINANCE_API_KEY", "k" * 64)

    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            run_cli(reset_latch, ["--config", str(tmp_path / "live.yaml"), *arguments])
        shown = capsys.readouterr()
        return int(str(ended.value.code)), shown.out + shown.err

    return run


def test_a_halted_run_is_let_go_on_with_a_reason_only(tmp_path: Path, call):
    stage = Stage(tmp_path, live=("risk.max_drawdown=0.0005",))
    assert asyncio.run(stage.play(60)).ending.exit_code == 4
    code, told = call("--reason", "  ")
    assert code == 2
    assert "--reason" in told
    code, told = call("--reason", "the loss is understood")
    assert code == 0
    assert "HALTED is lifted" in told
    code, told = call("--reason", "again")
    assert code == 0
    assert "nothing to do" in told
    with JournalReader.open(stage.journal_path) as reader:
        cleared = [one.entry for one in reader.entries() if isinstance(one.entry, LatchCleared)]
    assert [entry.why for entry in cleared] == ["the loss is understood"]


def test_a_running_run_is_left_alone(tmp_path: Path, call, monkeypatch: pytest.MonkeyPatch):
    stage = Stage(tmp_path)
    stage.live_config("http://127.0.0.1:9", dry_run=False)
    stage.journal_path.parent.mkdir()
    Journal.open(stage.journal_path, clock=WallClock(), redact=str).close()
    config = live_run(load_config(tmp_path / "live.yaml"), dry_run=False)
    with locked(config, {"BINANCE_API_KEY": "k" * 64}):
        code, told = call("--reason", "why")
        assert code == GateRefusedError.exit_code
        assert "another run" in told
    monkeypatch.delenv("BINANCE_API_KEY")
    code, told = call("--reason", "why")
    assert code == 2
    assert "BINANCE_API_KEY" in told
