"""From recorded fills and the market around them to what the fits read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.domain.layout import HOURS_PER_WEEK
from keel.sim.calibration.estimate import Floats, clusters
from keel.sim.calibration.latency_law import Delays
from keel.sim.calibration.market import Surroundings, Whole, metaorder_growth
from keel.sim.calibration.slippage import BPS, SlippageSample

_LONGEST_MS: Final = 60_000
"""Delay above which an order was waiting, not on its way: the most that the config allows."""
_CAPPED: Final = ("LIMIT", "STOP_LIMIT")
"""Types whose price stops at their limit, whatever the costs."""
_ON_GRID: Final = 1e-6


class Market(Protocol):
    """Know what the market was like around moments of one symbol."""

    def around(self, ts_ms: Whole) -> Surroundings:
        """Return the surroundings of moments."""
        ...


@dataclass(frozen=True)
class Laws:
    """Hold what the fits take as given. Tables have one multiplier an hour of the week.

    Responses from `timeout_ms` on count as lost; `by_day` says whether errors cluster by day, else by order.
    """

    exponent: float
    half_life_bars: float
    spread_by_hour: Floats = field(default_factory=lambda: np.ones(HOURS_PER_WEEK))
    latency_by_hour: Floats = field(default_factory=lambda: np.ones(HOURS_PER_WEEK))
    timeout_ms: float = float("inf")
    by_day: bool = False


@dataclass(frozen=True)
class Slippages:
    """Hold the sample of the slippage fit, the hour of each fill, and how many fills are no part of it and why."""

    sample: SlippageSample
    hour: Whole
    participation: Floats
    left_out: Mapping[str, int]


def slippages(fills: pl.DataFrame, around: Surroundings, ticks: Mapping[str | None, float], laws: Laws) -> Slippages:
    """Return what fills that took paid above the reference, and what the laws multiply their parameters with.

    `fills` is a `RecordedFills` table in time order, `around` its surroundings, `ticks` the tick of each symbol.
    """
    merged, around = one_match_each(fills, around)
    growth = _growth(merged, around, laws)
    reference, price = merged["reference_price"].to_numpy(), merged["price"].to_numpy()
    maker = merged["maker"].to_numpy()
    capped = merged["type"].is_in(_CAPPED).fill_null(value=False).to_numpy() & ~maker
    priced = np.isfinite(reference)
    used = priced & ~maker & ~capped
    tick = merged["symbol"].replace_strict(ticks, return_dtype=pl.Float64).to_numpy()
    steps = reference / np.where(tick > 0, tick, 1.0)
    cluster = clusters(merged["ts_ms"].to_numpy(), merged["order"].to_numpy(), by_day=laws.by_day)
    impact_shape_bps = around.sigma_bps * growth
    unknown = used & ~np.isfinite(impact_shape_bps)
    sample = SlippageSample(
        paid_bps=(merged["side"].to_numpy() * (price - reference) / reference * BPS)[used],
        spread_shape=(laws.spread_by_hour[around.hour] * around.factor)[used],
        impact_shape_bps=impact_shape_bps[used],
        growth=growth[used],
        tick_bps=(tick / reference * BPS)[used],
        on_grid=((tick > 0) & (np.abs(steps - np.round(steps)) < _ON_GRID))[used],
        cluster=cluster[used],
    )
    left_out = {
        "resting limit orders": int(maker.sum()),
        "orders with a limit": int(capped.sum()),
        "without a reference price": int((~priced & ~maker & ~capped).sum()),
        "without a bar that has volume, or before there is a volatility": int(unknown.sum()),
    }
    participation = merged["qty"].to_numpy() / around.volume
    return Slippages(sample, around.hour[used], participation[used], {k: n for k, n in left_out.items() if n})


def one_match_each(fills: pl.DataFrame, around: Surroundings) -> tuple[pl.DataFrame, Surroundings]:
    """Join fills of one order in one millisecond: the simulator makes one match of them, at their average price."""
    weighted = ("price", "reference_price")
    joined = (
        fills.with_row_index("at")
        .group_by("symbol", "order", "side", "ts_ms", "maker", maintain_order=True)
        .agg(
            pl.col("at", "type").first(),
            *((pl.col(name) * pl.col("qty")).sum() / pl.col("qty").sum() for name in weighted),
            pl.col("qty").sum(),
        )
    )
    return joined, around.at(joined["at"].to_numpy())


def _growth(fills: pl.DataFrame, around: Surroundings, laws: Laws) -> Floats:
    growth = np.full(fills.height, np.nan)
    took, symbols = ~fills["maker"].to_numpy(), fills["symbol"].fill_null("").to_numpy()
    for symbol in dict.fromkeys(symbols.tolist()):
        mine = np.flatnonzero(took & (symbols == symbol))
        side, qty = fills["side"].to_numpy()[mine], fills["qty"].to_numpy()[mine] / around.units[mine]
        growth[mine] = metaorder_growth(side, qty, around.at(mine), laws.exponent, laws.half_life_bars)
    return growth


def entry_delays(orders: pl.DataFrame, around: Surroundings, laws: Laws) -> Delays | None:
    """Return the way to the venue of orders whose `submitted_ts_ms` and `accepted_ts_ms` are known, None for none.

    `around` are the surroundings of the submissions.
    """
    delay = (orders["accepted_ts_ms"] - orders["submitted_ts_ms"]).to_numpy()
    ones = np.ones(orders.height)
    return _delays(delay, orders["submitted_ts_ms"].to_numpy(), orders["order"].to_numpy(), around, laws, ones)


def response_delays(fills: pl.DataFrame, around: Surroundings, laws: Laws) -> Delays | None:
    """Return the way back of fills whose `response_ts_ms` is known, None for none; `around` are those of the fills.

    Answers about one order keep their order, so that of a fill at the moment of its order's arrival, or trigger, comes
    with the later of two.
    """
    known = fills.with_row_index("at").filter(pl.col("response_ts_ms").is_not_null())
    same = [(known[name] == known["ts_ms"]).fill_null(value=False) for name in ("accepted_ts_ms", "triggered_ts_ms")]
    slowest_of = 1.0 + same[0].to_numpy() + same[1].to_numpy()
    delay = (known["response_ts_ms"] - known["ts_ms"]).to_numpy()
    near = around.at(known["at"].to_numpy())
    order = known["order"].to_numpy()
    return _delays(delay, known["ts_ms"].to_numpy(), order, near, laws, slowest_of, laws.timeout_ms)


def _delays(
    delay_ms: Whole,
    start_ts_ms: Whole,
    order: Whole,
    around: Surroundings,
    laws: Laws,
    slowest_of: Floats,
    lost_ms: float = float("inf"),
) -> Delays | None:
    used: NDArray[np.bool_] = delay_ms <= _LONGEST_MS
    if not used.any():
        return None
    cluster = clusters(start_ts_ms[used], order[used], by_day=laws.by_day)
    factor = (laws.latency_by_hour[around.hour] * around.factor)[used]
    # stamps cut to the millisecond may say that it took none
    ms = np.maximum(delay_ms[used], 1).astype(np.float64)
    return Delays(ms, factor, slowest_of[used], cluster, around.hour[used], lost_ms)
