"""Which assets Alpaca has, as they were last read, and what it calls them in which place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from keel.domain.errors import DataError, RetryableError, UsageError
from keel.wire.alpaca_assets import CLASSES, AlpacaAsset, AssetClass, readable_assets
from keel.wire.alpaca_link import AlpacaLink

_WEIGHT: Final = 1


class AlpacaSymbols:
    """Hold the assets as they were last read."""

    def __init__(self, link: AlpacaLink) -> None:
        self._link = link
        self._assets: Mapping[str, AlpacaAsset] = {}
        self._odd: Mapping[str, str] = {}
        self._names: dict[str, str] = {}

    async def refresh(self) -> Mapping[str, AlpacaAsset]:
        """Read all assets, one request a class. Raises as questions do."""
        found: dict[str, AlpacaAsset] = {}
        odd: dict[str, str] = {}
        for kind in CLASSES:
            answer = await self._ask(kind)
            try:
                readable, unreadable = readable_assets(answer)
            except DataError as error:
                raise RetryableError(str(error)) from None
            found |= readable
            odd |= unreadable
        self._assets, self._odd = found, odd
        # positions name a pair without its slash
        self._names = {asset.symbol.replace("/", ""): asset.symbol for asset in found.values() if asset.is_crypto}
        return found

    async def _ask(self, kind: AssetClass) -> Any:  # noqa: ANN401 - JSON
        return await self._link.ask(_WEIGHT, lambda client: client.get("/assets", asset_class=kind))

    def asset(self, symbol: str) -> AlpacaAsset:
        """Return one asset. Raises UsageError for one that Alpaca does not have."""
        found = self._assets.get(symbol)
        if found is not None:
            return found
        if symbol in self._odd:
            raise UsageError(self._odd[symbol])
        raise UsageError(f"{symbol}: Alpaca has no such asset; write a stock as AAPL, a pair of crypto as BTC/USD")

    def name_of(self, wire_symbol: str) -> str:
        """Return our symbol for Alpaca's; its own for one that was not there when the assets were read."""
        return wire_symbol if wire_symbol in self._assets else self._names.get(wire_symbol, wire_symbol)
