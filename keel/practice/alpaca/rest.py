"""The door of the REST interface: keys, limits, faults; what is behind it answers in JSON.

Source: https://docs.alpaca.markets/docs/authentication-1
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from keel.config.faults import Fault
from keel.practice.alpaca.account import Account
from keel.practice.alpaca.account_endpoints import ACCOUNT
from keel.practice.alpaca.corporate_endpoints import CORPORATE
from keel.practice.alpaca.endpoints import Answer, Call, Handler
from keel.practice.alpaca.market_endpoints import MARKET
from keel.practice.alpaca.order_endpoints import ORDERS
from keel.practice.alpaca.refusals import Refusal, invalid, not_found, unauthorized
from keel.practice.alpaca.state import AlpacaState
from keel.practice.replay import Replay

ENDPOINTS: Final[dict[str, Handler]] = MARKET | CORPORATE | ACCOUNT | ORDERS
_ROOTS: Final = ("/v1/{rest:.*}", "/v2/{rest:.*}", "/v1beta3/{rest:.*}")
_SERVER_ERROR: Final = {"code": 50010000, "message": "internal server error occurred"}


class RestDoor:
    """Take every request under /v1, /v2 and /v1beta3."""

    def __init__(self, state: AlpacaState, replay: Replay) -> None:
        self._state, self._replay = state, replay

    def routes(self) -> Sequence[web.RouteDef]:
        """Return what it answers: every endpoint, and what there is none of."""
        known = [self._route(what, handler) for what, handler in ENDPOINTS.items()]
        return [*known, *(self._route(f"* {root}", _nothing) for root in _ROOTS)]

    def _route(self, what: str, handler: Handler) -> web.RouteDef:
        method, _, path = what.partition(" ")

        async def serve(request: web.Request) -> web.StreamResponse:
            named = what if method != "*" else f"{request.method} {request.path}"
            return await self._serve(request, named.replace(":.+}", "}"), handler)

        return web.route(method, path, serve)

    async def _serve(self, request: web.Request, what: str, handler: Handler) -> web.StreamResponse:
        entry = self._state.log.note("request", what, self._state.market.now_ms)
        if self._state.is_out():
            return self._drop(request, entry, "outage")
        text = await request.text()
        body = _read(text)
        detail, public = f"{what} {(body or {}).get('type', '')}", what in MARKET
        faults = self._state.faults.on_request(what, detail=detail, signed=not public)
        kinds = {fault.kind for fault in faults}
        if self._state.is_out() or "drop_request" in kinds:
            return self._drop(request, entry, "drop_request")
        account = self._account(request)
        status, told = await self._answer(request, body, account, handler, faults)
        entry["status"] = status
        if isinstance(told, dict) and "code" in told:
            entry["code"] = told["code"]
        if "drop_response" in kinds:
            return self._drop(request, entry, "drop_response")
        headers = {} if account is None else self._state.limits.headers(account.name)
        content = b"" if told is None else json.dumps(told).encode()
        return web.Response(status=status, body=content, content_type="application/json", headers=headers)

    def _drop(self, request: web.Request, entry: dict[str, Any], why: str) -> web.Response:
        entry["fault"] = why
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)

    def _account(self, request: web.Request) -> Account | None:
        names = ("APCA-API-KEY-ID", "APCA-API-SECRET-KEY")
        return self._state.admit(*(request.headers.get(name, "") for name in names))

    async def _answer(
        self,
        request: web.Request,
        body: Mapping[str, Any] | None,
        account: Account | None,
        handler: Handler,
        faults: list[Fault],
    ) -> tuple[int, Any]:
        try:
            answer = await self._pass(request, body, account, handler, faults)
        except Refusal as refusal:
            return refusal.status, refusal.body
        for fault in faults:
            if fault.kind == "error_after":
                return fault.status, _failure(fault)
        return (answer.status, answer.body) if isinstance(answer, Answer) else (200, answer)

    async def _pass(
        self,
        request: web.Request,
        body: Mapping[str, Any] | None,
        account: Account | None,
        handler: Handler,
        faults: list[Fault],
    ) -> object:
        if account is None:
            raise unauthorized()
        self._state.limits.spend(account.name)
        for fault in faults:
            if fault.kind == "late":
                await self._state.clock.sleep(fault.seconds)
            elif fault.kind == "error_instead":
                failure = _failure(fault)
                raise Refusal(fault.status, failure["code"], failure["message"])
        if body is None:
            raise invalid("request body format is invalid")
        self._replay.advance()
        call = Call(self._state, self._replay, account, request.query, body, request.match_info)
        answer = await handler(call)
        for fault in faults:
            if fault.kind == "hide_order" and body.get("client_order_id"):
                until_s = self._state.clock.monotonic_s() + fault.seconds
                self._state.troubles.hidden[str(body["client_order_id"])] = until_s
            elif fault.kind == "slow":
                await self._state.clock.sleep(fault.seconds)
        return answer


async def _nothing(_call: Call) -> object:
    raise not_found("endpoint not found")


def _read(text: str) -> Mapping[str, Any] | None:
    """Return the JSON object of a body, empty without one, None for anything else."""
    try:
        body = json.loads(text) if text else {}
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _failure(fault: Fault) -> dict[str, Any]:
    return _SERVER_ERROR | {name: getattr(fault, name) for name in _SERVER_ERROR if name in fault.model_fields_set}
