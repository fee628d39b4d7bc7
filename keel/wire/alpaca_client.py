"""The SDK's REST clients, kept to one environment's addresses and to our timeouts, off the loop.

The SDK is synchronous, waits for ever, and sends an order again after a 504: each call here runs on a thread, is one
request, and ends in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter

from keel.domain.errors import ConfigError
from keel.wire.alpaca_addresses import AlpacaAddresses, AlpacaEnvironment, refuse_beyond
from keel.wire.alpaca_sdk import (
    CorporateActionsClient,
    CryptoHistoricalDataClient,
    RESTClient,
    StockHistoricalDataClient,
    TradingClient,
)

Heard = Callable[[Mapping[str, str]], None]
_THREADS: Final = 8


class AlpacaClient:
    """Make single requests. Answers are JSON as it came; errors are those of the SDK and of what it stands on."""

    def __init__(
        self,
        addresses: AlpacaAddresses,
        key: str | None,
        secret: str | None,
        timeout_s: float,
        heard: Heard,
        heard_of_data: Heard,
    ) -> None:
        """Take the addresses and keys. `heard` is given the headers of each answer. Raises ConfigError without keys."""
        if not key or not secret:
            raise ConfigError("ALPACA_API_KEY and ALPACA_API_SECRET: not set in the environment; Alpaca needs both")
        self._timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="alpaca")
        paper = addresses.environment != "real"
        self._trading: RESTClient = TradingClient(
            key, secret, paper=paper, raw_data=True, url_override=addresses.trading
        )
        self._stocks: RESTClient = StockHistoricalDataClient(key, secret, raw_data=True, url_override=addresses.data)
        self._crypto: RESTClient = CryptoHistoricalDataClient(key, secret, raw_data=True, url_override=addresses.data)
        self._corporate: RESTClient = CorporateActionsClient(key, secret, raw_data=True, url_override=addresses.data)
        self._data = (self._stocks, self._crypto, self._corporate)
        _keep(self._trading, _Mount(addresses.environment, timeout_s, heard))
        for client in self._data:
            _keep(client, _Mount(addresses.environment, timeout_s, heard_of_data))

    async def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 - JSON
        """Ask the trading API, such as `get("/account")`."""
        return await self._call(self._trading.get, path, _given(query))

    async def post(self, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON
        """Post to the trading API: once."""
        return await self._call(self._trading.post, path, dict(body))

    async def delete(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Delete at the trading API: once."""
        return await self._call(self._trading.delete, path)

    async def stocks(self, path: str, **query: object) -> Any:  # noqa: ANN401 - JSON
        """Ask for market data of stocks, such as `stocks("/stocks/bars", symbols="AAPL")`."""
        return await self._call(self._stocks.get, path, _given(query))

    async def crypto(self, path: str, **query: object) -> Any:  # noqa: ANN401 - JSON
        """Ask for market data of crypto, such as `crypto("/crypto/us/bars", symbols="BTC/USD")`."""
        return await self._call(self._crypto.get, path, _given(query))

    async def corporate(self, path: str, **query: object) -> Any:  # noqa: ANN401 - JSON
        """Ask for what happens to holders, such as `corporate("/corporate-actions", symbols="AAPL")`."""
        return await self._call(self._corporate.get, path, _given(query))

    def close(self) -> None:
        """Let go of every connection; requests on their way end in their own time."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for client in (self._trading, *self._data):
            client._session.close()

    async def _call(self, call: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - JSON
        # the sockets' own limit is on silence: an answer that trickles in for ever is cut off here
        async with asyncio.timeout(self._timeout_s):
            return await asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)


class _Mount(HTTPAdapter):
    """Send one request: to a checked host, in time, never twice."""

    def __init__(self, environment: AlpacaEnvironment, timeout_s: float, heard: Heard) -> None:
        super().__init__(pool_maxsize=_THREADS, max_retries=0)
        self._environment = environment
        self._limits_s = (timeout_s / 2, timeout_s)
        self._heard = heard

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - as the base has it
        refuse_beyond(self._environment, (str(request.url),))
        options["timeout"] = self._limits_s
        response = super().send(request, *arguments, **options)
        self._heard(response.headers)
        return response


def _keep(client: RESTClient, mount: _Mount) -> None:
    """Take over what a client of the SDK sends by: no retries of its own, no proxy, no password file, no other host."""
    client._retry = 0
    client._session.trust_env = False
    for scheme in ("https://", "http://"):
        client._session.mount(scheme, mount)


def _given(query: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in query.items() if value is not None}
