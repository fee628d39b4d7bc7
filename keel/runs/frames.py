"""Tables of a run for people and other tools, from the arrays of keel/domain/layout.py."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from keel.domain.orders import EventKind, OrderSide, Reason

_UTC_MS: Final = pl.Datetime("ms", "UTC")
_WHOLE: Final = 1.0 - 1e-9
"""Part of an order that counts as all of it: less than a rounding error is missing."""

_STATUS_AFTER: Final = {
    EventKind.SUBMITTED: "IN_FLIGHT",
    EventKind.DENIED: "DENIED",
    EventKind.ACCEPTED: "WORKING",
    EventKind.REJECTED: "REJECTED",
    EventKind.FILLED: "WORKING",
    EventKind.CANCELED: "CANCELED",
    EventKind.EXPIRED: "EXPIRED",
}
_NOT_FINAL: Final = ("IN_FLIGHT", "WORKING")


def equity_table(marks: NDArray[np.void]) -> pa.Table:
    """Return the account at each row's close from MARK records: `time` (UTC), `ts_ms`, quote currency.

    An Arrow table, because its memory is numpy's own: a million rows pass through in parts without a trace.
    """
    types = {name: pa.int64() if name == "ts_ms" else pa.float64() for name in marks.dtype.names or ()}
    columns = {name: _arrow(_column(marks, name), of) for name, of in types.items()}
    return pa.table({"time": _arrow(_column(marks, "ts_ms"), pa.timestamp("ms", tz="UTC")), **columns})


def fills_frame(events: NDArray[np.void], symbols: Sequence[str]) -> pl.DataFrame:
    """Return one row per fill, in time order, from EVENT records; `symbols` are in instrument order.

    Quantities are base units, prices quote currency per unit, fee and costs quote currency. `ts_ms` is when
    the venue matched, `response_ts_ms` when we learnt of it.
    """
    fills = events[events["kind"] == EventKind.FILLED]
    frame = pl.DataFrame(
        {
            "ts_ms": _column(fills, "ts_ms"),
            "response_ts_ms": _column(fills, "response_ts_ms"),
            "order_id": _column(fills, "order_id"),
            "symbol": _symbols(fills, symbols),
            "side": _names(fills, "side", OrderSide),
        }
        | {name: _column(fills, name) for name in ("qty", "price", "reference_price", "fee")}
        | {name: _column(fills, name) for name in ("spread_cost", "impact_cost", "rounding_cost")}
    )
    return _with_time(frame)


def orders_frame(events: NDArray[np.void], symbols: Sequence[str]) -> pl.DataFrame:
    """Return one row per order, in the order they were decided, from EVENT records in time order.

    A denial never became an order of the venue: it has a row of its own and no `order_id`. An order's first event
    (SUBMITTED or DENIED) carries its quantity and the time of its birth. `reason` is the last one an event gave, null
    for none; `accepted_ts_ms`, `final_ts_ms` and `average_price` are null where it never came to that. `status` is
    IN_FLIGHT, WORKING, FILLED, CANCELED, EXPIRED, REJECTED or DENIED.
    """
    return _with_time(_named_orders(_orders(_tape(events)), symbols), "submitted_ts_ms")


def _tape(events: NDArray[np.void]) -> pl.DataFrame:
    filled = events["kind"] == EventKind.FILLED
    qty = np.where(filled, events["qty"], 0.0)
    names = ("order_id", "kind", "reason", "side", "instrument", "ts_ms", "qty")
    return pl.DataFrame({name: _column(events, name) for name in names}).with_columns(
        fill_qty=qty, fill_value=qty * np.where(filled, events["price"], 0.0)
    )


def _orders(tape: pl.DataFrame) -> pl.DataFrame:
    first = pl.col("instrument", "side", "qty").first()
    accepted = pl.col("ts_ms").filter(pl.col("kind") == EventKind.ACCEPTED).first()
    reason = pl.col("reason").filter(pl.col("reason") != Reason.NONE).last()
    denial = -1 - pl.row_index().cast(pl.Int64)
    key = pl.when(pl.col("order_id") < 0).then(denial).otherwise("order_id")
    return (
        tape.group_by(key.alias("key"), maintain_order=True)
        .agg(
            first,
            pl.when(pl.col("order_id").first() >= 0).then(pl.col("order_id").first()).alias("order_id"),
            pl.col("ts_ms").first().alias("submitted_ts_ms"),
            accepted.alias("accepted_ts_ms"),
            pl.col("ts_ms").last().alias("last_ts_ms"),
            pl.col("kind").last(),
            reason,
            pl.col("fill_qty").sum().alias("filled_qty"),
            pl.col("fill_value").sum(),
        )
        .drop("key")
    )


def _named_orders(orders: pl.DataFrame, symbols: Sequence[str]) -> pl.DataFrame:
    names = pl.Series(list(symbols), dtype=pl.String)
    whole = (pl.col("kind") == EventKind.FILLED) & (pl.col("filled_qty") >= pl.col("qty") * _WHOLE)
    status = pl.col("kind").replace_strict({int(kind): name for kind, name in _STATUS_AFTER.items()})
    return orders.with_columns(
        symbol=names.gather(orders["instrument"]),
        side=pl.col("side").replace_strict(_lookup(OrderSide)),
        reason=pl.col("reason").replace_strict(_lookup(Reason)),
        status=pl.when(whole).then(pl.lit("FILLED")).otherwise(status),
        average_price=pl.when(pl.col("filled_qty") > 0).then(pl.col("fill_value") / pl.col("filled_qty")),
    ).select(
        "submitted_ts_ms",
        "accepted_ts_ms",
        pl.when(~pl.col("status").is_in(_NOT_FINAL)).then(pl.col("last_ts_ms")).alias("final_ts_ms"),
        "order_id",
        "symbol",
        "side",
        "qty",
        "filled_qty",
        "average_price",
        "status",
        "reason",
    )


def _with_time(frame: pl.DataFrame, stamp: str = "ts_ms") -> pl.DataFrame:
    return frame.select(pl.col(stamp).cast(_UTC_MS).alias("time"), pl.all())


def _column(records: NDArray[np.void], name: str) -> NDArray[np.generic]:
    return np.ascontiguousarray(records[name])


def _arrow(column: NDArray[np.generic], of: pa.DataType) -> pa.Array:
    # By its buffer: pa.array would import pandas to see whether it was given a Series.
    return pa.Array.from_buffers(of, len(column), [None, pa.py_buffer(column)])


def _symbols(records: NDArray[np.void], symbols: Sequence[str]) -> pl.Series:
    return pl.Series(list(symbols), dtype=pl.String).gather(_column(records, "instrument"))


def _names(records: NDArray[np.void], name: str, vocabulary: type[IntEnum]) -> pl.Series:
    return pl.Series(_column(records, name)).replace_strict(_lookup(vocabulary), return_dtype=pl.String)


def _lookup(vocabulary: type[IntEnum]) -> dict[int, str]:
    return {int(member): member.name for member in vocabulary}
