"""What Alpaca trades and by which rules, as its assets tell: grids, minimums, whether it may be sold short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, cast

from keel.domain.errors import DataError

AssetClass = Literal["us_equity", "crypto"]
CLASSES: Final[tuple[AssetClass, ...]] = ("us_equity", "crypto")
ACTIVE: Final = "active"
_CENT: Final = Decimal("0.01")
_FINEST_SHARE: Final = Decimal("0.000000001")
_LEAST_FRACTIONAL_NOTIONAL: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class AlpacaAsset:
    """Hold one asset. `symbol` is ours and Alpaca's: AAPL, BTC/USD.

    Prices and notionals are quote currency, quantities shares or coins; 0 = no such rule. Of stocks the tick is that of
    prices from 1 dollar on (below, Alpaca takes 0.0001), and a fraction of a share is worth a dollar at least. Source:
    Alpaca's pages on assets, on placing orders (sub-penny increments) and on fractional trading.
    """

    symbol: str
    asset_class: AssetClass
    exchange: str
    status: str
    tradable: bool
    marginable: bool
    shortable: bool
    easy_to_borrow: bool
    fractionable: bool
    tick_size: Decimal
    step_size: Decimal
    min_qty: Decimal
    min_notional: Decimal

    @property
    def base(self) -> str:
        """Return what an account holds of it: a stock's symbol, a pair's first coin."""
        return self.symbol.partition("/")[0]

    @property
    def is_trading(self) -> bool:
        """Say whether orders are taken now."""
        return self.status == ACTIVE and self.tradable

    @property
    def is_lent(self) -> bool:
        """Say whether shares to be sold short are lent now, as many as are asked for."""
        return self.shortable and self.easy_to_borrow

    @property
    def is_crypto(self) -> bool:
        """Say whether it is a pair of crypto, which trades round the clock and by rules of its own."""
        return self.asset_class == "crypto"

    def fits(self, part: str, ours: Decimal) -> bool:
        """Say whether a rule of ours keeps to Alpaca's: a coarser grid and higher minimums do, whole shares say."""
        theirs: Decimal = getattr(self, part)
        if part in ("tick_size", "step_size"):
            return ours == theirs or (ours > 0 and theirs > 0 and ours % theirs == 0)
        return ours >= theirs

    def as_json(self) -> dict[str, Any]:
        """Return what a JSON file keeps of it: decimals as plain text."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: format(one, "f") if isinstance(one, Decimal) else one for name, one in values.items()}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> AlpacaAsset:
        """Return the asset that `as_json` gave. Raises DataError for anything else."""
        names = {field.name for field in fields(cls)}
        if set(tree) != names:
            odd = ", ".join(sorted(map(str, set(tree) ^ names)))
            raise DataError(f"an asset with missing or unknown keys {odd}: fetch them again")
        try:
            return cls(**{field.name: _READ[str(field.type)](tree[field.name]) for field in fields(cls)})
        except (TypeError, ValueError, InvalidOperation) as error:
            raise DataError(f"{tree.get('symbol')} cannot be read ({error}): fetch them again") from None


def readable_assets(answer: object) -> tuple[dict[str, AlpacaAsset], dict[str, str]]:
    """Return the assets of an answer to GET /v2/assets that can be read, and why others cannot, by symbol.

    Raises DataError where it is no list of assets.
    """
    if not isinstance(answer, Sequence) or isinstance(answer, str):
        raise DataError("Alpaca's assets are no list")
    found: dict[str, AlpacaAsset] = {}
    odd: dict[str, str] = {}
    for entry in answer:
        try:
            asset = asset_of(entry)
        except DataError as error:
            odd[str(entry.get("symbol")) if isinstance(entry, Mapping) else "an asset"] = str(error)
        else:
            found[asset.symbol] = asset
    return found, odd


def asset_of(entry: Mapping[str, Any]) -> AlpacaAsset:
    """Return one asset of an answer. Raises DataError if it cannot be read."""
    try:
        kind = entry["class"]
        if kind not in CLASSES:
            raise ValueError(f"class is {kind}")
        flags = {
            name: _flag(entry[name])
            for name in ("tradable", "marginable", "shortable", "easy_to_borrow", "fractionable")
        }
        tick, step, least, worth = (
            _crypto_grid(entry) if kind == "crypto" else _share_grid(fractional=flags["fractionable"])
        )
        return AlpacaAsset(
            symbol=_text(entry["symbol"]),
            asset_class=cast("AssetClass", kind),
            exchange=_text(entry["exchange"]),
            status=_text(entry["status"]),
            tick_size=tick,
            step_size=step,
            min_qty=least,
            min_notional=worth,
            **flags,
        )
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        name = entry.get("symbol", "an asset") if isinstance(entry, Mapping) else "an asset"
        raise DataError(f"Alpaca's rules of {name} cannot be read: {type(error).__name__} {error}") from None


def _share_grid(*, fractional: bool) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    if not fractional:
        return _CENT, Decimal(1), Decimal(1), Decimal(0)
    return _CENT, _FINEST_SHARE, _FINEST_SHARE, _LEAST_FRACTIONAL_NOTIONAL


def _crypto_grid(entry: Mapping[str, Any]) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    tick, step = _decimal(entry["price_increment"]), _decimal(entry["min_trade_increment"])
    return tick, step, _decimal(entry["min_order_size"]), Decimal(0)


def _decimal(text: object) -> Decimal:
    value = Decimal(str(text))
    if not value.is_finite() or value < 0:
        raise ValueError(f"{text} is not a number of 0 or more")
    return value.normalize() if value else Decimal(0)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _class(value: object) -> AssetClass:
    if value not in CLASSES:
        raise ValueError(f"{value!r} is no class of assets")
    return value


_READ: Final[dict[str, Any]] = {"str": _text, "Decimal": _decimal, "bool": _flag, "AssetClass": _class}
