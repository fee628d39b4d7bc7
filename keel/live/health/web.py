"""The web server underneath: uvicorn without its logs, signals and protocols that nobody needs here."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from keel.config.live import HealthSection
from keel.live.board import StatusBoard
from keel.live.health.guard import Guard
from keel.live.health.pages import build_pages, page_policy
from keel.risk.kill_switch import KillSwitch

_MOST_CONNECTIONS: Final = 64
_FIRST_REQUEST_S: Final = 2.0
_GRACE_S: Final = 1


class WebServer(uvicorn.Server):
    """Serve, and say by `serving` when it does."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self.serving.set()


class FrugalProtocol(H11Protocol):
    """Hold few connections, and none that asks nothing: file descriptors belong to trading."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or cut it where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > _MOST_CONNECTIONS:
            transport.abort()
            return
        self.loop.call_later(_FIRST_REQUEST_S, self._cut_if_silent)

    def _cut_if_silent(self) -> None:
        asked: object = self.cycle  # typed by uvicorn as if there always were one
        if asked is None and not self.transport.is_closing():
            self.transport.abort()


def build_server(section: HealthSection, board: StatusBoard, switch: KillSwitch, token: str | None) -> WebServer:
    """Return the server of a board's pages; its `run` takes sockets that listen already."""
    # What uvicorn has to say would go to stderr, across the terminal's view.
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    guarded = Guard(build_pages(board, switch), token, page_policy(), is_loopback=section.is_loopback)
    config = uvicorn.Config(
        guarded,
        loop="asyncio",
        http=FrugalProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    return WebServer(config)
