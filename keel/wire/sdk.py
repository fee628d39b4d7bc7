"""The parts of python-binance that Keel uses, imported once.

The SDK imports a name that its own dependency (websockets) has deprecated; that warning is not ours to mend.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from binance import AsyncClient, BinanceSocketManager
    from binance.base_client import BaseClient
    from binance.exceptions import BinanceAPIException, ReadLoopClosed
    from binance.ws.constants import WSListenerState
    from binance.ws.reconnecting_websocket import ReconnectingWebsocket
    from binance.ws.websocket_api import WebsocketAPI

__all__ = [
    "AsyncClient",
    "BaseClient",
    "BinanceAPIException",
    "BinanceSocketManager",
    "ReadLoopClosed",
    "ReconnectingWebsocket",
    "WSListenerState",
    "WebsocketAPI",
]
