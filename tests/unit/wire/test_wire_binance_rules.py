from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal

import pytest

from keel.domain.errors import DataError
from keel.wire.binance_rules import BinanceRules, readable_rules_of, rules_of

ENTRY = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT"],
    "allowTrailingStop": True,
    "filters": [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": "0.01000000",
            "maxPrice": "1000000.00000000",
            "tickSize": "0.01000000",
        },
        {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "116.2", "stepSize": "0.00000000"},
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2000,
            "minTrailingBelowDelta": 20,
            "maxTrailingBelowDelta": 3000,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": "5.00000000",
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
    ],
}
"""Documented: the shapes of the exchangeInfo page and the filters page of Binance's spot documentation."""


def one(**changes) -> BinanceRules:
    return next(iter(rules_of({"symbols": [ENTRY | changes]}).values()))


def test_rules_are_named_by_our_symbol_and_read_exactly():
    found = rules_of({"symbols": [ENTRY]})
    assert list(found) == ["BTC/USDT"]
    rules = found["BTC/USDT"]
    assert (rules.wire_symbol, rules.base, rules.quote, rules.is_trading) == ("BTCUSDT", "BTC", "USDT", True)
    assert (str(rules.tick_size), rules.step_size, rules.min_qty) == ("0.01", Decimal("0.00001"), Decimal("0.00001"))
    assert (rules.min_notional, rules.max_qty, rules.market_max_qty) == (5, 9000, Decimal("116.2"))
    assert (rules.trailing_above_bips, rules.trailing_below_bips) == ((10, 2000), (20, 3000))
    assert (rules.max_orders, rules.max_stop_orders, rules.trailing_allowed) == (200, 5, True)


def test_every_rule_survives_json_and_decimals_are_written_plainly():
    rules = one()
    text = json.dumps(rules.as_json())
    assert "E-" not in text
    assert BinanceRules.from_json(json.loads(text)) == rules
    assert set(json.loads(text)) == {field.name for field in fields(BinanceRules)}


def test_symbol_that_is_halted_does_not_trade():
    assert not one(status="HALT").is_trading


def test_older_filter_of_the_notional_is_read_too():
    filters = [each for each in ENTRY["filters"] if each["filterType"] != "NOTIONAL"]
    old = {"filterType": "MIN_NOTIONAL", "minNotional": "10.0", "applyToMarket": False, "avgPriceMins": 5}
    rules = one(filters=[*filters, old])
    assert (rules.min_notional, rules.max_notional, rules.min_notional_at_market) == (10, 0, False)


@pytest.mark.parametrize("broken", [{"filters": []}, {"filters": None}, {"baseAsset": None, "filters": 3}])
def test_symbol_without_its_filters_is_refused_by_name(broken):
    with pytest.raises(DataError, match="BTCUSDT"):
        one(**broken)


def test_step_that_is_no_number_is_refused():
    filters = [each | {"stepSize": "NaN"} if each["filterType"] == "LOT_SIZE" else each for each in ENTRY["filters"]]
    with pytest.raises(DataError, match="NaN"):
        one(filters=filters)


def test_odd_symbol_leaves_the_others_and_is_named_with_its_reason():
    found, odd = readable_rules_of({"symbols": [ENTRY | {"symbol": "ODDUSDT", "filters": []}, ENTRY, 7]})
    assert list(found) == ["BTC/USDT"]
    assert "PRICE_FILTER" in odd["ODDUSDT"]
    assert len(odd) == 2
    with pytest.raises(DataError):
        readable_rules_of({"code": -1121})


def test_answer_that_is_no_exchange_info_is_refused():
    with pytest.raises(DataError, match="symbols"):
        rules_of({"code": -1121})


@pytest.mark.parametrize("change", [{"tick_size": "x"}, {"surplus": 1}, {"trailing_allowed": "yes"}, {"base": 3}])
def test_file_that_was_tampered_with_is_refused(change):
    with pytest.raises(DataError):
        BinanceRules.from_json(one().as_json() | change)
