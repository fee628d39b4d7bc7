"""Which of Binance's symbols is which of ours, and its rules: read from exchangeInfo, with the limits on requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keel.domain.errors import RetryableError, UsageError
from keel.wire.binance_link import BinanceLink
from keel.wire.binance_rules import BinanceRules, readable_rules_of

_WEIGHT: Final = 20


class BinanceSymbols:
    """Hold the symbols as they were last read."""

    def __init__(self, link: BinanceLink) -> None:
        self._link = link
        self._rules: Mapping[str, BinanceRules] = {}
        self._odd: Mapping[str, str] = {}
        self._names: dict[str, str] = {}

    async def refresh(self) -> Mapping[str, BinanceRules]:
        """Read the symbols, and give the budget its limits. Raises as questions do."""
        answer = await self._link.ask(_WEIGHT, lambda client: client.get_exchange_info())
        try:
            self._rules, self._odd = readable_rules_of(answer)
            self._link.budget.set_limits(answer["rateLimits"])
        except (UsageError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise RetryableError(f"Binance's exchangeInfo cannot be read: {error}") from None
        self._names = {rules.wire_symbol: rules.symbol for rules in self._rules.values()}
        return self._rules

    def rules(self, symbol: str) -> BinanceRules:
        """Return the rules of one of our symbols. Raises UsageError for one that Binance does not have."""
        found = self._rules.get(symbol)
        odd = self._odd.get(symbol.replace("/", ""))
        if odd is not None:
            raise UsageError(odd)
        if found is None:
            raise UsageError(f"{symbol}: Binance has no such symbol; write it as BASE/QUOTE, such as BTC/USDT")
        return found

    def name_of(self, wire_symbol: str) -> str:
        """Return our symbol for Binance's; its own for one that was not there when the symbols were read."""
        return self._names.get(wire_symbol, wire_symbol)
