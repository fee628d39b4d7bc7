"""The SDK's client, kept to one environment's addresses, to our clock and to our timeouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

import aiohttp

from keel.domain.clock import WallClock
from keel.domain.errors import GateRefusedError
from keel.wire.addresses import Addresses, Environment, refuse_elsewhere
from keel.wire.sdk import AsyncClient, BaseClient, BinanceSocketManager

_NOWHERE: Final = "https://closed.invalid"
"""Where the SDK's other addresses point (futures, margin, its website): a name that no resolver knows (RFC 6761)."""

SOCKET_ARGUMENTS: Final[dict[str, Any]] = {"proxy": None}
"""How sockets are opened: without the proxies of the process's environment, as the SDK's other requests are."""


class BinanceClient(AsyncClient):  # type: ignore[misc]  # the SDK has no types
    """Be the SDK's client. Every address is checked before each request, not only when it is made.

    `venue_ms` tells the exchange's time, for signatures: the SDK compares the clocks once, when it is made, and never
    again. `heard` is given the headers of every answer.
    """

    environment: ClassVar[Environment]
    REQUEST_RECVWINDOW: int
    venue_ms: Callable[[], int]
    heard: Callable[[Mapping[str, str]], None]

    @property
    def timestamp_offset(self) -> float:
        """Return what the SDK adds to the machine's time for a signature."""
        return self.venue_ms() - WallClock().wall_ms()

    @timestamp_offset.setter
    def timestamp_offset(self, value: float) -> None:
        """Leave the SDK's own, which it takes once, unused."""

    async def _request(
        self, method: str, uri: str, signed: bool, force_params: bool = False, **kwargs: object
    ) -> object:
        refuse_elsewhere(self.environment, (uri,))
        return await super()._request(method, uri, signed, force_params, **kwargs)

    async def _handle_response(self, response: aiohttp.ClientResponse) -> object:
        self.heard(response.headers)
        return await super()._handle_response(response)

    def sign_socket_request(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of a WebSocket API request with key, stamp, window and signature."""
        stamped = {**params, "recvWindow": self.REQUEST_RECVWINDOW, "timestamp": self.venue_ms()}
        signed: dict[str, Any] = self._sign_ws_params(stamped, self._generate_ws_api_signature)
        return signed


def make_client(
    addresses: Addresses,
    venue_ms: Callable[[], int],
    heard: Callable[[Mapping[str, str]], None],
    key: str | None,
    secret: str | None,
    recv_window_ms: int,
    timeout_s: float,
) -> BinanceClient:
    """Return a client that has connected to nothing yet. Raises GateRefusedError if it would leave its environment.

    The SDK has no argument for addresses: they are attributes of a subclass, set before one is made. Its `create()`
    would ping at once, so the constructor is used, and what it will really call is checked first.
    """
    timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=timeout_s / 2)
    # a redirect would carry the key to a host that nobody has checked
    each_request = {"timeout": timeout, "allow_redirects": False}
    client: BinanceClient = _kept_to(addresses, recv_window_ms, venue_ms, heard)(
        key, secret, requests_params=each_request, session_params={"timeout": timeout}
    )
    try:
        refuse_elsewhere(addresses.environment, _used(client, addresses))
    except GateRefusedError:
        client.session.detach()  # it has connected to nothing
        raise
    return client


def make_socket_manager(client: BinanceClient, addresses: Addresses, queue_messages: int) -> BinanceSocketManager:
    """Return the SDK's maker of market sockets, kept to the environment. Raises GateRefusedError if it would leave it.

    `queue_messages` may wait unread: the SDK's own limit of 100 ends a stream in the first burst.
    """
    attributes: dict[str, Any] = {name: f"{_NOWHERE}/" for name in dir(BinanceSocketManager) if name.endswith("_URL")}
    kept = type("SocketManager", (BinanceSocketManager,), attributes | {"STREAM_URL": addresses.streams})
    manager = kept(client, max_queue_size=queue_messages)
    refuse_elsewhere(addresses.environment, (manager._get_stream_url(),))
    manager.ws_kwargs = dict(SOCKET_ARGUMENTS)
    return manager


def _kept_to(
    addresses: Addresses,
    recv_window_ms: int,
    venue_ms: Callable[[], int],
    heard: Callable[[Mapping[str, str]], None],
) -> type[BinanceClient]:
    attributes: dict[str, Any] = {name: _NOWHERE for name in dir(BaseClient) if name.endswith("_URL")}
    attributes |= {
        "environment": addresses.environment,
        "API_URL": addresses.rest,
        "MARGIN_API_URL": addresses.account or _NOWHERE,
        "WS_API_URL": addresses.ws_api,
        "REQUEST_RECVWINDOW": recv_window_ms,
        "venue_ms": staticmethod(venue_ms),
        "heard": staticmethod(heard),
    }
    return type("BinanceClient", (BinanceClient,), attributes)


def _used(client: BinanceClient, addresses: Addresses) -> tuple[str, ...]:
    account = (client._create_margin_api_uri("account"),) if addresses.account else ()
    return client._create_api_uri("order"), client.ws_api._url, addresses.streams, *account
