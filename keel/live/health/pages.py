"""The pages themselves: what is answered at each address, and the one page for people."""

from __future__ import annotations

import base64
import hashlib
import logging
from importlib import resources
from string import Template
from typing import Annotated, Any, Final

from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from keel.domain.errors import UsageError
from keel.live.board import StatusBoard
from keel.live.health.facts import health_facts, status_facts
from keel.live.health.metrics import Exposition
from keel.risk.kill_switch import KillSwitch

_READ: Final = ["GET", "HEAD"]
_ASSETS: Final = resources.files("keel.live.health")
_STYLE: Final = _ASSETS.joinpath("page.css").read_text(encoding="utf-8")
_SCRIPT: Final = _ASSETS.joinpath("page.js").read_text(encoding="utf-8")
_PAGE: Final = Template(_ASSETS.joinpath("page.html").read_text(encoding="utf-8"))
_logger = logging.getLogger(__name__)


def build_pages(board: StatusBoard, switch: KillSwitch) -> FastAPI:
    """Return the application; who may call what is the guard's matter."""
    pages = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    exposition = Exposition.of(board)
    page = _PAGE.substitute(style=_STYLE, script=_SCRIPT)

    @pages.api_route("/health", methods=_READ)
    async def health() -> Response:
        facts = health_facts(board)
        return JSONResponse(facts, status_code=200 if facts["status"] == "ok" else 503)

    @pages.api_route("/status", methods=_READ)
    async def status() -> Response:
        return JSONResponse(status_facts(board))

    @pages.api_route("/metrics", methods=_READ)
    async def metrics(accept: Annotated[str, Header()] = "") -> Response:
        text, content_type = exposition.written(accept)
        return Response(text, headers={"content-type": content_type})

    @pages.api_route("/", methods=_READ)
    async def people() -> Response:
        return HTMLResponse(page)

    @pages.post("/stop")
    async def stop(request: Request) -> Response:
        return _stop(board, _caller(request))

    @pages.post("/kill")
    async def kill(request: Request) -> Response:
        return _kill(switch, _caller(request))

    return pages


def page_policy() -> str:
    """Return the Content-Security-Policy: our own style and script by their hashes, our own address, nothing else."""
    return (
        f"default-src 'none'; style-src '{_hash(_STYLE)}'; script-src '{_hash(_SCRIPT)}'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _stop(board: StatusBoard, caller: str) -> Response:
    _logger.warning("asked to stop by %s through the health page", caller)
    board.ask_stop(f"POST /stop from {caller}")
    return JSONResponse({"asked": "stop", "what_happens": "the run stops gracefully at its next beat"}, 202)


def _kill(switch: KillSwitch, caller: str) -> Response:
    _logger.warning("kill switch pulled by %s through the health page", caller)
    try:
        switch.own.pull(f"POST /kill from {caller}")
    except UsageError as error:
        answer: dict[str, Any] = {"error": f"{error}; stop the run by Ctrl+C or SIGTERM", "flag": str(switch.own.path)}
        _logger.error("the kill switch could not be pulled: %s", error)
        return JSONResponse(answer, 500)
    return JSONResponse({"asked": "kill", "flag": str(switch.own.path)}, 202)


def _caller(request: Request) -> str:
    return "an unknown address" if request.client is None else request.client.host


def _hash(text: str) -> str:
    # The browser hashes what stands between the tags; page.html puts nothing beside it.
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
