"""What may be traded, as Alpaca tells it.

Source: https://docs.alpaca.markets/reference/get-v2-assets-1
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from keel.config.practice import PracticeConfig
from keel.practice.alpaca.spelling import amount, made_id


@dataclass(slots=True)
class Asset:
    """Hold a stock or a pair of coins, in place `place` of the market; whether it is traded may change."""

    place: int
    symbol: str
    is_crypto: bool
    step: Decimal
    tick: Decimal
    min_qty: Decimal
    shortable: bool
    easy_to_borrow: bool
    fractionable: bool
    tradable: bool = True

    @property
    def id(self) -> str:
        """Return its id."""
        return made_id("asset", self.symbol)

    @property
    def kind(self) -> str:
        """Return its class."""
        return "crypto" if self.is_crypto else "us_equity"

    @property
    def exchange(self) -> str:
        """Return where it is listed."""
        return "CRYPTO" if self.is_crypto else "NYSE"

    @property
    def names(self) -> tuple[str, ...]:
        """Return what it may be asked for by."""
        return (self.symbol, self.symbol.replace("/", ""), self.id)

    @property
    def as_json(self) -> dict[str, Any]:
        """Return it as queries tell it."""
        told = {
            "id": self.id,
            "class": self.kind,
            "exchange": self.exchange,
            "symbol": self.symbol,
            "name": f"{self.symbol} of the practice venue",
            "status": "active" if self.tradable else "inactive",
            "tradable": self.tradable,
            "marginable": not self.is_crypto,
            "shortable": self.shortable,
            "easy_to_borrow": self.easy_to_borrow,
            "fractionable": self.fractionable,
        }
        if self.is_crypto:
            told |= {
                "min_order_size": amount(self.min_qty or self.step),
                "min_trade_increment": amount(self.step),
                "price_increment": amount(self.tick),
            }
        return told


def assets_of(config: PracticeConfig) -> tuple[Asset, ...]:
    """Return the assets of a venue, in the configured order."""
    return tuple(_asset(config, place, symbol) for place, symbol in enumerate(config.data.symbols))


def _asset(config: PracticeConfig, place: int, symbol: str) -> Asset:
    rules, is_crypto = config.market.rules_for(symbol), "/" in symbol
    shortable = rules.shortable and config.account.type == "margin" and not is_crypto
    return Asset(
        place=place,
        symbol=symbol,
        is_crypto=is_crypto,
        step=rules.step_size,
        tick=rules.tick_size,
        min_qty=rules.min_qty,
        shortable=shortable,
        easy_to_borrow=shortable and symbol not in config.alpaca.hard_to_borrow,
        fractionable=is_crypto or (symbol not in config.alpaca.whole_shares and rules.step_size % 1 != 0),
    )
