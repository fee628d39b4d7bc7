"""Event-driven strategies that place their own orders, through the whole backtest."""

from __future__ import annotations

from collections.abc import Callable

from test_run_backtest import SYMBOLS, run

from keel.domain.orders import EventKind, OrderType, Reason
from keel.strategies.desk import ExecutionReport, LiveOrder
from keel.strategies.port import Context, EventStrategy, StrategyParams

Script = dict[int, Callable[[Context], None]]


class Scripted(EventStrategy):
    """Do at each row what a script says, and note what is seen and heard there."""

    def __init__(self, script: Script) -> None:
        super().__init__(StrategyParams())
        self.script = script
        self.orders: list[tuple[LiveOrder, ...]] = []
        self.reports: list[tuple[ExecutionReport, ...]] = []

    def on_bar(self, context: Context) -> None:
        self.orders.append(context.orders)
        self.reports.append(context.reports)
        self.script.get(len(context.bars) - 1, lambda _context: None)(context)


def test_order_is_seen_live_and_its_fill_is_heard_at_the_next_close():
    numbers: list[int] = []
    strategy = Scripted({3: lambda at: numbers.append(at.buy(SYMBOLS[0], 1.0))})
    run(strategy)
    heard = [report for report in strategy.reports[4] if report.kind is EventKind.FILLED]
    assert [(report.order, report.symbol, report.qty) for report in heard] == [(numbers[0], SYMBOLS[0], 1.0)]
    assert strategy.orders[3] == ()
    assert strategy.orders[4] == ()
    assert not any(report.kind is EventKind.FILLED for row in strategy.reports[5:] for report in row)


def test_resting_order_is_seen_until_it_is_cancelled():
    numbers: list[int] = []
    strategy = Scripted(
        {2: lambda at: numbers.append(at.buy(SYMBOLS[0], 1.0, limit=50.0)), 5: lambda at: at.cancel(numbers[0])}
    )
    result = run(strategy)
    seen = [[(order.order, order.type, order.limit_price) for order in row] for row in strategy.orders]
    assert seen[3] == seen[5] == [(0, OrderType.LIMIT, 50.0)]
    assert seen[6] == []
    ends = result.events[result.events["kind"] == EventKind.CANCELED]
    assert ends["reason"].tolist() == [Reason.CLIENT_REQUEST]


def test_bracket_closes_what_the_entry_opened():
    strategy = Scripted({2: lambda at: at.buy(SYMBOLS[0], 1.0, stop_loss=0.01, take_profit=0.02) and None})
    result = run(strategy)
    fills = result.events[result.events["kind"] == EventKind.FILLED]
    assert fills["side"].tolist() == [1, -1]
    assert fills["type"].tolist() == [OrderType.MARKET, OrderType.LIMIT]


def test_denial_is_heard_with_its_reason():
    strategy = Scripted({2: lambda at: at.sell(SYMBOLS[0], 1.0) and None})
    run(strategy)
    told = [report for row in strategy.reports for report in row if report.kind is EventKind.DENIED]
    assert [report.reason for report in told] == [Reason.NOT_SHORTABLE]


def test_target_of_zero_closes_what_orders_have_opened():
    strategy = Scripted(
        {2: lambda at: at.buy(SYMBOLS[0], 1.0) and None, 5: lambda at: at.set_target(SYMBOLS[0], 0.0)},
    )
    result = run(strategy)
    fills = result.events[result.events["kind"] == EventKind.FILLED]
    assert (fills["side"] * fills["qty"]).tolist() == [1.0, -1.0]
