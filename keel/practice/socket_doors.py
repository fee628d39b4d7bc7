"""The doors of the sockets: market streams, and the WebSocket API with its user streams."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from keel.practice.asked import Asked
from keel.practice.market_streams import Subscriber
from keel.practice.refusals import Refusal
from keel.practice.rest import admit
from keel.practice.sockets import Frame, Socket
from keel.practice.state import VenueState
from keel.practice.user_streams import Session

_SUBSCRIBE = "userDataStream.subscribe.signature"
_UNSUBSCRIBE = "userDataStream.unsubscribe"


class SocketDoors:
    """Take every WebSocket."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    async def serve_market(self, request: web.Request) -> web.StreamResponse:
        """Serve market streams: raw under /ws, combined under /stream."""
        combined = request.path.startswith("/stream")
        named = request.query.get("streams", "") if combined else request.match_info.get("streams", "")
        streams = tuple(name for name in unquote(named).split("/") if name)
        socket, answer = await self._open(request, "market")
        if socket is None:
            return answer
        subscriber = Subscriber(socket, streams, combined=combined)

        async def hear(frame: Frame) -> None:
            if isinstance(frame, str):
                self._state.streams.answer(subscriber, frame)

        self._state.streams.join(subscriber)
        try:
            await socket.serve(hear)
        finally:
            self._state.streams.leave(subscriber)
        return answer

    async def serve_user(self, request: web.Request) -> web.StreamResponse:
        """Serve the WebSocket API."""
        socket, answer = await self._open(request, "user")
        if socket is None:
            return answer
        session = Session(socket)

        async def hear(frame: Frame) -> None:
            if isinstance(frame, str):
                self._hear(session, frame)

        self._state.users.sessions.append(session)
        try:
            await socket.serve(hear)
        finally:
            self._state.users.sessions.remove(session)
        return answer

    async def _open(self, request: web.Request, kind: str) -> tuple[Socket | None, web.StreamResponse]:
        entry = self._state.log.note("socket", f"{kind} {request.path}", self._state.market.now_ms)
        if self._state.is_out():
            entry["fault"] = "outage"
            if request.transport is not None:
                request.transport.abort()
            return None, web.Response(status=503)
        if kind == "user" and self._state.limits.is_banned:
            entry["status"] = 418
            return None, web.Response(status=418)
        ws = web.WebSocketResponse(autoping=False, max_msg_size=1 << 20)
        await ws.prepare(request)
        return Socket(ws, request.transport, self._state.config.sockets, self._state.clock), ws

    def _hear(self, session: Session, text: str) -> None:
        try:
            request = json.loads(text)
            method, params = str(request["method"]), dict(request.get("params") or {})
        except (ValueError, KeyError, TypeError):
            session.socket.send({"id": None, "status": 400, "error": {"code": -1135, "msg": "Invalid JSON Request"}})
            return
        self._state.log.note("request", f"WS {method}", self._state.market.now_ms)
        faults = {fault.kind: fault for fault in self._state.faults.on_request(f"WS {method}")}
        if "drop_request" in faults:
            return
        answer: dict[str, Any] = {"id": request.get("id")}
        try:
            self._state.limits.spend(2)
            if "error_instead" in faults:
                fault = faults["error_instead"]
                raise Refusal(fault.code, fault.message, fault.status)
            answer |= {"status": 200, "result": self._do(session, method, params)}
        except Refusal as refusal:
            answer |= {"status": refusal.status, "error": refusal.body}
        if "drop_response" not in faults:
            session.socket.send(answer | {"rateLimits": [self._state.limits.as_json]})

    def _do(self, session: Session, method: str, params: dict[str, Any]) -> Any:  # noqa: ANN401 - any result
        if method == "ping":
            return {}
        if method == "time":
            return {"serverTime": self._state.wire_ms}
        if method == _SUBSCRIBE:
            return self._subscribe(session, params)
        if method == _UNSUBSCRIBE:
            for number in [params["subscriptionId"]] if "subscriptionId" in params else list(session.subscriptions):
                session.end(int(number), self._state.market.now_ms)
            return {}
        raise Refusal(-1020, "This operation is not supported.")

    def _subscribe(self, session: Session, params: dict[str, Any]) -> dict[str, Any]:
        account = admit(self._state, params.get("apiKey"), Asked.of_socket(params))
        if account in session.subscriptions.values():
            raise Refusal(-2035, "User Data Stream subscription already active.")
        number = next(session.numbers)
        session.subscriptions[number] = account
        return {"subscriptionId": number}
