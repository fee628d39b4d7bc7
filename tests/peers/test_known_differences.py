"""Every known difference of docs/peers.md is what its table says, on both sides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from keel.strategies.holding import hold_between

from .keel_side import ASKED, BARE, LEVERED, SHORTING, Orders, Signals, Weights, new_targets, play, wired
from .small_market import DOCUMENT, headings, small_market

pytestmark = pytest.mark.peers
THOUSAND = "account.initial_cash=1000"
FREE = (THOUSAND, "fees.taker_bps=0", "fees.maker_bps=0")
WHOLE = 'market.instrument.step_size="1"'
VECTORBT, BACKTESTING = "vectorbt", "backtesting.py"


def inputs_of(market, *sets):
    bars = market.bars
    return wired(bars, *FREE, *sets, symbols=("A", "B")[: bars.shape[1]])


def play_signals(inputs, market):
    if market.size is not None:
        return play(replace(inputs, strategy=Signals(market.codes, market.size)))
    all_there_is = hold_between(market.codes == 1, market.codes == 2)
    return play(replace(inputs, strategy=Weights(all_there_is[:, None])))


def check_signals(peer, name, heading, *sets, **job):
    market = small_market(heading)
    inputs = inputs_of(market, *sets)
    market.check("Keel", play_signals(inputs, market).equity)
    market.check(name, peer.play("signals", inputs, codes=market.codes, size=market.size, **job).equity)
    return market, inputs


def check_weights(vectorbt, heading, *sets):
    market = small_market(heading)
    inputs = inputs_of(market, *sets)
    targets = new_targets(inputs, market.weights)
    market.check("Keel", play(replace(inputs, strategy=Weights(market.weights))).equity)
    market.check(VECTORBT, vectorbt.play("weights", inputs, targets=targets).equity)
    return market


def asked(*orders):
    records = np.zeros(len(orders), ASKED)
    for record, order in zip(records, orders, strict=True):
        for name, value in order.items():
            record[name] = value
    return records


def check_orders(backtesting, heading, orders, *sets):
    market = small_market(heading)
    inputs = inputs_of(market, WHOLE, *sets)
    market.check("Keel", play(replace(inputs, strategy=Orders(orders))).equity)
    market.check(BACKTESTING, backtesting.play("orders", inputs, asked=orders).equity)


def test_vectorbt_fills_at_the_close_of_the_signal_by_default(vectorbt):
    market, inputs = check_signals(vectorbt, VECTORBT, "The bar of the fill", at_once=True)
    moved = vectorbt.play("signals", inputs, codes=market.codes, size=market.size)
    market.check("Keel", moved.equity)


def test_vectorbt_spends_all_at_the_price_of_the_fill(vectorbt):
    check_signals(vectorbt, VECTORBT, "All there is")


def test_vectorbt_asks_for_the_fee_at_the_fill_alone(vectorbt):
    check_weights(vectorbt, "A weight of everything, with a fee", "fees.taker_bps=50")


def test_vectorbt_buys_with_the_money_of_a_sale_at_the_same_open(vectorbt):
    market = check_weights(vectorbt, "From one instrument into another")
    levered = play(replace(inputs_of(market, *LEVERED), strategy=Weights(market.weights)))
    market.check(VECTORBT, levered.equity)


def test_vectorbt_opens_a_short_of_any_size(vectorbt):
    check_signals(vectorbt, VECTORBT, "Shorts and money", *SHORTING)


def test_vectorbt_plays_on_below_nothing(vectorbt):
    check_signals(vectorbt, VECTORBT, "Below nothing", *LEVERED)


def test_vectorbt_drops_an_order_that_finds_no_bar(vectorbt):
    check_weights(vectorbt, "A bar that is missing")


def test_vectorbt_looks_at_a_stop_from_the_bar_after_the_entry_on(vectorbt):
    market = small_market("A stop in the bar of the entry")
    inputs = inputs_of(market)
    market.check("Keel", play(replace(inputs, strategy=Orders(asked({"row": 0, "qty": 10.0, "sl": 95.0})))).equity)
    options = {"sl_stop": 0.05, "stop_entry_price": "fillprice"}
    theirs = vectorbt.play("signals", inputs, codes=market.codes, size=market.size, options=options)
    market.check(VECTORBT, theirs.equity)


def test_vectorbt_rounds_a_whole_number_of_steps_down(vectorbt):
    check_weights(vectorbt, "Steps of a quantity", 'market.instrument.step_size="0.1"')


def test_backtesting_decides_nothing_at_the_first_bar(backtesting):
    check_signals(backtesting, BACKTESTING, "The first bar", WHOLE, no_lead=True)


def test_backtesting_spends_all_at_the_price_of_the_fill(backtesting):
    check_signals(backtesting, BACKTESTING, "All there is, in whole units", WHOLE)


def test_backtesting_cancels_an_order_that_costs_more_than_there_is(backtesting):
    check_signals(backtesting, BACKTESTING, "More than the money", WHOLE)


def test_backtesting_can_trade_at_the_close_that_decided(backtesting):
    check_signals(backtesting, BACKTESTING, "Trading at the close", WHOLE, options={"trade_on_close": True})


def test_backtesting_can_close_at_the_open_of_the_last_bar(backtesting):
    check_signals(backtesting, BACKTESTING, "The end of the run", WHOLE, options={"finalize_trades": True})


def test_backtesting_puts_off_the_stop_of_an_entry_that_waited_for_a_price(backtesting):
    orders = asked({"row": 0, "qty": 5.0, "stop": 105.0, "sl": 98.0})
    check_orders(backtesting, "An entry at a price, and its stop in the same bar", orders)


def test_backtesting_ends_the_stop_of_the_oldest_trade_with_it(backtesting):
    orders = asked({"qty": 5.0, "sl": 95.0}, {"row": 1, "qty": 5.0, "sl": 90.0}, {"row": 2, "qty": -5.0})
    check_orders(backtesting, "Which stop is left", orders)


def test_backtesting_tries_a_stop_before_a_sale_at_the_open(backtesting):
    orders = asked({"qty": 5.0, "sl": 95.0}, {"row": 1, "qty": -5.0})
    check_orders(backtesting, "A sale at the open, and a stop later in the bar", orders)


def test_backtesting_cancels_before_the_same_open_fills(backtesting):
    orders = asked({"row": 0, "qty": 5.0, "limit": 95.0}, {"row": 1, "cancel": True})
    check_orders(backtesting, "A cancel and a fill at the same open", orders)


def test_backtesting_sets_a_lost_account_to_nothing(backtesting):
    check_signals(backtesting, BACKTESTING, "Nothing left", WHOLE, *LEVERED, options={"margin": 0.1})


def test_every_known_difference_has_a_table_that_is_checked():
    source = Path(__file__).read_text(encoding="utf-8")
    assert headings()
    assert [heading for heading in headings() if f'"{heading}"' not in source] == []


def test_the_settings_shown_are_those_compared_with():
    assert f"```yaml\n{BARE.read_text(encoding='utf-8')}```" in DOCUMENT
