"""The worlds as bars, costs and an account for Keel's simulator, exact enough to be the same world.

*When a trade happens.* A decision at the close of row k meets no latency, so its order arrives in row k + 1 at that
bar's opening, and every price model then gives the bar's open (docs/execution.md, rules 3, 9). Bars open where the one
before closed: the trade is at the very close that was seen.

*Units.* One unit of the world's price is one of the quote currency, one unit of position one base unit. The price lies
near `PRICE`, where equity starts too, so a weight is a quantity to within the drift of both, 10⁻⁸ of it for each unit
gained: 0.1% after gains of 10⁵. A float64 near 10⁸ still resolves 10⁻⁸ of a bar's noise.

*Costs.* A proportional cost c is a fee of c / PRICE of the value. A quadratic one is impact with exponent 1 and without
memory: Y × vol × (change / volume) × price × change is ½ λ change² where volume = 2 Y × vol × PRICE / λ. The volatility
is set by the first return of the run, which `bars_of` makes 1 / PRICE, and held there (rule 11).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from keel.config.modes import SimRun
from keel.domain.instrument import Grid, Instrument, InstrumentId
from keel.domain.layout import BAR, BAR_PRESENT
from keel.sim.parameters import run_records, slot_records

from .clean import Market
from .worlds import Floats, GarleanuPedersen, OrnsteinUhlenbeck, World

PRICE: Final = 1e8
MOST_UNITS: Final = 8.0
"""Most units held, which the margin leaves room for: in W2 beyond 8 deviations of the best position."""
WARM_UP_ROWS: Final = 2
"""Rows before that of the first decision: the first return sets the volatility, the second is the last move seen."""
_MS: Final = 60_000
_ROWS_A_DAY: Final = 1_440
_ROWS_A_WEEK: Final = 10_080
_IMPACT: Final = 10.0
"""Impact coefficient Y, the most that a configuration takes: the volume, which bounds a trade, grows with it."""


def bars_of(world: World, market: Market) -> np.ndarray:
    """Return BAR (WARM_UP_ROWS + T + 1, paths) of a market; decision t is taken at row WARM_UP_ROWS + t."""
    close = _closes(world, market)
    bars = np.zeros(close.shape, BAR)
    bars["close"] = close
    bars["open"] = np.concatenate([close[:1], close[:-1]])
    bars["high"] = np.maximum(bars["open"], close)
    bars["low"] = np.minimum(bars["open"], close)
    bars["volume"] = 2.0 * _IMPACT / world.cost if isinstance(world, GarleanuPedersen) else 1.0
    rows = np.arange(len(close))[:, None]
    bars["open_ts_ms"] = rows * _MS
    bars["close_ts_ms"] = (rows + 1) * _MS
    bars["day"] = rows // _ROWS_A_DAY
    bars["minute_of_week"] = rows % _ROWS_A_WEEK
    bars["flags"] = BAR_PRESENT
    return bars


def _closes(world: World, market: Market) -> Floats:
    level = market.signals[0, :, 0] if isinstance(world, OrnsteinUhlenbeck) else np.zeros(market.moves.shape[1])
    first = PRICE + level
    before = first - market.last_moves[0]
    return np.concatenate([[before - 1.0, before, first], first + np.cumsum(market.moves, axis=0)])


def columns_of(market: Market) -> Floats:
    """Return the signals that go with the bars, (rows, paths, K): before the first decision its own, at the end NaN."""
    signals = market.signals
    ends = np.full((1, *signals.shape[1:]), np.nan)
    return np.concatenate([np.repeat(signals[:1], WARM_UP_ROWS, axis=0), signals, ends])


def weights_of(positions: Floats) -> Floats:
    """Return target weights (rows, paths) that ask for positions (T, paths) at the rows of their decisions."""
    ends = [np.full((rows, positions.shape[1]), np.nan) for rows in (WARM_UP_ROWS, 1)]
    return np.concatenate([ends[0], positions, ends[1]])


def config_of(world: World) -> dict[str, object]:
    """Return the sections of a configuration that make the simulator's costs and account those of the world."""
    quadratic = isinstance(world, GarleanuPedersen)
    return {
        "account": {
            "type": "margin",
            "initial_cash": PRICE,
            "initial_margin": 1.0 / MOST_UNITS - 0.01,
            "maintenance_margin": 0.0,
        },
        "execution": {"price_model": "open", "max_participation": 1.0 if quadratic else None, "reserve_bps": 0.0},
        "fees": _no_fees() if quadratic else _small_fees(world.cost / PRICE),
        "spread": {"half_spread_bps": 0.0},
        "impact": {"coefficient": _IMPACT if quadratic else 0.0, "exponent": 1.0, "half_life_bars": 0.001},
        "volatility": {"short_bars": 99_999, "long_bars": 100_000},
        "latency": {"base_ms": 0.0, "response_ms": 0.0, "jitter_ms": 0.0, "spike_probability": 0.0},
        "use_seasonality": False,
        "risk": {"max_order_weight": None, "max_position_weight": None, "max_gross_weight": None},
    }


def _no_fees() -> dict[str, float]:
    return {"taker_bps": 0.0, "maker_bps": 0.0}


def _small_fees(rate: float) -> dict[str, float]:
    """Return a fee so small that a configuration takes it for a slip of the pen, as a discount on one basis point."""
    return {"taker_bps": 1.0, "maker_bps": 1.0, "discount": 1.0 - rate * 1e4}


def records_of(world: World, paths: int = 1, *, holds_volatility: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return RUN (1,) and SLOT (paths,) of the configuration.

    `holds_volatility` makes the first return the volatility for good, which no number of bars in a configuration does.
    """
    config = SimRun.model_validate({**_NEEDED, **config_of(world)})
    run = run_records(config)
    if holds_volatility:
        run["vol_short_alpha"] = run["vol_long_alpha"] = 0.0
    return run, slot_records(config, [_instrument(at) for at in range(paths)])


def _instrument(at: int) -> Instrument:
    no_grid = Grid(0.0, 1.0)
    return Instrument(
        InstrumentId("world", f"PATH{at}/USDT"),
        tick=no_grid,
        step=no_grid,
        min_qty=0.0,
        min_notional=0.0,
        shortable=True,
        can_flip=True,
        fee_in_base=False,
        borrow_rate=0.0,
    )


_NEEDED: Final = {
    "mode": "sim",
    "data": {"venue": "world", "symbols": ["PATH0/USDT"], "timeframe": "1m"},
    "strategy": {"class": "keel.strategies.buy_and_hold:BuyAndHold"},
}
