"""What stands before every page: which name a request may use, which token it needs, what a browser may do with it.

Reading is free on loopback and needs the token elsewhere; whatever acts needs it always. A browser may show the token
as the password of Basic authentication, for reading only: it would add that to a form that a strange page sends, too.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from keel.config.live import HealthSection
from keel.config.venue import LOOPBACK
from keel.domain.errors import ConfigError

TOKEN_NAME: Final = "KEEL_HEALTH_TOKEN"  # noqa: S105  the name, not the token
HOW_TO_ENABLE: Final = (
    f"set {TOKEN_NAME} in the environment of the run, to the output of "
    "python -c 'import secrets; print(secrets.token_urlsafe())', and start it again"
)
_TOKEN_SHAPE: Final = re.compile(r"[\x21-\x7e]{16,512}")
_HOST_SHAPE: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]*)(?::\d{1,5})?", re.IGNORECASE)
_READS: Final = ("GET", "HEAD")
_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_logger = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


def read_token(environ: Mapping[str, str], section: HealthSection) -> str | None:
    """Return the token of the environment, None without one.

    Raises ConfigError for a token that can be guessed or cannot be sent, and for an address beyond loopback without.
    """
    token = environ.get(TOKEN_NAME, "")
    if token and _TOKEN_SHAPE.fullmatch(token) is None:
        raise ConfigError(f"{TOKEN_NAME} must have 16 to 512 characters, no spaces: {HOW_TO_ENABLE}")
    if not token and not section.is_loopback:
        raise ConfigError(
            f"health.host {section.host} can be reached from beyond this machine: {HOW_TO_ENABLE}, "
            "or set health.host to 127.0.0.1"
        )
    return token or None


class Guard:
    """Pass on to the pages what may reach them, and add to every answer what browsers should know.

    `policy` is the Content-Security-Policy of all pages.
    """

    def __init__(self, pages: Application, token: str | None, policy: str, *, is_loopback: bool) -> None:
        self._pages = pages
        self._token = token
        self._headers = (*_HEADERS, (b"content-security-policy", policy.encode()))
        self._is_loopback = is_loopback

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self._headers]}
            await send(message)

        refusal = self._refusal(scope["method"], dict(scope["headers"]))
        if refusal is not None:
            await _answer(send_with_headers, *refusal)
            return
        try:
            await self._pages(scope, receive, send_with_headers)
        except Exception:
            # The browser has its 500 by now: the framework answers, then raises.
            _logger.exception("the health page failed at %s %r", scope["method"], scope["path"])

    def _refusal(self, method: str, headers: Mapping[bytes, bytes]) -> tuple[int, str] | None:
        """Return the status and the words of a refusal, None for what may pass."""
        if self._is_loopback and _host_name(headers.get(b"host", b"")) not in LOOPBACK:
            # A page from elsewhere may have its own name resolve to 127.0.0.1 and then read ours as its own.
            return 421, f"ask by one of the names {', '.join(LOOPBACK)}"
        reads = method in _READS
        if reads and self._is_loopback:
            return None
        if self._token is None:
            return 403, f"nothing can be done here without a token: {HOW_TO_ENABLE}"
        shown = headers.get(b"authorization", b"")
        if _bears(shown, self._token) or (reads and _is_password(shown, self._token)):
            return None
        return 401, f"send Authorization: Bearer followed by the run's {TOKEN_NAME}"


def _host_name(host: bytes) -> str:
    match = _HOST_SHAPE.fullmatch(host.decode("latin-1"))
    return "" if match is None else match[1].strip("[]").lower()


def _bears(shown: bytes, token: str) -> bool:
    scheme, _, value = shown.partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(value.strip(), token.encode())


def _is_password(shown: bytes, token: str) -> bool:
    scheme, _, value = shown.partition(b" ")
    try:
        _, _, password = base64.b64decode(value.strip(), validate=True).partition(b":")
    except binascii.Error:
        return False
    return scheme.lower() == b"basic" and hmac.compare_digest(password, token.encode())


async def _answer(send: Send, status: int, words: str) -> None:
    body = json.dumps({"error": words}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="Keel"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
