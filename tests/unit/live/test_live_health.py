"""The health page over real sockets: what it answers, whom it refuses, how it starts and ends."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from health_calls import asked, facts
from made_status import NAN, NO_LATENCY, NOW_MS, made_status

from keel.config.live import HealthSection
from keel.domain.clock import WallClock
from keel.domain.errors import UsageError
from keel.domain.orders import TradingState
from keel.domain.sessions import SessionState
from keel.live.board import StatusBoard
from keel.live.health.guard import TOKEN_NAME
from keel.live.health.server import HealthServer
from keel.risk.kill_switch import KillSwitch

TOKEN = "x9-a-token-of-some-length"  # noqa: S105
LOOPBACK = HealthSection(port=0)
EVERYWHERE = HealthSection(host="0.0.0.0", port=0)  # noqa: S104


@pytest.fixture
def board() -> StatusBoard:
    return StatusBoard(WallClock(), 30.0)


@pytest.fixture
def switch(tmp_path: Path) -> KillSwitch:
    return KillSwitch(tmp_path, "live", fail_closed=True)


@pytest.fixture(scope="module")
def shared_board() -> StatusBoard:
    return StatusBoard(WallClock(), 30.0)


@pytest.fixture(scope="module")
def shared(shared_board, tmp_path_factory) -> Iterator[HealthServer]:
    """One server for all tests that only look."""
    with HealthServer(LOOPBACK, shared_board, KillSwitch(tmp_path_factory.mktemp("state")), {}) as server:
        yield server


@pytest.fixture
def guarded(board, switch) -> Iterator[HealthServer]:
    with HealthServer(LOOPBACK, board, switch, {TOKEN_NAME: TOKEN}) as server:
        yield server


def test_health_is_200_when_all_is_well_and_503_with_reasons_when_not(shared, shared_board):
    shared_board.publish(made_status())
    status, said = facts(shared, "/health")
    assert (status, said["status"], said["reasons"]) == (200, "ok", [])
    assert (said["phase"], said["trading_state"], said["last_bar_age_s"]) == ("trading", "ACTIVE", 13.0)
    shared_board.publish(made_status(reasons=("the kill switch is pulled",), trading_state=TradingState.HALTED))
    status, said = facts(shared, "/health")
    assert (status, said["status"], said["reasons"]) == (503, "unhealthy", ["the kill switch is pulled"])


def test_before_the_first_status_health_is_503_and_the_other_pages_answer(board, switch):
    with HealthServer(LOOPBACK, board, switch, {}) as server:
        status, said = facts(server, "/health")
        assert (status, said["reasons"]) == (503, ["there is no status yet: the run is starting"])
        assert facts(server, "/status")[1]["healthy"] is False
        assert "keel_healthy 0.0" in asked(server, "/metrics")[1]


def test_a_blocked_trading_loop_is_unhealthy_within_its_bound(switch):
    board = StatusBoard(WallClock(), 0.3)
    well, blocked = threading.Event(), threading.Event()

    async def trade() -> None:
        board.publish(made_status())
        while not well.is_set():
            board.beat()
            await asyncio.sleep(0.02)
        blocked.set()
        time.sleep(1.5)  # a strategy that does not come back

    with HealthServer(LOOPBACK, board, switch, {}) as server:
        loop = threading.Thread(target=lambda: asyncio.run(trade()))
        loop.start()
        while facts(server, "/health")[0] != 200:
            time.sleep(0.01)
        well.set()
        blocked.wait()
        since = time.monotonic()
        while facts(server, "/health")[0] == 200:
            time.sleep(0.02)
        assert time.monotonic() - since < 0.3 + 0.7
        assert loop.is_alive()
        assert "the trading loop has been silent" in facts(server, "/health")[1]["reasons"][0]
        loop.join()


def test_status_shows_everything_and_what_is_no_number_as_null(shared, shared_board):
    shared_board.publish(made_status(drawdown=NAN, equity=float("inf"), submit_latency=NO_LATENCY, n_orders_sent=0))
    status, said = facts(shared, "/status")
    assert status == 200
    assert (said["drawdown"], said["equity"], said["submit_latency"]["p99_ms"], said["fill_rate"]) == (None,) * 4
    assert (said["pnl_total"], said["pnl_today"], said["ts_ms"]) == (4231.57, -312.44, NOW_MS)
    assert said["error_rate"] == pytest.approx(6 / 18_232)
    assert said["trading_state"] == "ACTIVE"
    assert [each["symbol"] for each in said["positions"]] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    assert [each["state"] for each in said["orders"]] == ["working", "partial"]
    assert said["decide_latency"] == {"p50_ms": 2.31, "p90_ms": 3.9, "p99_ms": 9.42, "n": 500}
    assert said["risk_used"]["risk.max_drawdown"] == 0.79


def test_the_state_of_the_trading_day_is_shown_where_a_market_closes(shared, shared_board):
    shared_board.publish(made_status(session=SessionState.AFTER_HOURS, session_change_ms=NOW_MS + 1))
    _, said = facts(shared, "/status")
    assert (said["session"], said["session_change_ms"]) == ("AFTER_HOURS", NOW_MS + 1)
    told = samples(asked(shared, "/metrics")[1])
    assert told['keel_session_state{state="after_hours"}'] == 1.0
    assert sum(value for name, value in told.items() if name.startswith("keel_session_state")) == 1.0
    shared_board.publish(made_status())
    assert facts(shared, "/status")[1]["session"] is None


def samples(text: str) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_metrics_carry_the_newest_status_in_base_units(shared, shared_board):
    shared_board.publish(made_status(n_fills=1))
    shared_board.publish(made_status(n_orders=5, drawdown=NAN))
    answer, text = asked(shared, "/metrics")
    told = samples(text)
    assert answer.getheader("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    assert told["keel_healthy"] == 1
    assert told["keel_fills_total"] == 377
    assert told["keel_equity_account_currency"] == 104_231.57
    assert told["keel_drawdown_ratio"] != told["keel_drawdown_ratio"]
    assert told['keel_submit_latency_seconds{quantile="0.99"}'] == pytest.approx(0.3046)
    assert told["keel_clock_offset_seconds"] == pytest.approx(-0.0124)
    assert told['keel_position_weight_ratio{symbol="ETHUSDT"}'] == pytest.approx(15_800 / 104_231.57)
    assert told['keel_live_orders{state="unknown"}'] == 1
    assert told['keel_trading_state{state="ACTIVE"}'] == 1
    assert told['keel_trading_state{state="HALTED"}'] == 0
    assert told['keel_risk_used_ratio{limit="risk.daily_loss"}'] == 0.15
    assert told["keel_started_timestamp_seconds"] == (NOW_MS - 273_912_000) / 1000
    assert not [name for name in told if not name.startswith("keel_")]


def test_metrics_parse_as_prometheus_and_as_openmetrics_text(shared, shared_board):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
    from prometheus_client.parser import text_string_to_metric_families as prometheus

    shared_board.publish(made_status(last_bar_age_s=None, clock_offset_ms=None, phase='a "new"\nphase'))
    plain = asked(shared, "/metrics")[1]
    answer, newer = asked(shared, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert answer.getheader("content-type").startswith("application/openmetrics-text")
    names = {family.name for family in prometheus(plain)}
    assert names == {family.name for family in openmetrics(newer)}
    assert "keel_last_bar_age_seconds" not in names
    described = {family.name for family in prometheus(plain) if family.documentation and family.type != "unknown"}
    assert described == names


def test_the_page_for_people_needs_nothing_from_elsewhere(shared):
    answer, page = asked(shared, "/")
    assert answer.status == 200
    assert not re.findall(r"https?://", page)
    policy = answer.getheader("content-security-policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/favicon.ico", "/stop", "/kill"])
def test_nothing_else_is_there_to_be_read(shared, path):
    assert asked(shared, path)[0].status in (404, 405)


@pytest.mark.parametrize("path", ["/", "/health", "/status", "/metrics", "/nowhere"])
def test_every_answer_tells_browsers_to_be_careful(shared, path):
    answer, _ = asked(shared, path)
    assert answer.getheader("x-content-type-options") == "nosniff"
    assert answer.getheader("x-frame-options") == "DENY"
    assert answer.getheader("cache-control") == "no-store"
    assert answer.getheader("server") is None
    assert answer.getheader("access-control-allow-origin") is None


def test_monitors_may_ask_by_head(shared, shared_board):
    shared_board.publish(made_status())
    answer, body = asked(shared, "/health", "HEAD")
    assert (answer.status, body) == (200, "")


@pytest.mark.parametrize(
    "name", ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.nip.io", "["]
)
def test_a_name_that_only_resolves_to_this_machine_is_refused(shared, name):
    answer, body = asked(shared, "/status", Host=name)
    assert answer.status == 421
    assert "positions" not in body


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST:9999", "127.0.0.1:8080", "[::1]:8080", "[::1]"])
def test_every_name_of_loopback_is_answered(shared, name):
    assert asked(shared, "/status", Host=name)[0].status == 200


@pytest.mark.parametrize("path", ["/stop", "/kill"])
def test_without_a_token_nothing_acts_and_the_answer_says_how_to_enable_it(shared, shared_board, path):
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}"}):
        status, said = facts(shared, path, "POST", **headers)
        assert status == 403
        assert f"set {TOKEN_NAME} in the environment" in said["error"]
    assert shared_board.stop_asked is None


def test_a_wrong_token_does_nothing(guarded, board, switch):
    password = base64.b64encode(f"keel:{TOKEN}".encode()).decode()
    wrong = ("Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", TOKEN, f"Basic {password}", "Bearer \xff\xfe")
    for shown in (None, *wrong):
        headers = {} if shown is None else {"Authorization": shown}
        assert facts(guarded, "/kill", "POST", **headers)[0] == 401
        assert facts(guarded, "/stop", "POST", **headers)[0] == 401
    assert not switch.own.path.exists()
    assert board.stop_asked is None


def test_stop_with_the_token_asks_the_run_to_stop(guarded, board):
    status, said = facts(guarded, "/stop", "POST", Authorization=f"Bearer {TOKEN}")
    assert (status, said["asked"]) == (202, "stop")
    assert board.stop_asked == "POST /stop from 127.0.0.1"


def test_kill_with_the_token_pulls_the_kill_switch_and_records_who_did(guarded, switch):
    for _ in range(2):
        status, said = facts(guarded, "/kill", "POST", Authorization=f"bearer {TOKEN}")
        assert (status, said["flag"]) == (202, str(switch.own.path))
    assert switch.is_tripped()
    records = [json.loads(line) for line in switch.own.record.read_text().splitlines()]
    assert [(each["event"], each["reason"]) for each in records] == [("tripped", "POST /kill from 127.0.0.1")]
    assert not KillSwitch(switch.own.path.parent, "another").is_tripped(), "a run's page stops that run only"


def test_a_kill_that_cannot_be_written_says_so(board, tmp_path):
    gone = KillSwitch(tmp_path / "gone", fail_closed=True)
    with HealthServer(LOOPBACK, board, gone, {TOKEN_NAME: TOKEN}) as server:
        status, said = facts(server, "/kill", "POST", Authorization=f"Bearer {TOKEN}")
    assert status == 500
    assert "cannot write" in said["error"]
    assert "Ctrl+C" in said["error"]


def test_beyond_loopback_no_page_starts_without_a_token(board, switch):
    server = HealthServer(EVERYWHERE, board, switch, {TOKEN_NAME: ""})
    with pytest.raises(UsageError, match=rf"health\.host 0\.0\.0\.0 can be reached .*{TOKEN_NAME}"):
        server.start()


def test_beyond_loopback_reading_needs_the_token_as_bearer_or_as_a_browsers_password(board, switch):
    board.publish(made_status())
    password = base64.b64encode(f"anyone:{TOKEN}".encode()).decode()
    with HealthServer(EVERYWHERE, board, switch, {TOKEN_NAME: TOKEN}) as server:
        for path in ("/", "/health", "/status", "/metrics"):
            answer, body = asked(server, path)
            assert answer.status == 401
            assert answer.getheader("www-authenticate") == 'Basic realm="Keel"'
            assert "positions" not in body
            assert asked(server, path, Authorization=f"Bearer {TOKEN}")[0].status == 200
            assert asked(server, path, Authorization=f"Basic {password}", Host="desk.example")[0].status == 200
        assert asked(server, "/stop", "POST", Authorization=f"Basic {password}")[0].status == 401
        assert asked(server, "/health", Authorization="Basic %%%")[0].status == 401


@pytest.mark.parametrize("token", ["short", "with a space in it", "schlüssel-mit-umlaut", "x" * 600])
def test_a_token_that_can_be_guessed_or_cannot_be_sent_is_refused_without_repeating_it(board, switch, token):
    with pytest.raises(UsageError, match=TOKEN_NAME) as refused:
        HealthServer(LOOPBACK, board, switch, {TOKEN_NAME: token}).start()
    assert token not in str(refused.value)


def test_what_is_no_http_harms_nobody(shared, shared_board):
    shared_board.publish(made_status())
    with socket.create_connection(("127.0.0.1", int(shared.address.rpartition(":")[2])), timeout=5) as caller:
        caller.sendall(b"\x16\x03\x01\x02\x00\x01\x00 not http\r\n\r\n")
        assert b"400" in caller.recv(100)
    assert asked(shared, "/health")[0].status == 200


def test_a_page_that_fails_is_a_500_and_a_line_in_the_log(switch, caplog):
    class Broken(StatusBoard):
        def look(self):
            raise RuntimeError("no board")

    with HealthServer(LOOPBACK, Broken(WallClock(), 1.0), switch, {}) as server:
        answer, body = asked(server, "/health")
        assert answer.status == 500
        assert "no board" not in body
        assert answer.getheader("x-frame-options") == "DENY"
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "the health page failed at GET '/health'"
    ]


def test_the_guide_names_every_metric_and_no_other(shared, shared_board):
    shared_board.publish(made_status(session=SessionState.MARKET_OPEN))
    exposed = {name.partition("{")[0] for name in samples(asked(shared, "/metrics")[1])}
    guide = (Path(__file__).resolve().parents[3] / "docs" / "watching.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(keel_\w+)`", guide)) == exposed
