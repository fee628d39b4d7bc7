"""What an account may buy, and which orders it may place beside those that are open.

Sources: https://docs.alpaca.markets/docs/orders-at-alpaca (buying power), https://docs.alpaca.markets/docs/user-protection
(wash trades, pattern day traders), https://docs.alpaca.markets/docs/margin-and-short-selling and, of crypto,
https://alpaca.markets/support/why-do-i-see-a-discrepancy-between-the-notional-value-requested-and-the-order-value-ultimately-filled
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from keel.config.account import AccountSection
from keel.practice.alpaca.account import Account
from keel.practice.alpaca.assets import Asset
from keel.practice.alpaca.entry import Entry
from keel.practice.alpaca.orders import Order
from keel.practice.alpaca.refusals import forbidden, malformed, not_enough_power, not_enough_units, wash_trade
from keel.practice.amounts import ZERO

_DEAR: Final = Decimal(50)
_RESERVE_DEAR, _RESERVE_CHEAP, _RESERVE_SHORT = Decimal("1.025"), Decimal("1.04"), Decimal("1.03")
_RESERVE_COIN: Final = Decimal("1.02")
"""What is held back for a unit at market: 2.5% above the price, 4% below 50 dollars, 3% for a short sale; 2% above the
price of crypto, of which a purchase at market becomes a limit order at that price."""
_LEAST_MARGIN_EQUITY: Final = Decimal(2000)


class Power:
    """Reckon an account's buying power at prices now, one for each place of the market."""

    def __init__(self, account: Account, terms: AccountSection, prices: list[Decimal]) -> None:
        self._account, self._terms, self.prices = account, terms, prices

    @property
    def long_value(self) -> Decimal:
        """Return what long positions are worth."""
        return self._account.holdings.value(self.prices, long=True)

    @property
    def short_value(self) -> Decimal:
        """Return what short positions are worth, below zero."""
        return self._account.holdings.value(self.prices, long=False)

    @property
    def equity(self) -> Decimal:
        """Return cash and positions together."""
        return self._account.holdings.cash + self.long_value + self.short_value

    @property
    def multiplier(self) -> int:
        """Return how often equity may be spent: once in a cash account and below 2000 dollars."""
        if self._terms.type == "cash" or self.equity < _LEAST_MARGIN_EQUITY:
            return 1
        return round(1 / self._terms.initial_margin)

    @property
    def initial_margin(self) -> Decimal:
        """Return the own money that the positions need."""
        return (self.long_value - self.short_value) / self.multiplier

    @property
    def maintenance_margin(self) -> Decimal:
        """Return the own money below which the positions are sold."""
        return (self.long_value - self.short_value) * Decimal(str(self._terms.liquidates_below))

    @property
    def held_back(self) -> Decimal:
        """Return what open orders hold back."""
        return sum((one.holds_back for one in self._account.open_orders()), ZERO)

    @property
    def stocks(self) -> Decimal:
        """Return what may be spent on stocks."""
        if self._terms.type == "cash":
            return self._account.holdings.cash - self.held_back
        return max(self.equity - self.initial_margin, ZERO) * self.multiplier - self.held_back

    @property
    def coins(self) -> Decimal:
        """Return what may be spent on what cannot be bought on margin."""
        return min(self.stocks, self._account.holdings.cash - self.held_back)


def unit_value(asset: Asset, entry: Entry, last: Decimal) -> Decimal:
    """Return what an order that opens holds back for each unit."""
    if entry.side == "sell":
        return max(entry.price or ZERO, last * _RESERVE_SHORT)
    at = entry.stop_price or last
    if asset.is_crypto:
        return entry.price or at * _RESERVE_COIN
    return entry.price or at * (_RESERVE_DEAR if at >= _DEAR else _RESERVE_CHEAP)


def opening_part(
    account: Account, asset: Asset, entry: Entry, quantity: Decimal, ending: tuple[str, ...] = ()
) -> Decimal:
    """Return what of an order opens a position: all or nothing. Refuses one that would do both.

    Orders in a status of `ending` are as good as gone.
    """
    held = account.holdings.positions[asset.place].quantity
    if held == 0 or (held > 0) is (entry.side == "buy"):
        return quantity
    closing = [one for one in account.open_orders(asset.place) if one.entry.side == entry.side]
    closing = [one for one in closing if one.status not in ending]
    bound = sum((one.left for one in closing), ZERO)
    if quantity > abs(held) - bound:
        raise not_enough_units(asset.symbol, quantity, abs(held), bound, [one.id for one in closing])
    return ZERO


def check_short(account: Account, asset: Asset, entry: Entry, *, margin: bool) -> None:
    """Refuse a short sale of what cannot be sold short, or by whom it cannot."""
    if entry.notional is not None or (entry.quantity or ZERO) % 1 != 0 or asset.is_crypto:
        if asset.is_crypto:
            asked = entry.quantity or entry.notional
            raise forbidden(f"insufficient balance for {asset.symbol.split('/')[0]} (requested: {asked}, available: 0)")
        raise malformed("fractional orders cannot be sold short")
    if not margin:
        raise forbidden("account is not allowed to short")
    if not asset.shortable:
        raise malformed(f'asset "{asset.symbol}" cannot be sold short')
    if not asset.easy_to_borrow:
        raise malformed(f'asset "{asset.symbol}" is hard to borrow and cannot be sold short')
    if any(one.is_buy and one.opening > 0 for one in account.open_orders(asset.place)):
        raise forbidden("cannot open a short sell while a long buy order is open")


def check_opposites(orders: list[Order], entry: Entry, opening: Decimal) -> None:
    """Refuse an order that could trade with one's own, or open the other way round than one that is open."""
    for other in orders:
        if other.entry.side == entry.side:
            continue
        if opening > 0 and entry.side == "buy" and other.opening > 0:
            raise forbidden("cannot open a long buy while a short sell order is open")
        both_limits = entry.price is not None and other.entry.price is not None
        if not both_limits:
            raise wash_trade(other.id, limit=other.entry.kind == "limit")
        buy, sell = (entry, other.entry) if entry.side == "buy" else (other.entry, entry)
        if (buy.price or ZERO) >= (sell.price or ZERO):
            raise wash_trade(other.id, limit=True)


def check_power(power: Power, asset: Asset, quantity: Decimal, value: Decimal, held: Decimal) -> None:
    """Refuse an opening order that the buying power does not cover, with what the order it replaces has `held`."""
    available, needed = (power.coins if asset.is_crypto else power.stocks) + held, quantity * value
    if needed > available:
        raise not_enough_power(available, needed)
