from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from keel.domain.layout import EVENT, MARK
from keel.domain.orders import EventKind, OrderSide, OrderType, Reason
from keel.portfolio.trades_nb import TRADE
from keel.runs.frames import cashflows_frame, equity_table, fills_frame, orders_frame, trades_frame
from keel.runs.logs import fill_lines

SYMBOLS = ("BTC/USDT", "ETH/USDT")
K = EventKind
T = OrderType


def event(kind: EventKind, order_id: int, ts_ms: int, qty: float = 1.0, **more: Any) -> np.ndarray:
    record = np.zeros(1, EVENT)
    fields = {"kind": kind, "order_id": order_id, "ts_ms": ts_ms, "qty": qty, "side": OrderSide.BUY} | more
    for name, value in fields.items():
        record[name] = value
    return record


def rows(*events: np.ndarray) -> list[dict[str, Any]]:
    return orders_frame(np.concatenate(events), SYMBOLS).to_dicts()


def test_an_order_filled_in_two_parts_is_one_row_with_its_average_price() -> None:
    (row,) = rows(
        event(K.SUBMITTED, 5, 1000, 3.0, instrument=1, side=OrderSide.SELL),
        event(K.ACCEPTED, 5, 1250, 3.0, instrument=1, side=OrderSide.SELL),
        event(K.FILLED, 5, 1300, 1.0, price=100.0, instrument=1, side=OrderSide.SELL),
        event(K.FILLED, 5, 1400, 2.0, price=103.0, instrument=1, side=OrderSide.SELL),
    )
    assert row == {
        "time": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        "submitted_ts_ms": 1000,
        "accepted_ts_ms": 1250,
        "triggered_ts_ms": None,
        "final_ts_ms": 1400,
        "order_id": 5,
        "symbol": "ETH/USDT",
        "side": "SELL",
        "type": "MARKET",
        "qty": 3.0,
        "limit_price": None,
        "trigger_price": None,
        "filled_qty": 3.0,
        "average_price": 102.0,
        "status": "FILLED",
        "reason": None,
    }


def test_a_denied_order_is_a_row_with_its_reason_and_no_acceptance() -> None:
    (row,) = rows(event(K.DENIED, -1, 1000, reason=Reason.BUYING_POWER))
    assert (row["status"], row["reason"], row["final_ts_ms"]) == ("DENIED", "BUYING_POWER", 1000)
    assert (row["accepted_ts_ms"], row["average_price"], row["filled_qty"]) == (None, None, 0.0)


def test_each_last_event_gives_its_status_and_only_final_ones_have_a_final_time() -> None:
    last = {
        K.SUBMITTED: "IN_FLIGHT",
        K.ACCEPTED: "WORKING",
        K.FILLED: "WORKING",
        K.CANCELED: "CANCELED",
        K.EXPIRED: "EXPIRED",
        K.REJECTED: "REJECTED",
    }
    for kind, status in last.items():
        (row,) = rows(event(K.SUBMITTED, 1, 10, 2.0), event(kind, 1, 20, 0.5, price=7.0))
        assert row["status"] == status
        assert row["final_ts_ms"] == (None if status in ("IN_FLIGHT", "WORKING") else 20)


def test_a_part_filled_order_that_is_cancelled_keeps_its_part_and_the_reason() -> None:
    (row,) = rows(
        event(K.SUBMITTED, 1, 10, 2.0),
        event(K.FILLED, 1, 20, 0.5, price=7.0),
        event(K.CANCELED, 1, 30, 1.5, reason=Reason.END_OF_RUN),
    )
    assert (row["status"], row["filled_qty"], row["average_price"]) == ("CANCELED", 0.5, 7.0)
    assert (row["reason"], row["final_ts_ms"], row["qty"]) == ("END_OF_RUN", 30, 2.0)


def test_orders_come_as_they_were_decided_though_their_events_are_mixed() -> None:
    table = rows(
        event(K.SUBMITTED, 1, 10), event(K.SUBMITTED, 2, 10), event(K.ACCEPTED, 2, 11), event(K.ACCEPTED, 1, 12)
    )
    assert [(row["order_id"], row["status"]) for row in table] == [(1, "WORKING"), (2, "WORKING")]


def test_every_denial_has_a_row_of_its_own_and_no_order_id() -> None:
    denied = [event(K.DENIED, -1, ts_ms, reason=Reason.MIN_QTY) for ts_ms in (10, 20)]
    table = rows(denied[0], event(K.SUBMITTED, 0, 15), denied[1])
    found = [(row["order_id"], row["status"], row["submitted_ts_ms"]) for row in table]
    assert found == [(None, "DENIED", 10), (0, "IN_FLIGHT", 15), (None, "DENIED", 20)]


