"""What comes of requests to Alpaca: through the real SDK, over sockets, against a server that says what it is told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, ClassVar

import pytest

from keel.app.venue_keys import venue_keys
from keel.domain.clock import WallClock
from keel.domain.errors import ConfigError, GateRefusedError, HaltTradingError, RetryableError
from keel.domain.venue_messages import Outcome
from keel.wire.alpaca_addresses import alpaca_addresses, refuse_beyond
from keel.wire.alpaca_link import AlpacaLink, AlpacaSettings
from keel.wire.alpaca_times import epoch_ms, rfc3339
from keel.wire.budget import Spend
from keel.wire.link import NoAnswerError, RefusedError

Reply = tuple[int, Any, dict[str, str]]
ORDER = {"symbol": "AAPL", "qty": "1", "client_order_id": "k1"}


class Desk(BaseHTTPRequestHandler):
    """Answer as the test says, and count what was asked."""

    reply: ClassVar[Callable[[], Reply | None]]
    asked: ClassVar[list[tuple[str, str, bytes]]]

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, body))
        told = type(self).reply()
        if told is None:
            self.close_connection = True
            return
        status, tree, headers = told
        text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(text))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the base's names

    def log_message(self, *_: object) -> None:
        pass


class Wire:
    """Hold a server and the way to it."""

    def __init__(self, **settings: Any) -> None:
        self.desk = type("OneDesk", (Desk,), {"asked": [], "reply": staticmethod(lambda: (200, {}, {}))})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.desk)
        self.server.daemon_threads = True
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        given: dict[str, Any] = {
            "environment": "practice",
            "feed": "iex",
            "practice_address": f"http://127.0.0.1:{self.server.server_address[1]}",
            "timeout_s": 5.0,
            "retries": 1,
            "cancel_share": 0.2,
            "backoff_base_s": 0.01,
            "max_backoff_s": 0.02,
            "clock_refresh_s": 60.0,
            "seed": 1,
            "state_dir": None,
            "key": "key",
            "secret": "secret",
        }
        self.link = AlpacaLink(AlpacaSettings(**(given | settings)), WallClock())

    def says(self, status: int, tree: Any, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.desk.reply = staticmethod(lambda: (status, tree, named))

    @property
    def asked(self) -> list[tuple[str, str, bytes]]:
        return self.desk.asked

    def send(self) -> Any:
        return asyncio.run(self.link.send(Spend.ORDER, 1, lambda client: client.post("/orders", ORDER)))

    def ask(self) -> Any:
        return asyncio.run(self.link.ask(1, lambda client: client.get("/account")))


@pytest.fixture
def wire():
    made = Wire()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.link.client.close()


def test_request_carries_keys_in_its_headers_and_json_in_its_body(wire):
    wire.says(200, {"id": "1"})
    answer = wire.send()
    assert (answer.outcome, answer.data) == (Outcome.DONE, {"id": "1"})
    ((method, path, body),) = wire.asked
    assert (method, path, json.loads(body)) == ("POST", "/v2/orders", ORDER)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_order_that_ends_in_the_servers_trouble_is_posted_once_and_of_unknown_fate(wire, status):
    """Row 4: the SDK itself would post it four times after a 504."""
    wire.says(status, {"message": "trouble"})
    assert wire.send().outcome is Outcome.UNKNOWN
    assert len(wire.asked) == 1


def test_order_that_hangs_is_of_unknown_fate_at_the_deadline():
    """Row 5."""
    wire = Wire(timeout_s=0.2)
    done = Event()
    wire.desk.reply = staticmethod(lambda: done.wait(60))  # type: ignore[assignment, func-returns-value]
    began_s = time.monotonic()
    assert wire.send().outcome is Outcome.UNKNOWN
    assert time.monotonic() - began_s < 30
    done.set()
    assert len(wire.asked) == 1
    wire.server.shutdown()
    wire.server.server_close()
    wire.link.client.close()


@pytest.mark.parametrize(
    ("status", "code", "message", "outcome"),
    [
        (403, 40310000, "insufficient buying power", Outcome.REFUSED),
        (403, 40310000, "potential wash trade detected. use complex orders", Outcome.REFUSED),
        (422, 42210000, "qty must be > 0", Outcome.REFUSED),
        (422, 40010001, "client_order_id must be unique", Outcome.UNKNOWN),
        (404, 40410000, "asset not found", Outcome.REFUSED),
    ],
)
def test_refusal_says_why_and_a_name_used_before_is_queried(wire, status, code, message, outcome):
    wire.says(status, {"code": code, "message": message})
    answer = wire.send()
    assert (answer.outcome, answer.code, answer.status) == (outcome, code, status)
    assert message in answer.reason
    assert len(wire.asked) == 1


def test_answers_that_are_no_answers_leave_an_order_of_unknown_fate(wire):
    for told in ((200, b"{oops", {}), (403, b"<html>", {}), None):
        wire.desk.reply = staticmethod(lambda told=told: told)
        assert wire.send().outcome is Outcome.UNKNOWN
    assert len(wire.asked) == 3


def test_order_that_finds_no_connection_was_not_sent(wire):
    wire.server.shutdown()
    wire.server.server_close()
    assert wire.send().outcome is Outcome.NOT_SENT


def test_question_is_asked_again_after_passing_trouble_and_not_after_a_refusal(wire):
    wire.says(503, {"message": "trouble"})
    with pytest.raises(NoAnswerError, match="Alpaca gave no answer: 503"):
        wire.ask()
    assert len(wire.asked) == 2
    wire.says(404, {"code": 40410000, "message": "not found"})
    with pytest.raises(RefusedError, match="Alpaca refused a question"):
        wire.ask()
    assert len(wire.asked) == 3


@pytest.mark.parametrize(
    ("status", "tree"),
    [(401, {"code": 40110000, "message": "request is not authorized"}), (403, {"message": "forbidden."})],
)
def test_wrong_key_shuts_us_out(wire, status, tree):
    wire.says(status, tree)
    with pytest.raises(HaltTradingError, match="Alpaca shuts us out"):
        wire.ask()


def test_nothing_is_asked_before_the_limit_begins_anew(tmp_path):
    """Row 32: 429, over a restart too."""
    wire = Wire(state_dir=tmp_path, timeout_s=0.5)
    wire.says(429, {"message": "too many requests."}, Retry_After="30")
    with pytest.raises(RefusedError):
        wire.ask()
    assert wire.send().outcome is Outcome.NOT_SENT
    again = AlpacaLink(wire.link.settings, WallClock())
    with pytest.raises(RetryableError, match="Alpaca wants no request"):
        asyncio.run(again.ask(1, lambda client: client.get("/account")))
    assert len(wire.asked) == 1
    assert len(list(tmp_path.glob("127.0.0.1_*.retry_after.json"))) == 1
    wire.server.shutdown()
    wire.server.server_close()


def test_minute_is_counted_here_and_by_what_alpaca_says(wire):
    """Row 34: of 200 a minute a fifth is kept for cancels."""
    wire.says(200, {}, X_RateLimit_Limit="200", X_RateLimit_Remaining="41")
    wire.ask()
    assert wire.link.budget.used("RAW_REQUESTS", 60) == 159
    assert wire.link.data.budget.used("RAW_REQUESTS", 60) == 0
    wire.ask()
    with pytest.raises(RetryableError, match="would pass Alpaca's rate limits"):
        asyncio.run(wire.link.budget.acquire(Spend.READ, 1, 0.05))
    asyncio.run(wire.link.budget.acquire(Spend.CANCEL, 1, 0.05))


def test_addresses_are_those_of_one_world_only():
    assert alpaca_addresses("paper", "iex").trading == "https://paper-api.alpaca.markets"
    assert alpaca_addresses("real", "sip").stock_stream == "wss://stream.data.alpaca.markets/v2/sip"
    assert alpaca_addresses("practice", "iex", "http://127.0.0.1:1").trade_updates == "ws://127.0.0.1:1/stream"
    for world, url in (
        ("paper", "https://api.alpaca.markets"),
        ("real", "https://paper-api.alpaca.markets"),
        ("real", "http://api.alpaca.markets"),
        ("practice", "http://192.168.0.1:8901"),
        ("paper", "https://api.alpaca.markets.example.com"),
    ):
        with pytest.raises(GateRefusedError, match="nothing was sent"):
            refuse_beyond(world, (url,))


def test_secret_has_two_names_which_may_not_differ():
    one = {"ALPACA_API_KEY": "k", "ALPACA_API_SECRET": "s"}
    other = {"ALPACA_API_KEY": "k", "ALPACA_SECRET_KEY": "s"}
    assert [venue_keys("alpaca", each).secret for each in (one, other, one | other)] == ["s"] * 3
    assert venue_keys("alpaca", other).are_set
    assert not venue_keys("alpaca", {"ALPACA_API_KEY": "k"}).are_set
    with pytest.raises(ConfigError, match="both set in the environment, and differ") as refused:
        venue_keys("alpaca", one | {"ALPACA_SECRET_KEY": "hush"})
    assert "hush" not in str(refused.value)


def test_settings_never_show_the_secret():
    assert "secret" not in repr(Wire().link.settings)


def test_times_are_read_to_the_millisecond_and_written_back():
    assert epoch_ms("2019-05-24T15:34:06.977Z") == 1_558_712_046_977
    assert epoch_ms("2019-05-24T11:34:06.977999999-04:00") == 1_558_712_046_977
    assert rfc3339(1_558_712_046_977) == "2019-05-24T15:34:06.977Z"
    with pytest.raises(ValueError, match="no zone"):
        epoch_ms("2019-05-24T15:34:06")
