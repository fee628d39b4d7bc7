"""The parts of alpaca-py that Keel uses, imported once.

The SDK imports a module that its own dependency (websockets) has deprecated; that warning is not ours to mend.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from alpaca.common.exceptions import APIError
    from alpaca.common.rest import RESTClient
    from alpaca.data.historical.corporate_actions import CorporateActionsClient
    from alpaca.data.historical.crypto import CryptoHistoricalDataClient
    from alpaca.data.historical.stock import StockHistoricalDataClient
    from alpaca.data.live.crypto import CryptoDataStream
    from alpaca.data.live.stock import StockDataStream
    from alpaca.trading.client import TradingClient
    from alpaca.trading.stream import TradingStream
    from websockets.legacy.client import WebSocketClientProtocol
    from websockets.legacy.exceptions import RedirectHandshake

__all__ = [
    "APIError",
    "CorporateActionsClient",
    "CryptoDataStream",
    "CryptoHistoricalDataClient",
    "RESTClient",
    "RedirectHandshake",
    "StockDataStream",
    "StockHistoricalDataClient",
    "TradingClient",
    "TradingStream",
    "WebSocketClientProtocol",
]