def test_fills_have_names_times_and_every_cost() -> None:
    costs = {"fee": 0.1, "spread_cost": 0.2, "impact_cost": 0.3, "rounding_cost": 0.4}
    more = {"type": T.LIMIT, "maker": 1, "fee_qty": 0.002, "rate": 1.1}
    fill = event(
        K.FILLED, 3, 1500, 2.0, price=10.0, reference_price=9.9, instrument=1, response_ts_ms=1550, **costs, **more
    )
    table = fills_frame(np.concatenate([event(K.SUBMITTED, 3, 1000), fill]), SYMBOLS)
    assert table.to_dicts() == [
        {
            "time": datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC),
            "ts_ms": 1500,
            "response_ts_ms": 1550,
            "order_id": 3,
            "symbol": "ETH/USDT",
            "side": "BUY",
            "qty": 2.0,
            "price": 10.0,
            "reference_price": 9.9,
        }
        | costs
        | {"type": "LIMIT", "maker": True, "fee_qty": 0.002, "rate": 1.1, "reason": None}
    ]


def test_a_liquidation_is_a_fill_and_an_order_of_its_own_without_a_number() -> None:
    liquidated = event(K.FILLED, -1, 30, 2.0, price=7.0, side=OrderSide.SELL, reason=Reason.LIQUIDATION)
    tape = np.concatenate([event(K.SUBMITTED, 0, 10, 2.0), event(K.FILLED, 0, 20, 2.0, price=9.0), liquidated])
    fill = fills_frame(tape, SYMBOLS).to_dicts()[-1]
    assert (fill["order_id"], fill["reason"], fill["side"]) == (None, "LIQUIDATION", "SELL")
    order = orders_frame(tape, SYMBOLS).to_dicts()[-1]
    assert (order["order_id"], order["status"], order["reason"]) == (None, "FILLED", "LIQUIDATION")
    assert (order["qty"], order["filled_qty"], order["average_price"]) == (2.0, 2.0, 7.0)
    assert fill_lines(fills_frame(tape, SYMBOLS), "r")[-1].endswith("order of the venue")


def test_a_triggered_and_amended_order_has_its_new_quantity_and_the_time_of_its_trigger() -> None:
    (row,) = rows(
        event(K.SUBMITTED, 4, 10, 2.0, type=T.STOP),
        event(K.ACCEPTED, 4, 11, 2.0, type=T.STOP),
        event(K.AMENDED, 4, 12, 3.0, type=T.STOP),
        event(K.TRIGGERED, 4, 13, 3.0, type=T.STOP),
        event(K.FILLED, 4, 14, 2.0, price=5.0, type=T.STOP),
    )
    assert (row["type"], row["qty"], row["filled_qty"]) == ("STOP", 3.0, 2.0)
    assert (row["triggered_ts_ms"], row["status"], row["final_ts_ms"]) == (13, "WORKING", None)


def test_a_refused_amendment_leaves_the_order_as_it_was() -> None:
    (row,) = rows(
        event(K.SUBMITTED, 4, 10, 2.0),
        event(K.FILLED, 4, 14, 2.0, price=5.0),
        event(K.AMEND_REJECTED, 4, 15, 9.0, reason=Reason.ORDER_ENDED),
    )
    assert (row["qty"], row["status"], row["final_ts_ms"], row["reason"]) == (2.0, "FILLED", 14, None)


def test_an_order_amended_down_to_what_is_filled_is_filled() -> None:
    (row,) = rows(event(K.SUBMITTED, 4, 10, 2.0), event(K.FILLED, 4, 11, 1.0, price=5.0), event(K.AMENDED, 4, 12, 1.0))
    assert (row["status"], row["qty"]) == ("FILLED", 1.0)


def test_events_of_the_account_are_cashflows_and_no_orders() -> None:
    tape = np.concatenate(
        [
            event(K.SUBMITTED, 0, 10),
            event(K.FUNDING, -1, 20, 3.0, price=100.0, cash=-0.3, instrument=1, rate=1.0),
            event(K.INTEREST, -1, 30, 0.0, cash=-2.0, instrument=-1, rate=1.0),
            event(K.SPLIT, -1, 40, 6.0, instrument=1),
        ]
    )
    assert orders_frame(tape, SYMBOLS).height == 1
    table = cashflows_frame(tape, SYMBOLS)
    assert table["kind"].to_list() == ["FUNDING", "INTEREST", "SPLIT"]
    assert table["symbol"].to_list() == ["ETH/USDT", None, "ETH/USDT"]
    assert table["cash"].to_list() == [-0.3, -2.0, 0.0]
    assert table["time"][0] == datetime(1970, 1, 1, 0, 0, 0, 20_000, tzinfo=UTC)


