"""What no exchange has: the market's clock, the log, the accounts, faults on demand. Not part of the imitation."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from keel.config.faults import Fault
from keel.practice.core import Core
from keel.practice.replay import Replay


class ControlDoor:
    """Take every request under /practice."""

    def __init__(self, state: Core, replay: Replay) -> None:
        self._state, self._replay = state, replay

    async def clock(self, _request: web.Request) -> web.Response:
        """Tell the market's time and ours, and which decision the market waits for."""
        self._replay.advance()
        market = self._state.market
        return web.json_response(
            {
                "market_ms": market.now_ms,
                "wire_ms": self._state.wire_ms,
                "pace": self._state.config.pace,
                "row": market.row - market.first_row,
                "rows": len(market.bars) - market.first_row,
                "awaited_ms": self._replay.awaited_ms,
                "over": market.is_over,
            }
        )

    async def log(self, _request: web.Request) -> web.Response:
        """Tell all that was served."""
        return web.json_response(self._state.log.as_json)

    async def accounts(self, _request: web.Request) -> web.Response:
        """Tell the accounts as they have been told: what a client should know by now."""
        self._replay.advance()
        return web.json_response({name: one.as_told for name, one in self._state.traders.items()})

    async def decided(self, request: web.Request) -> web.Response:
        """Hear that a decision is journalled: {"close_ts_ms": …}."""
        body = await _body(request)
        close_ts_ms = body.get("close_ts_ms") if isinstance(body, dict) else None
        if not isinstance(close_ts_ms, int) or not self._replay.decided(close_ts_ms):
            return _refuse(f"close_ts_ms: expected a close up to {self._state.market.now_ms}, got {close_ts_ms}")
        return web.json_response({"market_ms": self._state.market.now_ms})

    async def faults(self, request: web.Request) -> web.Response:
        """Add a fault, or a list of them, in the words of the configuration."""
        body = await _body(request)
        try:
            faults = [Fault.model_validate(one) for one in (body if isinstance(body, list) else [body])]
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            return _refuse(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        strange = next((one.kind for one in faults if not self._state.config.has_fault(one.kind)), None)
        if strange is not None:
            return _refuse(f"kind: {strange} means nothing to a venue that speaks {self._state.config.speaks}")
        for fault in faults:
            self._state.faults.add(fault)
        self._replay.hurry()
        return web.json_response({"added": len(faults)})


async def _body(request: web.Request) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(await request.text())
    except ValueError:
        return None


def _refuse(why: str) -> web.Response:
    return web.json_response({"error": why}, status=400)
