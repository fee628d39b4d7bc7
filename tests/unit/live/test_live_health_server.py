"""How the health page's server starts and ends, where it listens, and what it holds."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from pathlib import Path

import pytest
from health_calls import asked
from made_status import made_status

from keel.config.live import HealthSection
from keel.domain.clock import WallClock
from keel.domain.errors import KeelError, UsageError
from keel.live.board import StatusBoard
from keel.live.health.guard import TOKEN_NAME
from keel.live.health.server import HealthServer
from keel.risk.kill_switch import KillSwitch

TOKEN = "x9-a-token-of-some-length"  # noqa: S105
LOOPBACK = HealthSection(port=0)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as each:
            each.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture
def board() -> StatusBoard:
    return StatusBoard(WallClock(), 30.0)


@pytest.fixture
def switch(tmp_path: Path) -> KillSwitch:
    return KillSwitch(tmp_path, fail_closed=True)


def test_a_taken_port_is_one_clear_line_and_leaves_nothing_open(board, switch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        server = HealthServer(HealthSection(port=port), board, switch, {})
        with pytest.raises(UsageError, match=rf"port {port} is taken on 127\.0\.0\.1: give health\.port another"):
            server.start()
    assert not server.is_alive
    with HealthServer(HealthSection(port=port), board, switch, {}) as later:
        assert later.address == f"http://127.0.0.1:{port}"


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_a_port_taken_on_ipv6_alone_is_refused_too_since_localhost_may_mean_it(board, switch):
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=rf"port {port} is taken"):
            HealthServer(HealthSection(port=port), board, switch, {}).start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", port))


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_localhost_answers_by_both_of_its_addresses(board, switch, host):
    board.publish(made_status())
    with HealthServer(HealthSection(host=host, port=0), board, switch, {}) as server:
        assert asked(server, "/health", host="127.0.0.1")[0].status == 200
        assert asked(server, "/health", host="::1")[0].status == 200


def test_an_address_of_another_machine_is_refused_by_name(board, switch):
    section = HealthSection(host="192.0.2.1", port=0)
    with pytest.raises(UsageError, match=r"192\.0\.2\.1 port 0 .*mend health\.host"):
        HealthServer(section, board, switch, {TOKEN_NAME: TOKEN}).start()


def test_the_log_line_tells_the_port_that_was_free(board, switch, caplog):
    with caplog.at_level(logging.INFO, "keel"), HealthServer(LOOPBACK, board, switch, {}) as server:
        lines = [record.getMessage() for record in caplog.records if record.name.startswith("keel")]
    assert lines == [f"health page: {server.address} (POST /stop and /kill are off without a token)"]


def test_it_ends_at_once_beside_a_caller_that_keeps_its_connection(board, switch):
    server = HealthServer(LOOPBACK, board, switch, {})
    with pytest.raises(KeelError, match="no address before"):
        _ = server.address
    threads = threading.active_count()
    server.start()
    with socket.create_connection(("127.0.0.1", int(server.address.rpartition(":")[2]))) as caller:
        caller.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert caller.recv(15).startswith(b"HTTP/1.1 503")
        since = time.monotonic()
        server.stop()
        assert time.monotonic() - since < 2.0
    assert not server.is_alive
    assert threading.active_count() == threads
    server.stop()


def test_many_idle_connections_do_not_take_the_runs_file_descriptors(board, switch):
    board.publish(made_status())
    with HealthServer(LOOPBACK, board, switch, {}) as server, contextlib.ExitStack() as opened:
        address = ("127.0.0.1", int(server.address.rpartition(":")[2]))
        callers = [opened.enter_context(socket.create_connection(address)) for _ in range(90)]
        time.sleep(0.2)
        assert sum(_is_cut(caller) for caller in callers) == 90 - 64
        callers[0].close()
        time.sleep(0.1)
        assert asked(server, "/health")[0].status == 200
        time.sleep(2.0)  # after which one that has asked nothing is cut
        assert all(_is_cut(caller) for caller in callers[1:])


def _is_cut(caller: socket.socket) -> bool:
    caller.settimeout(0.0)
    try:
        return caller.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
