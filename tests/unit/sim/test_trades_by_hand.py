"""Trades that were made without an order of the simulator, booked to its venue, and flattened in both its halves."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from made_halves import make_market, step

from keel.backtest.by_hand import HandTrade, close_again, trade_again
from keel.backtest.drift import Filled
from keel.sim.exchange import Exchange
from keel.sim.local import LocalDesk

PRICE = Decimal(90)


def holding() -> tuple[LocalDesk, Exchange, np.ndarray]:
    """Return both halves once they hold the first instrument, and the row that closes next."""
    market = make_market(3, jitter_ms=0.0, impact_coefficient=0.0)
    market.slots["sell_fee_rate"] = 0.002
    desk, exchange = LocalDesk(market.run, market.slots), Exchange(market.run, market.slots)
    weights = np.array([0.4, np.nan])
    for row, bars in enumerate(market.bars):
        step(desk, exchange, bars, weights if row < 3 else np.full(2, np.nan))
        if row >= 20:
            return desk, exchange, market.bars[row + 1]
    raise AssertionError


def sale(qty: float, *, fee: str = "3", tells_fee: bool = True) -> HandTrade:
    traded = Filled()
    traded.add(-1, Decimal(qty), PRICE, Decimal(fee), Decimal(0))
    return HandTrade(7, 0, traded, tells_fee)


def test_a_trade_that_is_played_again_moves_the_venue_s_book_by_itself_and_its_fee():
    _, exchange, _ = holding()
    held, cash, equity = exchange.venue_qty[0], exchange.venue_cash, exchange.venue_equity
    mark = (equity - cash) / held
    booked = trade_again(exchange, sale(held / 2))
    assert (float(booked.price), booked.fee) == (pytest.approx(90), 3)
    assert exchange.venue_qty[0] == pytest.approx(held / 2)
    assert exchange.venue_cash == pytest.approx(cash + 90 * held / 2 - 3)
    assert exchange.venue_equity == pytest.approx(exchange.venue_cash + mark * held / 2)


def test_a_fee_that_is_told_at_the_end_of_the_day_only_is_what_the_config_says():
    _, exchange, _ = holding()
    held = exchange.venue_qty[0]
    booked = trade_again(exchange, sale(held, fee="0", tells_fee=False))
    assert float(booked.fee) == pytest.approx(90 * held * (0.001 + 0.002))


def test_flattening_leaves_both_halves_flat_whatever_they_held():
    desk, exchange, bars = holding()
    held = exchange.venue_qty[0]
    exchange.play_row(bars)
    close_ts_ms = int(bars[0]["close_ts_ms"])
    close_again(desk, exchange, sale(held / 3, fee="1"), close_ts_ms)
    desk.close_row(bars, close_ts_ms)
    assert exchange.venue_qty[0] == 0
    assert desk.account_view().position_qty[0] == 0
    assert desk.account_view().cash == pytest.approx(exchange.venue_cash)


def test_nothing_is_bought_back_where_nothing_is_held():
    desk, exchange, _ = holding()
    trade_again(exchange, sale(exchange.venue_qty[0]))
    cash = exchange.venue_cash
    close_again(desk, exchange, sale(1.0), 0)
    assert (exchange.venue_qty[0], exchange.venue_cash) == (0, cash)
