"""Gather what a calibration reads: the fills, the market around them, and the laws taken as given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from keel.app.wire_fill_market import Asked, find_market
from keel.config.load import load_config
from keel.data.recorded_fills import RecordedFills, read_recorded_fills
from keel.domain.errors import DataError, UsageError
from keel.runs.read import MANIFEST, find_run
from keel.sim.calibration.calibrate import Recording
from keel.sim.calibration.samples import Laws

_FILLS: Final = "fills.parquet"


@dataclass(frozen=True)
class Gathered:
    """Hold a recording, the laws taken as given, notes on what was assumed, and who recorded it."""

    where: str
    recording: Recording
    laws: Laws
    notes: tuple[str, ...]


def gather(asked: Asked) -> Gathered:
    """Read the fills of a run or a file and find the market around them.

    Raises UsageError, DataError or ConfigError, one line that names the file, the row or the option.
    """
    run = _run_folder(asked)
    path = Path(asked.fills) if run is None else run / _FILLS
    recorded = read_recorded_fills(path, asked.columns, asked.timezone)
    fills, orders = _with_orders(recorded.table, run)
    fills, orders = _chosen(fills, orders, asked, recorded.where, pooled=run is not None)
    config = asked.config or (run / "config.yaml" if run is not None and asked.bars is None else None)
    known = find_market(asked, None if config is None else load_config(config), fills, recorded)
    recording = Recording(fills, orders, known.ticks, known.around)
    return Gathered(recorded.where, recording, known.laws, (*_notes(recorded), *known.notes))


def _notes(recorded: RecordedFills) -> list[str]:
    notes = []
    if recorded.not_read:
        notes.append(f"columns not read: {', '.join(recorded.not_read)}")
    if "maker" not in recorded.columns:
        notes.append("no column maker: all fills are taken to be takers")
    return notes


def _run_folder(asked: Asked) -> Path | None:
    path = Path(asked.fills)
    if path.is_file():
        return path.parent if path.name == _FILLS and (path.parent / MANIFEST).is_file() else None
    if path.suffix:
        raise DataError(f"{path}: no such file")
    return find_run(asked.fills, asked.artifacts)


def _with_orders(fills: pl.DataFrame, run: Path | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the fills with their orders' times, and the orders that were accepted, once each."""
    times = ("submitted_ts_ms", "accepted_ts_ms", "triggered_ts_ms")
    if run is None:
        # a market order is filled where it arrives
        at_once = ~pl.col("maker") & (pl.col("type").fill_null("MARKET") == "MARKET")
        first = pl.col("ts_ms").filter(at_once).first().over("order")
        fills = fills.with_columns(pl.col("accepted_ts_ms").fill_null(first))
        return fills, _once_each(fills.unique("order", keep="first", maintain_order=True), "order")
    path = run / "orders.parquet"
    try:
        orders = pl.read_parquet(path, columns=["order_id", "symbol", *times]).drop_nulls("order_id")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{path} cannot be read ({str(error).splitlines()[0]}): restore the folder, or run again"
        ) from None
    named = pl.read_parquet(run / _FILLS, columns=["order_id"]).with_row_index("row", offset=1)
    known = named.with_columns(pl.col("row").cast(pl.Int64)).join(orders.drop("symbol"), on="order_id", how="left")
    fills = fills.drop(times).join(known, on="row", how="left", maintain_order="left")
    return fills.with_columns(order=pl.coalesce("order_id", -pl.col("row"))), _once_each(orders, "order_id")


def _once_each(orders: pl.DataFrame, order: str) -> pl.DataFrame:
    """Return the orders whose way to the venue is known; legs travel with their parent and are not counted again."""
    way = ("symbol", "submitted_ts_ms", "accepted_ts_ms")
    known = orders.select(*way, pl.col(order).alias("order")).drop_nulls(way[1:])
    return known.unique(way, keep="first", maintain_order=True)


def _chosen(
    fills: pl.DataFrame, orders: pl.DataFrame, asked: Asked, where: str, *, pooled: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep the symbols asked for; several in one file must be asked for, because one config has one spread."""
    there = fills["symbol"].unique(maintain_order=True).to_list()
    for symbol in asked.symbols:
        if symbol not in there and there != [None]:
            raise UsageError(f"--symbol {symbol}: {where} has no fills of it; it has {_listed(there)}")
    if not asked.symbols and len(there) > 1 and not pooled:
        row = int(fills.filter(pl.col("symbol").ne_missing(there[0]))["row"][0])
        raise DataError(
            f"{where}: row {row}: symbol {_listed(there[1:2])} follows {_listed(there[:1])}: name one with --symbol, "
            f"or several to fit them together ({_listed(there)})"
        )
    if there == [None]:
        named = asked.symbols[0] if asked.symbols else None
        return tuple(each.with_columns(symbol=pl.lit(named, pl.String)) for each in (fills, orders))  # type: ignore[return-value]
    if not asked.symbols:
        return fills, orders
    wanted = pl.col("symbol").is_in(list(asked.symbols))
    return fills.filter(wanted), orders.filter(wanted)


def _listed(names: Sequence[str | None]) -> str:
    return ", ".join(str(name or "(empty)") for name in names[:8]) + (" …" if len(names) > 8 else "")
