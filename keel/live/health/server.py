"""The health page's server: a thread with an event loop of its own, which answers while the trading loop does not."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from keel.config.live import HealthSection
from keel.domain.errors import KeelError, UsageError
from keel.live.board import StatusBoard
from keel.live.health.guard import read_token
from keel.live.health.sockets import listening_sockets
from keel.risk.kill_switch import KillSwitch

if TYPE_CHECKING:
    from keel.live.health.web import WebServer

_START_S: Final = 10.0
_STOP_S: Final = 5.0
_PACKAGES: Final = ("fastapi", "prometheus_client", "uvicorn")
_logger = logging.getLogger(__name__)


class HealthServer:
    """Serve a board's health, metrics and status while a run lasts.

    It never touches the trading loop: it reads the board, and what acts is a wish on the board or the kill switch's
    file. The token comes from the environment only.
    """

    def __init__(
        self, section: HealthSection, board: StatusBoard, switch: KillSwitch, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._section = section
        self._board = board
        self._switch = switch
        self._environ = environ
        self._port: int | None = None
        self._web: WebServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Return where the page is, such as http://127.0.0.1:8080. Raises KeelError before the start."""
        if self._port is None:
            raise KeelError("the health page has no address before it is started")
        host = "127.0.0.1" if self._section.is_loopback else self._section.host
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    @property
    def is_alive(self) -> bool:
        """Say whether the page is being served."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Listen, and answer from a thread of its own.

        Raises UsageError where a package, a token or the port is missing; then nothing is left open.
        """
        _need_packages()
        token = read_token(self._environ, self._section)
        sockets = listening_sockets(self._section)
        try:
            self._serve(token, sockets)
        except BaseException:
            for each in sockets:
                each.close()
            raise
        acts = "POST /stop and /kill need the token" if token else "POST /stop and /kill are off without a token"
        _logger.info("health page: %s (%s)", self.address, acts)

    def stop(self) -> None:
        """End it, within five seconds; a request under way is answered first, for a second at most."""
        thread, self._thread = self._thread, None
        if thread is None or self._web is None:
            return
        self._web.should_exit = True
        thread.join(_STOP_S)
        if thread.is_alive():
            _logger.warning("the health page has not ended within %g s", _STOP_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self, token: str | None, sockets: list[socket.socket]) -> None:
        from keel.live.health.web import build_server

        self._port = sockets[0].getsockname()[1]
        self._web = build_server(self._section, self._board, self._switch, token)
        # A daemon: a page that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=_run, args=(self._web, sockets), name="keel-health", daemon=True)
        self._thread.start()
        if not self._web.serving.wait(_START_S) or not self._thread.is_alive():
            raise KeelError("the health page did not start: see the log; health.enabled: false goes without it")


def _run(web: WebServer, sockets: list[socket.socket]) -> None:
    try:
        web.run(sockets)
    except Exception:
        _logger.exception("the health page has ended; trading goes on without it")
    finally:
        web.serving.set()
        for each in sockets:
            each.close()


def _need_packages() -> None:
    lacking = [name for name in _PACKAGES if find_spec(name) is None]
    if lacking:
        raise UsageError(
            f"{', '.join(lacking)} not installed: the health page needs the extra ops: "
            "python -m pip install --constraint constraints.txt '.[ops]', or set health.enabled to false"
        )
