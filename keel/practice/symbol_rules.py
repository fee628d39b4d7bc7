"""The exchange's rules for a symbol: how they are told, and whether an order keeps them.

Source: https://developers.binance.com/docs/binance-spot-api-docs/filters
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any, Final

from keel.config.market import InstrumentRules
from keel.config.practice import FiltersSection
from keel.practice.amounts import is_multiple, text
from keel.practice.refusals import CLOSED, Refusal, filter_failure

ORDER_TYPES: Final = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT")
"""What the simulator knows: a take-profit at a limit is not among it."""
TRADING: Final = "TRADING"
_LEAST: Final = Decimal("0.00000001")


class SymbolRules:
    """Hold one symbol's filters, as they are told, and its status; both may change while the venue runs."""

    def __init__(self, name: str, assets: tuple[str, str], rules: InstrumentRules, limits: FiltersSection) -> None:
        self.name, self.base, self.quote, self.status = name, *assets, TRADING
        self.filters: dict[str, dict[str, Any]] = _filters(rules, limits)

    @property
    def as_json(self) -> dict[str, Any]:
        """Return the symbol as the exchange's information tells it."""
        return {
            "symbol": self.name,
            "status": self.status,
            "baseAsset": self.base,
            "baseAssetPrecision": 8,
            "quoteAsset": self.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": list(ORDER_TYPES),
            "icebergAllowed": False,
            "ocoAllowed": True,
            "otoAllowed": False,
            "opoAllowed": False,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": True,
            "cancelReplaceAllowed": False,
            "amendAllowed": False,
            "pegInstructionsAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [{"filterType": name, **values} for name, values in deepcopy(self.filters).items()],
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "NONE",
            "allowedSelfTradePreventionModes": ["NONE"],
        }

    @property
    def step(self) -> Decimal:
        """Return the step of quantities."""
        return Decimal(self.filters["LOT_SIZE"]["stepSize"])

    def change(self, name: str, values: Mapping[str, str]) -> None:
        """Change values of a filter; unknown filters are added."""
        rule = self.filters.setdefault(name, {})
        rule.update({key: int(value) if isinstance(rule.get(key), int) else value for key, value in values.items()})

    def check_open(self) -> None:
        """Refuse an order while the symbol does not trade."""
        if self.status != TRADING:
            raise Refusal(-1013, CLOSED)

    def check_price(self, side: str, price: Decimal, last: Decimal, *, is_limit: bool) -> None:
        """Refuse a limit or stop price off the grid, or a limit price far from the market."""
        rule = self.filters["PRICE_FILTER"]
        least, most, tick = (Decimal(rule[name]) for name in ("minPrice", "maxPrice", "tickSize"))
        if price < least or (most and price > most) or not is_multiple(price, tick):
            raise filter_failure("PRICE_FILTER")
        if not is_limit:
            return
        near = self.filters["PERCENT_PRICE_BY_SIDE"]
        which = "bid" if side == "BUY" else "ask"
        low, high = (last * Decimal(near[f"{which}Multiplier{end}"]) for end in ("Down", "Up"))
        if not low <= price <= high:
            raise filter_failure("PERCENT_PRICE_BY_SIDE")

    def check_quantity(self, quantity: Decimal, *, at_market: bool) -> None:
        """Refuse a quantity off the grid, too small or too large."""
        for name in ("LOT_SIZE", "MARKET_LOT_SIZE") if at_market else ("LOT_SIZE",):
            rule = self.filters[name]
            least, most, step = (Decimal(rule[key]) for key in ("minQty", "maxQty", "stepSize"))
            if quantity < least or quantity > most or not is_multiple(quantity, step):
                raise filter_failure(name)

    def check_value(self, value: Decimal) -> None:
        """Refuse an order that is worth too little or too much."""
        rule = self.filters["NOTIONAL"]
        if not Decimal(rule["minNotional"]) <= value <= Decimal(rule["maxNotional"]):
            raise filter_failure("NOTIONAL")

    def check_trailing(self, bips: int, *, above: bool) -> None:
        """Refuse the distance of a trailing stop."""
        rule, which = self.filters["TRAILING_DELTA"], "Above" if above else "Below"
        if not rule[f"minTrailing{which}Delta"] <= bips <= rule[f"maxTrailing{which}Delta"]:
            raise filter_failure("TRAILING_DELTA")

    def check_count(self, open_orders: int) -> None:
        """Refuse one more order where an account has as many as it may."""
        if open_orders > int(self.filters["MAX_NUM_ORDERS"]["maxNumOrders"]):
            raise filter_failure("MAX_NUM_ORDERS")


def _filters(rules: InstrumentRules, limits: FiltersSection) -> dict[str, dict[str, Any]]:
    step = rules.step_size
    least = max(rules.min_qty, step) or _LEAST
    low_bips, high_bips = limits.min_trailing_bips, limits.max_trailing_bips
    return {
        "PRICE_FILTER": {
            "minPrice": text(rules.tick_size),
            "maxPrice": text(limits.max_price),
            "tickSize": text(rules.tick_size),
        },
        "LOT_SIZE": {"minQty": text(least), "maxQty": text(limits.max_qty), "stepSize": text(step)},
        "MARKET_LOT_SIZE": {"minQty": text(0.0), "maxQty": text(limits.market_max_qty), "stepSize": text(0.0)},
        "TRAILING_DELTA": {
            "minTrailingAboveDelta": low_bips,
            "maxTrailingAboveDelta": high_bips,
            "minTrailingBelowDelta": low_bips,
            "maxTrailingBelowDelta": high_bips,
        },
        "PERCENT_PRICE_BY_SIDE": {
            "bidMultiplierUp": format(limits.price_up, "g"),
            "bidMultiplierDown": format(limits.price_down, "g"),
            "askMultiplierUp": format(limits.price_up, "g"),
            "askMultiplierDown": format(limits.price_down, "g"),
            "avgPriceMins": 0,
        },
        "NOTIONAL": {
            "minNotional": text(rules.min_notional),
            "applyMinToMarket": True,
            "maxNotional": text(limits.max_notional),
            "applyMaxToMarket": True,
            "avgPriceMins": 0,
        },
        "MAX_NUM_ORDERS": {"maxNumOrders": limits.max_orders},
    }
