from __future__ import annotations

import asyncio

import pytest
from wire_server import refusal, says, settings, wire_server

from keel.domain.clock import WallClock
from keel.wire.binance_access import read_key_access, read_round_trip_ms
from keel.wire.binance_link import BinanceLink

ACCOUNT = "/api/v3/account"


@pytest.mark.parametrize(
    ("account", "limits", "told"),
    [
        (True, {"enableSpotAndMarginTrading": True, "enableWithdrawals": False}, (True, True, False)),
        (True, {"enableSpotAndMarginTrading": True, "enableWithdrawals": True}, (True, True, True)),
        (True, {"enableSpotAndMarginTrading": False, "enableWithdrawals": False}, (True, False, False)),
        (False, {"enableSpotAndMarginTrading": True, "enableWithdrawals": False}, (True, False, False)),
        (None, None, (False, False, None)),
    ],
)
def test_what_a_key_may_do_is_told(account, limits, told):
    async def run():
        async with wire_server() as server:
            wrong = refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
            server.always["GET", ACCOUNT] = (
                (lambda _: wrong) if account is None else says({"canTrade": account, "balances": []})
            )
            server.always["GET", "/sapi/v1/account/apiRestrictions"] = says(limits)
            link = BinanceLink(settings(server.address), WallClock())
            try:
                access, round_trip_ms = await read_key_access(link), await read_round_trip_ms(link)
            finally:
                await link.close("test")
            return access, round_trip_ms

    access, round_trip_ms = asyncio.run(run())
    assert (access.accepted, access.may_trade, access.may_withdraw) == told
    assert 0 < round_trip_ms < 500
    assert ("-2015" in access.reason) == (account is None)
