"""The gate before a live run, against the practice venue: trade, reduce, or refuse and list what is open."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from practice_here import MINUTE_MS, START_MS, WARM_UP, Here

from keel.app.live_gate import LiveStart, gate_live
from keel.config.load import load_config
from keel.config.modes import LiveRun
from keel.domain.clock import WallClock
from keel.domain.errors import GateRefusedError
from keel.domain.orders import OrderSide
from keel.domain.venue_messages import VenueFill
from keel.journal.entries import BarsSeen, FillBooked
from keel.journal.journal import Journal
from keel.journal.lock import RunLock
from keel.journal.names import JournalName


def start(path: Path, *overrides: str) -> LiveStart:
    loaded = load_config(path, overrides)
    assert isinstance(loaded.config, LiveRun)
    return gate_live(loaded, loaded.config)


def hold(here: Here) -> None:
    """Journal a position as a run before this one would have."""
    path = JournalName("live", "binance", "practice", dry_run=False).path(here.folder / "state")
    fill = VenueFill(
        "1",
        "BTC/USDT",
        "k1",
        "7",
        OrderSide.BUY,
        Decimal("0.5"),
        Decimal(50_000),
        Decimal(0),
        "USDT",
        maker=False,
        ts_ms=0,
    )
    with Journal.open(path, clock=WallClock(), redact=str) as journal:
        journal.append([FillBooked(fill)])


def decide_at(here: Here, close_ts_ms: int) -> None:
    """Journal the bars of a decision as a run before this one would have."""
    path = JournalName("live", "binance", "practice", dry_run=False).path(here.folder / "state")
    with Journal.open(path, clock=WallClock(), redact=str) as journal:
        journal.append([BarsSeen(close_ts_ms, ())])


SLOW = ("max_round_trip_ms: 60000", "max_round_trip_ms: 1.0e-6")


def test_green_checks_trade(here: Here) -> None:
    begun = start(here.config())
    assert (begun.verdict, begun.exposure.is_open) == ("trade", False)


def test_sector_caps_without_their_file_refuse_and_tell_what_is_open(here: Here) -> None:
    hold(here)
    config = here.config(("risk: {", f"risk: {{sectors: {here.folder}/none.csv, max_sector_weight: 0.3, "))
    with pytest.raises(GateRefusedError, match=r"sectors: \S+/none\.csv: no such file.*BTC"):
        start(config)


def test_a_soft_failure_alone_refuses_and_with_a_position_only_reduces(here: Here) -> None:
    with pytest.raises(GateRefusedError, match="round trip"):
        start(here.config(SLOW))
    hold(here)
    begun = start(here.config(SLOW))
    assert (begun.verdict, begun.exposure.positions) == ("reduce", ("0.5 BTC by the journal",))
    assert [result.name for result in begun.results if result.status == "fail"] == ["round trip"]


def test_a_hard_failure_refuses_and_lists_the_position_left_open(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(here)
    monkeypatch.setenv("BINANCE_API_KEY", "another-key-" + "x" * 52)
    with pytest.raises(GateRefusedError) as refused:
        start(here.config())
    assert "LEFT OPEN, with nobody watching: 0.5 BTC by the journal" in str(refused.value)
    assert "another-key" not in str(refused.value)


def test_a_second_instance_is_refused_without_the_claim_that_nobody_watches(here: Here) -> None:
    hold(here)
    with RunLock(here.folder / "state", "live.run", clock=WallClock()), pytest.raises(GateRefusedError) as refused:
        start(here.config())
    assert "lock: " in str(refused.value)
    assert "OPEN, and whoever has the lock may be watching: 0.5 BTC by the journal" in str(refused.value)


def test_a_kill_switch_refuses_before_the_exchange_is_asked_and_goes_on_record(here: Here) -> None:
    asked = requests(here)
    assert start(here.config()).verdict == "trade"
    assert requests(here) > asked
    asked = requests(here)
    (here.folder / "state" / "kill_switch.flag").touch()
    with pytest.raises(GateRefusedError, match="kill switch"):
        start(here.config())
    assert requests(here) == asked
    assert '"tripped"' in (here.folder / "state" / "kill_switch.log").read_text()


def test_a_practice_market_that_began_anew_behind_the_journal_refuses(here: Here) -> None:
    market_ms = START_MS + WARM_UP * MINUTE_MS
    decide_at(here, market_ms)
    assert start(here.config()).verdict == "trade"
    decide_at(here, market_ms + 26 * 60 * MINUTE_MS)
    with pytest.raises(GateRefusedError) as refused:
        start(here.config())
    told = str(refused.value)
    assert "market clock: the practice market is at 2024-01-01 10:0" in told
    assert "the journal has decided on bars up to 2024-01-02 12:00 UTC: the venue was started anew" in told
    assert "run.name" in told
    assert start(here.config(), "run.name=another").verdict == "trade"
    assert start(here.config(), "dry_run=true").verdict == "trade"  # has a journal of its own


def test_a_dry_run_passes_without_keys(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BINANCE_API_KEY")
    monkeypatch.delenv("BINANCE_API_SECRET")
    assert start(here.config(), "dry_run=true").verdict == "trade"
    with pytest.raises(GateRefusedError, match="BINANCE_API_KEY"):
        start(here.config())


def requests(here: Here) -> int:
    """Return how often the exchange was asked anything."""
    import json
    import urllib.request

    with urllib.request.urlopen(f"{here.address}/practice/log", timeout=5) as answer:  # noqa: S310 - this machine
        counts = json.load(answer)["counts"]
    return sum(count for what, count in counts.items() if what.startswith("request GET /"))
