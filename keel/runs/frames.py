"""Tables of a run for people and other tools, from the arrays of keel/domain/layout.py."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from keel.domain.orders import EventKind, OrderSide, OrderType, Reason

_UTC_MS: Final = pl.Datetime("ms", "UTC")
_WHOLE: Final = 1.0 - 1e-9
"""Part of an order that counts as all of it: less than a rounding error is missing."""

_CASHFLOWS: Final = (
    EventKind.FUNDING,
    EventKind.BORROW,
    EventKind.INTEREST,
    EventKind.DIVIDEND,
    EventKind.SPLIT,
)
"""Events of the account, not of an order."""

_STATUS_AFTER: Final = {
    EventKind.SUBMITTED: "IN_FLIGHT",
    EventKind.DENIED: "DENIED",
    EventKind.ACCEPTED: "WORKING",
    EventKind.REJECTED: "REJECTED",
    EventKind.FILLED: "WORKING",
    EventKind.CANCELED: "CANCELED",
    EventKind.EXPIRED: "EXPIRED",
    EventKind.TRIGGERED: "WORKING",
    EventKind.AMENDED: "WORKING",
}
_NOT_FINAL: Final = ("IN_FLIGHT", "WORKING")


def equity_table(marks: NDArray[np.void]) -> pa.Table:
    """Return the account at each row's close from MARK records: `time` (UTC), `ts_ms`, account currency.

    An Arrow table, because its memory is numpy's own: a million rows pass through in parts without a trace.
    """
    types = {name: pa.int64() if name == "ts_ms" else pa.float64() for name in marks.dtype.names or ()}
    columns = {name: _arrow(_column(marks, name), of) for name, of in types.items()}
    return pa.table({"time": _arrow(_column(marks, "ts_ms"), pa.timestamp("ms", tz="UTC")), **columns})


def fills_frame(events: NDArray[np.void], symbols: Sequence[str]) -> pl.DataFrame:
    """Return one row per fill, in time order, from EVENT records; `symbols` are in instrument order.

    Quantities are base units, prices quote currency per unit, fee and costs account currency; `rate` is account
    currency per unit of quote currency, `fee_qty` the part of a buy kept as fee. `ts_ms` is when the venue matched,
    `response_ts_ms` when we learnt of it. A liquidation is the venue's own: it has no `order_id`.
    """
    fills = events[events["kind"] == EventKind.FILLED]
    frame = pl.DataFrame(
        {
            "ts_ms": _column(fills, "ts_ms"),
            "response_ts_ms": _column(fills, "response_ts_ms"),
            "order_id": _column(fills, "order_id"),
            "symbol": _symbols(fills["instrument"], symbols),
            "side": _names(fills["side"], OrderSide),
        }
        | {name: _column(fills, name) for name in ("qty", "price", "reference_price", "fee")}
        | {name: _column(fills, name) for name in ("spread_cost", "impact_cost", "rounding_cost")}
        | {"type": _names(fills["type"], OrderType), "maker": fills["maker"] != 0}
        | {name: _column(fills, name) for name in ("fee_qty", "rate")}
        | {"reason": _names(fills["reason"], Reason)}
    )
    return _with_time(frame.with_columns(_order_or_null(), _reason_or_null()))


def orders_frame(events: NDArray[np.void], symbols: Sequence[str]) -> pl.DataFrame:
    """Return one row per order, in the order they were decided, from EVENT records in time order.

    A denial never became an order of the venue, and a liquidation is the venue's own: each has a row of its own and no
    `order_id`. An order's first event carries its quantity and the time of its birth; an amendment changes `qty`.
    `reason` is the last one an event gave, null for none; `accepted_ts_ms`, `triggered_ts_ms`, `final_ts_ms` and
    `average_price` are null where it never came to that. `status` is IN_FLIGHT, WORKING, FILLED, CANCELED, EXPIRED,
    REJECTED or DENIED.
    """
    ours = events[~np.isin(events["kind"], _CASHFLOWS)]
    return _with_time(_named_orders(_orders(_tape(ours)), symbols), "submitted_ts_ms")


def cashflows_frame(events: NDArray[np.void], symbols: Sequence[str]) -> pl.DataFrame:
    """Return one row per funding, borrow, interest, dividend and split, in time order, from EVENT records.

    `cash` is what it added to the account's cash (account currency, negative = paid), `qty` the position it is about
    (of a split: the position after it), `price` the price it was reckoned at in quote currency. Interest is on the
    account: its `symbol` is null.
    """
    flows = events[np.isin(events["kind"], _CASHFLOWS)]
    frame = pl.DataFrame(
        {
            "ts_ms": _column(flows, "ts_ms"),
            "kind": _names(flows["kind"], EventKind),
            "symbol": _symbols(flows["instrument"], symbols),
        }
        | {name: _column(flows, name) for name in ("qty", "price", "rate", "cash")}
    )
    return _with_time(frame)


def trades_frame(trades: NDArray[np.void], still_open: NDArray[np.void], symbols: Sequence[str]) -> pl.DataFrame:
    """Return one row per round trip in the order they closed, then those still open, from TRADE records.

    `qty` is the trade's peak, prices are averages in quote currency, `pnl` (net of fees, with `carry`), `fees` and
    `carry` account currency, `return` a fraction of the value entered. `closed_by` is the type of the last fill's
    order, or its reason where it had one; null while the trade is open.
    """
    both = np.concatenate([trades, still_open])
    is_open = np.arange(len(both)) >= len(trades)
    reason = pl.Series("reason", _names(both["exit_reason"], Reason))
    closed_by = pl.when(~pl.col("open")).then(
        pl.when(pl.col("reason") == Reason.NONE.name).then(pl.col("closed_by")).otherwise("reason")
    )
    frame = pl.DataFrame(
        {
            "symbol": _symbols(both["instrument"], symbols),
            "side": pl.Series(both["side"].copy()).replace_strict({1: "LONG", -1: "SHORT"}, return_dtype=pl.String),
        }
        | {name: _column(both, name) for name in ("open_ts_ms", "close_ts_ms", "qty", "entry_price", "exit_price")}
        | {name: _column(both, name) for name in ("pnl", "fees", "carry", "return")}
        | {"open": is_open, "closed_by": _names(both["exit_type"], OrderType), "reason": reason}
    )
    return _with_time(frame.with_columns(closed_by).drop("reason"), "open_ts_ms")


def _tape(events: NDArray[np.void]) -> pl.DataFrame:
    filled = events["kind"] == EventKind.FILLED
    qty = np.where(filled, events["qty"], 0.0)
    names = ("order_id", "kind", "reason", "side", "type", "instrument", "ts_ms", "qty", "price", "reference_price")
    return pl.DataFrame({name: _column(events, name) for name in names}).with_columns(
        fill_qty=qty, fill_value=qty * np.where(filled, events["price"], 0.0)
    )


def _orders(tape: pl.DataFrame) -> pl.DataFrame:
    of_kind = {kind: pl.col("kind") == kind for kind in EventKind}
    # An amendment refused changes nothing, and it may come after the order has ended.
    lasting = ~of_kind[EventKind.AMEND_REJECTED]
    terms = of_kind[EventKind.SUBMITTED] | of_kind[EventKind.AMENDED]
    total = pl.col("qty").filter(terms).last()
    alone = -1 - pl.row_index().cast(pl.Int64)
    key = pl.when(pl.col("order_id") < 0).then(alone).otherwise("order_id")
    return (
        tape.group_by(key.alias("key"), maintain_order=True)
        .agg(
            pl.col("instrument", "side", "type").first(),
            pl.coalesce(total, pl.col("qty").first()).alias("qty"),
            pl.col("price").filter(terms).last().alias("limit_price"),
            pl.col("reference_price").filter(terms).last().alias("trigger_price"),
            pl.col("order_id").first(),
            pl.col("ts_ms").first().alias("submitted_ts_ms"),
            pl.col("ts_ms").filter(of_kind[EventKind.ACCEPTED]).first().alias("accepted_ts_ms"),
            pl.col("ts_ms").filter(of_kind[EventKind.TRIGGERED]).first().alias("triggered_ts_ms"),
            pl.col("ts_ms").filter(lasting).last().alias("last_ts_ms"),
            pl.col("kind").filter(lasting).last(),
            pl.col("reason").filter(lasting & (pl.col("reason") != Reason.NONE)).last(),
            pl.col("fill_qty").sum().alias("filled_qty"),
            pl.col("fill_value").sum(),
        )
        .drop("key")
    )


def _named_orders(orders: pl.DataFrame, symbols: Sequence[str]) -> pl.DataFrame:
    filled = pl.col("filled_qty") >= pl.col("qty") * _WHOLE
    whole = pl.col("kind").is_in([EventKind.FILLED, EventKind.AMENDED]) & filled
    status = pl.col("kind").replace_strict({int(kind): name for kind, name in _STATUS_AFTER.items()})
    return orders.with_columns(
        _order_or_null(),
        # A leg that covers its position grows with it.
        qty=pl.max_horizontal("qty", "filled_qty"),
        limit_price=pl.when(pl.col("limit_price") > 0).then("limit_price"),
        trigger_price=pl.when(pl.col("trigger_price") > 0).then("trigger_price"),
        symbol=_symbols(orders["instrument"].to_numpy(), symbols),
        side=pl.col("side").replace_strict(_lookup(OrderSide)),
        type=pl.col("type").replace_strict(_lookup(OrderType)),
        reason=pl.col("reason").replace_strict(_lookup(Reason)),
        status=pl.when(whole).then(pl.lit("FILLED")).otherwise(status),
        average_price=pl.when(pl.col("filled_qty") > 0).then(pl.col("fill_value") / pl.col("filled_qty")),
    ).select(
        "submitted_ts_ms",
        "accepted_ts_ms",
        "triggered_ts_ms",
        pl.when(~pl.col("status").is_in(_NOT_FINAL)).then(pl.col("last_ts_ms")).alias("final_ts_ms"),
        "order_id",
        "symbol",
        "side",
        "type",
        "qty",
        "limit_price",
        "trigger_price",
        "filled_qty",
        "average_price",
        "status",
        "reason",
    )


def _with_time(frame: pl.DataFrame, stamp: str = "ts_ms") -> pl.DataFrame:
    return frame.select(pl.col(stamp).cast(_UTC_MS).alias("time"), pl.all())


def _order_or_null() -> pl.Expr:
    return pl.when(pl.col("order_id") >= 0).then(pl.col("order_id")).alias("order_id")


def _reason_or_null() -> pl.Expr:
    return pl.when(pl.col("reason") != Reason.NONE.name).then(pl.col("reason")).alias("reason")


def _column(records: NDArray[np.void], name: str) -> NDArray[np.generic]:
    return np.ascontiguousarray(records[name])


def _arrow(column: NDArray[np.generic], of: pa.DataType) -> pa.Array:
    # By its buffer: pa.array would import pandas to see whether it was given a Series.
    return pa.Array.from_buffers(of, len(column), [None, pa.py_buffer(column)])


def _symbols(instruments: NDArray[np.generic], symbols: Sequence[str]) -> pl.Series:
    # The name after the last is null: an instrument of -1 is none.
    return pl.Series([*symbols, None], dtype=pl.String).gather(instruments % (len(symbols) + 1))


def _names(codes: NDArray[np.generic], vocabulary: type[IntEnum]) -> pl.Series:
    return pl.Series(np.ascontiguousarray(codes)).replace_strict(_lookup(vocabulary), return_dtype=pl.String)


def _lookup(vocabulary: type[IntEnum]) -> dict[int, str]:
    return {int(member): member.name for member in vocabulary}
