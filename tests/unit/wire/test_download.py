from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from file_server import FileServer, answers, breaks_off, hangs_up, serving

from keel.domain.errors import DataError, RetryableError
from keel.wire.download import Backoff, NotThereError, PassingFaultError, download, shown

FAST = Backoff(base_s=0.0, timeout_s=5.0)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as found:
        yield found


class Sleeps(list):
    """Note the waits instead of waiting."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def fetch(server: FileServer, path, *, backoff: Backoff = FAST, query: str = "") -> Sleeps:
    waits = Sleeps()
    download(f"{server.address}/bars.zip{query}", path, backoff, sleep=waits)
    return waits


def test_file_is_fetched_as_it_is(server, tmp_path):
    server.files["/bars.zip"] = bytes(range(256)) * 5000
    assert fetch(server, tmp_path / "new" / "bars.zip") == []
    assert (tmp_path / "new" / "bars.zip").read_bytes() == server.files["/bars.zip"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["bars.zip"]


@pytest.mark.parametrize(
    "fault",
    [answers(500), answers(502), answers(503), answers(429), answers(408), hangs_up, breaks_off],
    ids=["500", "502", "503", "429", "408", "hangs up", "breaks off"],
)
def test_passing_fault_is_tried_again_until_the_file_is_whole(server, tmp_path, fault):
    server.files["/bars.zip"] = b"0123456789"
    server.faults["/bars.zip"] = [fault, fault, fault]
    assert len(fetch(server, tmp_path / "bars.zip")) == 3
    assert (tmp_path / "bars.zip").read_bytes() == b"0123456789"


def test_waits_double_with_chance_on_top_up_to_the_cap_and_end_after_five_tries(server, tmp_path):
    server.faults["/bars.zip"] = [answers(503)] * 50
    waits = Sleeps()
    for _ in range(5):
        with pytest.raises(PassingFaultError, match="answered 503 Service Unavailable"):
            download(f"{server.address}/bars.zip", tmp_path / "x", Backoff(cap_s=6.0), sleep=waits)
    assert len(server.requests) == 25
    for n, floor in enumerate([1.0, 2.0, 4.0, 6.0]):
        mine = waits[n::4]
        assert all(floor <= wait <= floor + 1.0 for wait in mine)
        assert len(set(mine)) == 5
    assert list(tmp_path.iterdir()) == []


def test_server_that_asks_to_wait_is_obeyed_in_seconds_and_by_date(server, tmp_path):
    server.files["/bars.zip"] = b"x"
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    server.faults["/bars.zip"] = [
        answers(429, Retry_After="7"),
        answers(503, Retry_After=date),
        answers(429, Retry_After="soon"),
    ]
    waits = fetch(server, tmp_path / "bars.zip")
    assert waits[0] == 7.0
    assert 90.0 < waits[1] <= 100.0
    assert waits[2] == 0.0


def test_server_that_asks_for_too_long_a_wait_is_left_for_the_next_run(server, tmp_path):
    server.faults["/bars.zip"] = [answers(429, Retry_After="3600")]
    with pytest.raises(RetryableError, match="answered 429"):
        fetch(server, tmp_path / "bars.zip")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("code", "error"), [(404, NotThereError), (410, NotThereError), (403, DataError), (401, DataError)]
)
def test_final_answer_is_not_tried_again(server, tmp_path, code, error):
    server.faults["/bars.zip"] = [answers(code)] * 2
    with pytest.raises(error, match=f"answered {code}"):
        fetch(server, tmp_path / "bars.zip")
    assert len(server.requests) == 1


def test_file_that_is_there_stays_while_a_new_one_cannot_be_fetched_whole(server, tmp_path):
    (tmp_path / "bars.zip").write_bytes(b"old")
    server.faults["/bars.zip"] = [breaks_off] * 5
    with pytest.raises(PassingFaultError, match="ended after 3 of 10 bytes"):
        fetch(server, tmp_path / "bars.zip")
    assert (tmp_path / "bars.zip").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["bars.zip"]


def test_nobody_listening_is_a_passing_fault(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/bars.zip"
        with pytest.raises(PassingFaultError, match="no answer: Connection refused"):
            download(address, tmp_path / "x", FAST)


def test_silent_server_is_given_up_after_the_timeout(server, tmp_path):
    server.faults["/bars.zip"] = [lambda _: time.sleep(0.5)] * 2
    with pytest.raises(PassingFaultError, match="no answer: timed out"):
        fetch(server, tmp_path / "x", backoff=Backoff(attempts=2, base_s=0.0, timeout_s=0.1))


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/x"])
def test_redirection_to_anything_but_the_web_is_not_followed(server, tmp_path, target):
    server.faults["/bars.zip"] = [answers(302, Location=target)] * 5
    with pytest.raises((DataError, RetryableError)):
        fetch(server, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written_is_told_and_not_tried_again(server, tmp_path):
    server.files["/bars.zip"] = b"x"
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        fetch(server, tmp_path / "file" / "bars.zip")
    assert len(server.requests) == 1


def test_no_message_holds_what_stands_in_query_or_credentials(server, tmp_path):
    assert shown("https://user:hush@host:8443/a/b.zip?apikey=hush#hush") == "https://host:8443/a/b.zip"
    server.faults["/bars.zip"] = [answers(403)]
    with pytest.raises(DataError) as caught:
        fetch(server, tmp_path / "x", query="?signature=hush")
    assert server.requests == ["/bars.zip?signature=hush"]
    assert "hush" not in str(caught.value)
