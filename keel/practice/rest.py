"""The door of the REST interface: limits, keys, signatures, faults; what is behind it answers in JSON."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from keel.config.faults import Fault
from keel.practice.account import Account
from keel.practice.account_endpoints import ACCOUNT
from keel.practice.asked import Asked
from keel.practice.endpoints import Call, Endpoint
from keel.practice.list_endpoints import LISTS
from keel.practice.order_endpoints import ORDERS
from keel.practice.public_endpoints import PUBLIC
from keel.practice.refusals import Refusal, invalid_key
from keel.practice.replay import Replay
from keel.practice.security import check_key, check_signature, check_time
from keel.practice.state import VenueState

ENDPOINTS: Final[dict[str, Endpoint]] = PUBLIC | ACCOUNT | ORDERS | LISTS
_BEFORE: Final = ("error_instead",)
_AFTER: Final = ("error_after",)


class RestDoor:
    """Take every request under /api and /sapi."""

    def __init__(self, state: VenueState, replay: Replay) -> None:
        self._state, self._replay = state, replay

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, or let it go unanswered where a fault says so."""
        what = f"{request.method} {request.path}"
        entry = self._state.log.note("request", what, self._state.market.now_ms)
        if self._state.is_out():
            return self._drop(request, entry, "outage")
        known, body = ENDPOINTS.get(what), await request.text()
        faults = self._state.faults.on_request(
            what, detail=_with_type(what, request.query_string, body), signed=known is not None and known.signed
        )
        kinds = {fault.kind for fault in faults}
        if self._state.is_out() or "drop_request" in kinds:
            return self._drop(request, entry, "drop_request")
        status, body, headers = await self._answer(request, what, faults)
        entry["status"] = status
        if isinstance(body, dict) and "code" in body:
            entry["code"] = body["code"]
        if "drop_response" in kinds:
            return self._drop(request, entry, "drop_response")
        return web.Response(
            status=status, body=json.dumps(body).encode(), content_type="application/json", headers=headers
        )

    def _drop(self, request: web.Request, entry: dict[str, Any], why: str) -> web.Response:
        entry["fault"] = why
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)

    async def _answer(self, request: web.Request, what: str, faults: list[Fault]) -> tuple[int, Any, dict[str, str]]:
        headers: dict[str, str] = {}
        try:
            body = await self._pass(request, what, faults, headers)
        except Refusal as refusal:
            self._state.hang_up_on_banned()
            return refusal.status, refusal.body, headers | self._state.limits.headers | refusal.headers
        for fault in faults:
            if fault.kind in _AFTER:
                return fault.status, {"code": fault.code, "msg": fault.message}, self._state.limits.headers
        return 200, body, headers | self._state.limits.headers

    async def _pass(self, request: web.Request, what: str, faults: list[Fault], headers: dict[str, str]) -> object:
        endpoint = ENDPOINTS.get(what)
        if endpoint is None:
            self._state.limits.spend(1)
            raise Refusal(-1020, "This operation is not supported.", 404)
        asked = Asked.read(request.raw_path.partition("?")[2], await request.text())
        self._state.limits.spend(endpoint.weigh(asked))
        for fault in faults:
            if fault.kind == "late":
                await self._state.clock.sleep(fault.seconds)
            elif fault.kind in _BEFORE:
                raise Refusal(fault.code, fault.message, fault.status, _retry_after(fault))
        account = self._admit(request.headers.get("X-MBX-APIKEY"), asked, endpoint) if endpoint.signed else None
        asked.allow(endpoint.allowed)
        self._replay.advance()
        body = await endpoint.handle(Call(self._state, self._replay, asked, account))
        if endpoint.orders and account is not None:
            headers |= account.limits.headers
        self._hide(asked, faults)
        for fault in faults:
            if fault.kind == "slow":
                await self._state.clock.sleep(fault.seconds)
        return body

    def _admit(self, key: str | None, asked: Asked, endpoint: Endpoint) -> Account:
        account = admit(self._state, key, asked)
        if endpoint.trades and not account.terms.trade:
            raise invalid_key()
        return account

    def _hide(self, asked: Asked, faults: list[Fault]) -> None:
        name = asked.optional("newClientOrderId")
        for fault in faults:
            if fault.kind == "hide_order" and name is not None:
                self._state.troubles.hidden[name] = self._state.clock.monotonic_s() + fault.seconds


def admit(state: VenueState, key: str | None, asked: Asked) -> Account:
    """Return the account of a signed request. Refuses a wrong key, signature or time."""
    known = state.keys.get(key or "")
    if state.clock.monotonic_s() < state.troubles.keys_rejected_until_s:
        raise invalid_key()
    check_key(key, None if known is None else known[0])
    if known is None:
        raise invalid_key()
    check_time(asked, state.wire_ms)
    check_signature(asked, known[0])
    return known[1]


def _with_type(what: str, query: str, body: str) -> str:
    kind = dict(parse_qsl(body) + parse_qsl(query)).get("type")
    return what if kind is None else f"{what} {kind}"


def _retry_after(fault: Fault) -> dict[str, str]:
    return {"Retry-After": str(int(fault.seconds))} if fault.status in (418, 429) else {}
