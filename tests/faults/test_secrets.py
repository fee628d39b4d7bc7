"""Keys that were planted are found nowhere afterwards: not in logs, journal, state, nor in what errors say."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from keel.config.faults import Fault
from keel.domain.errors import KeelError
from keel.practice.security import KeyPair
from keel.runs.logs import run_logs

from .checks import check_all
from .scene import BOTH, FLIPS, NO_END, Exchange, Scene, stopping

KEY, SECRET = "PLANTEDkey" + "k" * 54, "PLANTEDsecret" + "s" * 51


def faults_of(exchange: Exchange) -> tuple[Fault, ...]:
    code = exchange.refusal["code"]
    return (
        Fault(kind="drop_response", request=exchange.post),
        Fault(kind="error_after", request=exchange.post, nth=2, message=f"key {KEY} of {SECRET}"),
        Fault(kind="error_instead", request=exchange.query, status=400, code=code, message=f"signature by {SECRET}"),
        Fault(kind="error_instead", request=exchange.fills, nth=3, message=f"key {KEY}"),
        Fault(kind="malformed", row=6),
        Fault(kind="drop_user_stream", row=9),
    )


@BOTH
def test_no_planted_key_is_in_logs_journal_or_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: Exchange
):
    for name, value in zip(exchange.environ, (KEY, SECRET), strict=True):
        monkeypatch.setenv(name, value)
    (tmp_path / "logs").mkdir()
    scene = Scene(tmp_path, FLIPS, keys=KeyPair(KEY, SECRET), exchange=exchange)
    said: list[str] = []
    with run_logs(tmp_path / "logs", "planted"):
        logging.getLogger("keel").warning("a run with planted keys begins")
        ready = stopping(lambda parts: parts.runner.counts.decisions > 20 and not parts.runner.blocks, "decisions")
        outcome = scene.play(NO_END, *faults_of(exchange), beside=ready)
        said += [outcome.ending.why, repr(outcome.parts.runner.status.make()), repr(outcome.entries)]

        async def refused() -> None:
            async with scene.venue_of(Fault(kind="reject_keys", seconds=60)) as venue:
                await scene.beside(venue, 3)

        with pytest.raises(KeelError) as caught:
            asyncio.run(refused())
        said.append(f"{caught.value!r} {caught.value}")
    check_all(outcome)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name.endswith(".log") for path in files)
    assert any("sqlite" in path.name for path in files)
    found = [path.name for path in files if b"PLANTED" in path.read_bytes()]
    assert not found
    assert not [text for text in said if "PLANTED" in text]
