"""Endpoints that tell the account, its positions and fills, and close positions.

Sources: https://docs.alpaca.markets/reference/getaccount-1, https://docs.alpaca.markets/reference/getallopenpositions,
https://docs.alpaca.markets/reference/getaccountactivities-2
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from keel.practice.alpaca.activities import Activity
from keel.practice.alpaca.assets import Asset
from keel.practice.alpaca.endpoints import Answer, Call, Handler
from keel.practice.alpaca.entry import Entry, read_amount
from keel.practice.alpaca.holdings import Position
from keel.practice.alpaca.order_endpoints import cancel_open, place_entry, until_canceled
from keel.practice.alpaca.orders import Fill
from keel.practice.alpaca.refusals import Refusal, invalid, not_found
from keel.practice.alpaca.spelling import amount, moment
from keel.practice.amounts import ZERO, exact, floored

_HUNDRED: Final = Decimal(100)
_NEVER_MS: Final = 2**62
_CATEGORIES: Final = ("trade_activity", "non_trade_activity")


async def account(call: Call) -> dict[str, Any]:
    """Tell what the account has and may buy."""
    owner, power = call.account, call.state.power(call.account)
    blocked = not (owner.can_trade and owner.terms.trade)
    flag = owner.terms.pattern_day_trader
    retired = {} if flag is None else _day_trading(call, power.stocks, flagged=flag)
    return {
        "id": owner.id,
        "account_number": f"PRACTICE-{owner.name}",
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "currency": "USD",
        "buying_power": amount(power.stocks),
        "regt_buying_power": amount(power.stocks),
        "non_marginable_buying_power": amount(power.coins),
        "cash": amount(owner.holdings.cash),
        "accrued_fees": amount(owner.activities.accrued),
        "pending_transfer_in": "0",
        "portfolio_value": amount(power.equity),
        "trading_blocked": blocked,
        "transfers_blocked": False,
        "account_blocked": False,
        "created_at": moment(int(call.state.market.bars["open_ts_ms"][0].min())),
        "trade_suspended_by_user": False,
        "multiplier": str(power.multiplier),
        "shorting_enabled": call.state.config.account.type == "margin" and power.multiplier > 1,
        "equity": amount(power.equity),
        "last_equity": amount(_last_equity(call)),
        "long_market_value": amount(power.long_value),
        "short_market_value": amount(power.short_value),
        "initial_margin": amount(power.initial_margin),
        "maintenance_margin": amount(power.maintenance_margin),
        "last_maintenance_margin": amount(power.maintenance_margin),
        "sma": "0",
        **retired,
    }


def _day_trading(call: Call, power: Decimal, *, flagged: bool) -> dict[str, Any]:
    """Return what accounts told until 2026-07-06."""
    return {
        "pattern_day_trader": flagged,
        "daytrade_count": call.account.day_trades(call.state.market.now_ms),
        "daytrading_buying_power": amount(power if flagged else ZERO),
    }


def _last_equity(call: Call) -> Decimal:
    worth = (
        held.quantity * _yesterday(call, asset)
        for held, asset in zip(call.account.holdings.positions, call.state.assets, strict=True)
    )
    return call.account.holdings.cash + sum(worth, ZERO)


def _yesterday(call: Call, asset: Asset) -> Decimal:
    close = call.state.bars.last_of_day_before(asset, call.state.market.now_ms)
    return call.state.last(asset) if close is None else exact(close)


async def positions(call: Call) -> list[Any]:
    """Tell open positions."""
    pairs = zip(call.account.holdings.positions, call.state.assets, strict=True)
    return [_told(call, held, asset) for held, asset in pairs if held.quantity]


async def position(call: Call) -> dict[str, Any]:
    """Tell one position."""
    return _told(call, *_find(call))


def _find(call: Call) -> tuple[Position, Asset]:
    asset = call.state.find(call.path["symbol"])
    if asset is None:
        raise not_found(f"symbol not found: {call.path['symbol'][:40]}")
    held = call.account.holdings.positions[asset.place]
    if not held.quantity:
        raise not_found("position does not exist")
    return held, asset


def _told(call: Call, held: Position, asset: Asset) -> dict[str, Any]:
    price, yesterday = call.state.last(asset), _yesterday(call, asset)
    cost, worth = held.quantity * held.paid, held.quantity * price
    gain, today = worth - cost, held.quantity * (price - yesterday)
    bound = sum((one.left for one in call.account.open_orders(asset.place) if one.opening == 0), ZERO)
    return {
        "asset_id": asset.id,
        "symbol": asset.symbol.replace("/", ""),
        "exchange": asset.exchange,
        "asset_class": asset.kind,
        "asset_marginable": not asset.is_crypto,
        "qty": amount(held.quantity),
        "qty_available": amount(held.quantity - (bound if held.quantity > 0 else -bound)),
        "avg_entry_price": amount(held.paid),
        "side": "long" if held.quantity > 0 else "short",
        "market_value": amount(worth),
        "cost_basis": amount(cost),
        "unrealized_pl": amount(gain),
        "unrealized_plpc": amount(gain / abs(cost)) if cost else "0",
        "unrealized_intraday_pl": amount(today),
        "unrealized_intraday_plpc": amount(today / abs(worth)) if worth else "0",
        "current_price": amount(price),
        "lastday_price": amount(yesterday),
        "change_today": amount(price / yesterday - 1),
    }


async def close(call: Call) -> dict[str, Any]:
    """Place the order that closes a position, or a part of it."""
    held, asset = _find(call)
    part, percent = read_amount(call.query, "qty"), read_amount(call.query, "percentage")
    if part is not None and percent is not None:
        raise invalid("only one of qty or percentage is accepted")
    if percent is not None:
        part = floored(abs(held.quantity) * percent / _HUNDRED, asset.step)
    return place_entry(call, asset, _closing(held, asset, part)).as_json


def _closing(held: Position, asset: Asset, part: Decimal | None) -> Entry:
    return Entry(
        side="sell" if held.quantity > 0 else "buy",
        kind="market",
        life="gtc" if asset.is_crypto else "day",
        quantity=abs(held.quantity) if part is None else part,
        notional=None,
        price=None,
        stop_price=None,
        trail_price=None,
        trail_percent=None,
        extended_hours=False,
        client_id=None,
    )


async def close_all(call: Call) -> Answer:
    """Place the orders that close all positions, after the cancels of open orders if they are asked for."""
    told: list[dict[str, Any]] = []
    ending: tuple[str, ...] = ()
    if call.query.get("cancel_orders", "").lower() == "true":
        cancel_open(call)
        await until_canceled(call)
        ending = ("pending_cancel",) if call.state.config.is_lockstep else ()
    for held, asset in zip(call.account.holdings.positions, call.state.assets, strict=True):
        if not held.quantity:
            continue
        try:
            status, body = 200, place_entry(call, asset, _closing(held, asset, None), ending).as_json
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
        told.append({"symbol": asset.symbol.replace("/", ""), "status": status, "body": body})
    return Answer(207, told)


async def activities(call: Call) -> list[Any]:
    """Tell fills and what happened without a trade, the newest first."""
    after, until = call.moment("after", -1), call.moment("until", _NEVER_MS)
    # a day's entries come before its fills, as their ids do
    every: list[Activity | Fill] = [*call.account.activities.entries, *call.account.fills]
    told = [
        {"account_id": call.account.id} | one.as_activity
        for one in sorted(every, key=lambda one: one.time_ms)
        if after < one.time_ms < until and _is_wanted(call, "FILL" if isinstance(one, Fill) else one.kind)
    ]
    told = told if call.query.get("direction") == "asc" else told[::-1]
    token = call.query.get("page_token")
    if token is not None:
        ids = [one["id"] for one in told]
        told = told[ids.index(token) + 1 :] if token in ids else []
    return told[: call.whole("page_size", 100, 100)]


def _is_wanted(call: Call, kind: str) -> bool:
    kinds = call.words("activity_types") + [one for one in [call.path.get("kind")] if one]
    category = call.query.get("category")
    if category is not None and category not in _CATEGORIES:
        raise invalid(f"invalid category: {category[:20]}")
    if kinds and category is not None:
        raise invalid("only one of category or activity_types is accepted")
    if category is not None:
        return (kind == "FILL") is (category == _CATEGORIES[0])
    return not kinds or kind in kinds


ACCOUNT: Final[dict[str, Handler]] = {
    "GET /v2/account": account,
    "GET /v2/account/activities": activities,
    "GET /v2/account/activities/{kind}": activities,
    "GET /v2/positions": positions,
    "DELETE /v2/positions": close_all,
    "GET /v2/positions/{symbol}": position,
    "DELETE /v2/positions/{symbol}": close,
}
