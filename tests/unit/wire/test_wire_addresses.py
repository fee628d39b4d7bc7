from __future__ import annotations

import asyncio
from typing import get_args

import pytest
from wire_server import settings, wire_server

from keel.domain.clock import WallClock
from keel.domain.errors import GateRefusedError
from keel.wire.addresses import Environment, binance_addresses, refuse_elsewhere
from keel.wire.binance_client import make_client, make_socket_manager
from keel.wire.binance_link import BinanceLink
from keel.wire.sdk import BaseClient

LOOPBACK = "http://127.0.0.1:8900"
OWN = {
    "practice": "http://127.0.0.1:8900/api",
    "testnet": "https://testnet.binance.vision/api",
    "real": "https://api.binance.com/api",
}
WRONG = {
    "practice": [
        OWN["real"],
        OWN["testnet"],
        "https://127.0.0.1:8900/api",
        "http://10.0.0.1:8900/api",
        "http://127.0.0.1.evil.org/api",
        "http://127.0.0.1:8900@evil.org/api",
    ],
    "testnet": [OWN["practice"], OWN["real"], "http://testnet.binance.vision/api", "wss://stream.binance.com:9443/"],
    "real": [
        OWN["practice"],
        OWN["testnet"],
        "http://api.binance.com/api",
        "https://api.binance.com.evil.org/api",
        "https://api.binance.us/api",
        "https://fapi.binance.com/fapi",
        "ws://stream.binance.com:9443/",
        "",
    ],
}


@pytest.mark.parametrize("environment", get_args(Environment))
def test_environment_has_its_own_addresses(environment):
    found = binance_addresses(environment, LOOPBACK)
    assert found.rest == OWN[environment]
    refuse_elsewhere(environment, (found.rest, found.ws_api, found.streams))


@pytest.mark.parametrize(("environment", "url"), [(world, url) for world, urls in WRONG.items() for url in urls])
def test_address_of_another_world_is_refused(environment, url):
    with pytest.raises(GateRefusedError, match=environment):
        refuse_elsewhere(environment, (url,))


@pytest.mark.parametrize("practice", [None, "", "http://192.168.0.1:8900", "https://api.binance.com"])
def test_practice_beyond_this_machine_is_refused(practice):
    with pytest.raises(GateRefusedError):
        binance_addresses("practice", practice)


@pytest.mark.parametrize("environment", get_args(Environment))
def test_sdk_uses_the_environments_addresses_and_no_others(environment):
    async def run() -> None:
        addresses = binance_addresses(environment, LOOPBACK)
        client = make_client(addresses, lambda: 0, lambda _: None, "k", "s", 5000, 1.0)
        try:
            assert client._create_api_uri("order") == f"{addresses.rest}/v3/order"
            assert client.ws_api._url == addresses.ws_api
            assert make_socket_manager(client, addresses, 10)._get_stream_url() == addresses.streams
            others = [client.FUTURES_URL, client.WEBSITE_URL, client.PAPI_URL, client.ws_future._url]
            assert all("closed.invalid" in url for url in others)
        finally:
            await client.close_connection()

    asyncio.run(run())


def test_request_to_another_host_is_refused_before_it_leaves(monkeypatch):
    """As if the SDK's next version built its addresses in another way."""

    async def run() -> list[object]:
        async with wire_server() as ours, wire_server() as elsewhere:
            link = BinanceLink(settings(ours.address), WallClock())
            try:
                monkeypatch.setattr(
                    link.client,
                    "_create_api_uri",
                    lambda *_: elsewhere.address.replace("http", "https"),
                )
                with pytest.raises(GateRefusedError):
                    await link.client.get_server_time()
            finally:
                await link.close("test")
            return ours.asked + elsewhere.asked

    assert asyncio.run(run()) == []


def test_client_that_would_leave_its_environment_is_never_made(monkeypatch):
    """As if the SDK took its addresses from somewhere else than the attributes that we set."""
    monkeypatch.setattr(BaseClient, "_create_api_uri", lambda *_: "https://api.binance.com/api/v3/order")

    async def run() -> None:
        link = BinanceLink(settings(LOOPBACK), WallClock())
        with pytest.raises(GateRefusedError, match=r"api\.binance\.com"):
            _ = link.client

    asyncio.run(run())