def test_trades_say_their_side_and_what_closed_them_and_open_ones_come_last() -> None:
    closed, still_open = np.zeros(2, TRADE), np.zeros(1, TRADE)
    closed["side"], still_open["side"], closed["exit_type"] = [1, -1], 1, [T.TRAILING_STOP, T.MARKET]
    closed["exit_reason"][1], closed["carry"], closed["open_ts_ms"] = Reason.LIQUIDATION, 0.5, 1000
    table = trades_frame(closed, still_open, SYMBOLS)
    assert table["side"].to_list() == ["LONG", "SHORT", "LONG"]
    assert table["closed_by"].to_list() == ["TRAILING_STOP", "LIQUIDATION", None]
    assert table["open"].to_list() == [False, False, True]
    assert table["carry"].to_list() == [0.5, 0.5, 0.0]
    assert table.schema == trades_frame(closed[:0], still_open[:0], SYMBOLS).schema


def test_a_run_without_events_gives_empty_tables_of_the_same_columns() -> None:
    empty, one = np.zeros(0, EVENT), event(K.FILLED, 1, 1)
    for frame in (fills_frame, orders_frame, cashflows_frame):
        table = frame(empty, SYMBOLS)
        assert table.height == 0
        assert table.schema == frame(one, SYMBOLS).schema


def test_every_column_is_explained_in_the_documents() -> None:
    told = (Path(__file__).parents[3] / "docs" / "results.md").read_text(encoding="utf-8")
    nothing, no_trades = np.zeros(0, EVENT), np.zeros(0, TRADE)
    tables = {
        "fills": fills_frame(nothing, SYMBOLS),
        "orders": orders_frame(nothing, SYMBOLS),
        "cashflows": cashflows_frame(nothing, SYMBOLS),
        "trades": trades_frame(no_trades, no_trades, SYMBOLS),
    }
    for name, table in tables.items():
        (row,) = (line for line in told.splitlines() if line.startswith(f"| {name} |"))
        assert re.findall(r"`(\w+)`", row) == table.columns


def test_equity_has_the_time_and_the_fields_of_the_marks() -> None:
    marks = np.zeros(2, MARK)
    marks["ts_ms"], marks["equity"] = [0, 60_000], [1.0, 2.0]
    table = pl.from_arrow(equity_table(marks))
    assert table.columns == ["time", *(MARK.names or ())]
    assert table["time"].to_list()[1] == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    assert table["equity"].to_list() == [1.0, 2.0]


def test_a_million_events_become_tables_within_a_second() -> None:
    orders = 340_000
    tape = np.zeros(3 * orders, EVENT)
    tape["kind"] = np.tile([K.SUBMITTED, K.ACCEPTED, K.FILLED], orders)
    tape["order_id"] = np.repeat(np.arange(orders), 3)
    tape["ts_ms"], tape["qty"], tape["price"], tape["side"] = np.arange(len(tape)), 1.0, 100.0, 1
    began = time.perf_counter()
    assert orders_frame(tape, SYMBOLS)["status"].unique().to_list() == ["FILLED"]
    assert fills_frame(tape, SYMBOLS).select(pl.col("qty").sum()).item() == orders
    # The promise is 1 s each on an idle machine; ten leave room for a busy one and still catch a Python loop.
    assert time.perf_counter() - began < 10.0


def test_prices_of_an_order_are_those_of_its_last_amendment() -> None:
    (row,) = rows(
        event(K.SUBMITTED, 5, 1000, 3.0, price=99.0, reference_price=101.0, type=OrderType.STOP_LIMIT),
        event(K.AMENDED, 5, 1300, 2.0, price=98.0, reference_price=101.0, type=OrderType.STOP_LIMIT),
    )
    assert (row["qty"], row["limit_price"], row["trigger_price"]) == (2.0, 98.0, 101.0)


def test_a_leg_that_grew_with_its_position_is_as_large_as_what_it_filled() -> None:
    (row,) = rows(
        event(K.SUBMITTED, 5, 1000, 3.0, reference_price=90.0, type=OrderType.STOP),
        event(K.FILLED, 5, 1300, 4.0, price=89.0, final=1, type=OrderType.STOP),
    )
    assert (row["qty"], row["filled_qty"], row["status"]) == (4.0, 4.0, "FILLED")
