"""Fetching one file over HTTP: whole or not at all, again after passing faults, and never a secret in a message."""

from __future__ import annotations

import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any, Final, NoReturn
from urllib.parse import urlsplit
from uuid import uuid4

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from keel.domain.errors import DataError, RetryableError

_BLOCK_BYTES: Final = 1 << 18
_GONE: Final = (404, 410)
_PASSING: Final = (408, 425, 429)
"""Answers that ask to try again, besides 5xx (RFC 9110, RFC 8470, RFC 6585)."""
_FAULTS: Final = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Backoff:
    """Say how often a fetch is tried and how long the waits between are, in seconds.

    Before try n + 1 it waits base_s x 2^(n-1), at most cap_s, and up to base_s more by chance, so that many who failed
    together do not come back together; longer if the server asks for it (Retry-After), but never above longest_s.
    """

    attempts: int = 5
    base_s: float = 1.0
    cap_s: float = 60.0
    longest_s: float = 300.0
    timeout_s: float = 30.0


class NotThereError(DataError):
    """Report that the server has no such file (404, 410)."""


class PassingFaultError(RetryableError):
    """Report a fault that may pass: no connection, a broken one, 408, 425, 429, 5xx."""

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


def download(url: str, path: Path, backoff: Backoff, sleep: Callable[[float], None] = time.sleep) -> None:
    """Fetch `url` (http or https) into `path`; a file that is there stays until the new one is whole.

    Raises NotThereError at once, PassingFaultError after the last try, DataError for any other answer, a certificate
    that does not hold, or a full disk.
    """
    retrying = Retrying(
        stop=stop_after_attempt(backoff.attempts),
        wait=_waits(backoff),
        retry=retry_if_exception(lambda error: _may_pass(error, backoff)),
        sleep=sleep,
        reraise=True,
    )
    retrying(_fetch, url, path, backoff.timeout_s)


def shown(url: str) -> str:
    """Return an address as messages show it: without user, password, query and fragment, which may hold secrets."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def _waits(backoff: Backoff) -> Callable[[RetryCallState], float]:
    grow = wait_exponential(multiplier=backoff.base_s, max=backoff.cap_s) + wait_random(0, backoff.base_s)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, PassingFaultError) else 0.0
        return max(grow(state), asked)

    return wait


def _may_pass(error: BaseException, backoff: Backoff) -> bool:
    return isinstance(error, PassingFaultError) and error.retry_after_s <= backoff.longest_s


def _fetch(url: str, path: Path, timeout_s: float) -> None:
    with _answer(url, timeout_s) as answer, _beside(path) as file:
        for block in _blocks(answer, shown(url)):
            file.write(block)


@contextmanager
def _answer(url: str, timeout_s: float) -> Iterator[Any]:
    # the schemes are those with a handler here: no file:, no ftp:, not by redirection either
    request = urllib.request.Request(url, headers={"User-Agent": "keel"})  # noqa: S310
    try:
        answer = _opener().open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        _refuse_answer(error, shown(url))
    except _FAULTS as error:
        _refuse_fault(error, shown(url))
    with answer:
        yield answer


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _refuse_answer(error: urllib.error.HTTPError, where: str) -> NoReturn:
    told = f"{where}: answered {error.code} {http.client.responses.get(error.code, '')}".rstrip()
    if error.code in _GONE:
        raise NotThereError(told) from None
    if error.code in _PASSING or error.code >= http.client.INTERNAL_SERVER_ERROR:
        raise PassingFaultError(told, _retry_after_s(error.headers)) from None
    raise DataError(f"{told}: is the address right?") from None


def _refuse_fault(error: Exception, where: str) -> NoReturn:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        raise DataError(f"{where}: its certificate does not hold: {reason.verify_message}") from None
    text = (reason.strerror if isinstance(reason, OSError) else None) or str(reason) or type(reason).__name__
    raise PassingFaultError(f"{where}: no answer: {' '.join(text.split())[:160]}") from None


def _retry_after_s(headers: Message) -> float:
    """Return the seconds a server asks to wait: a number or a date (RFC 9110, 10.2.3); 0 if it says nothing clear."""
    text = (headers.get("Retry-After") or "").strip()
    if text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (zoned - datetime.now(UTC)).total_seconds())


def _blocks(answer: Any, where: str) -> Iterator[bytes]:  # noqa: ANN401 - urllib's answers have no common type
    expected, got = answer.headers.get("Content-Length"), 0
    while True:
        try:
            block = answer.read(_BLOCK_BYTES)
        except _FAULTS as error:
            _refuse_fault(error, where)
        if not block:
            break
        got += len(block)
        yield block
    # read() gives what there is when the connection ends early and says nothing
    if expected is not None and got != int(expected):
        raise PassingFaultError(f"{where}: the connection ended after {got} of {expected} bytes")


@contextmanager
def _beside(path: Path) -> Iterator[IO[bytes]]:
    partial = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}; make room or choose another folder") from error
    finally:
        with suppress(OSError):  # its folder could not be made: there is nothing to remove
            partial.unlink(missing_ok=True)
