"""A seeded market that does not exist: bars for trying Keel out, with the statistical habits of real ones.

One path of minutes is simulated, and every timeframe is an aggregate of it, so 1m bars of a seed are the
inside of its 1h bars. The log price is a martingale with jumps: no strategy has an edge on it. docs/data.md
gives the formulas.

Sources: regimes, Hamilton (Econometrica 57, 1989); log-AR(1) volatility, Taylor (Modelling Financial Time
Series, 1986); jumps, Merton (J. Financial Economics 3, 1976); intraday and weekly seasonality, Andersen and
Bollerslev (J. Empirical Finance 4, 1997); volume driven by the same information flow as variance, Clark
(Econometrica 41, 1973) and Tauchen and Pitts (Econometrica 51, 1983); extremes within a minute by the law
of a Brownian bridge's maximum, Glasserman (Monte Carlo Methods in Financial Engineering, 2003, section
6.4).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.data.bars import StoredBars
from keel.data.calendars import calendar_timezone, within_sessions
from keel.domain.errors import UsageError
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, ROUND_THE_CLOCK, timeframe_ms, utc_text

SYMBOL_PREFIX: Final = "SYN"
FEED: Final = "synthetic/1"
"""The generator's name and version: a change of the model or of its constants is a new version."""

_MINUTES_PER_HOUR: Final = 60
_HOURS_PER_WEEK: Final = 168
_HOURS_PER_BLOCK: Final = 20 * _HOURS_PER_WEEK
_MINUTES_PER_YEAR: Final = 365 * 24 * 60
_TICKS_PER_UNIT: Final = 100.0
_VOLUME_STEPS: Final = 1e5

_REGIME_VOLATILITY: Final = np.array([0.55, 1.0, 2.2])
"""Calm, normal and turbulent, as a multiple of the level."""
_REGIME_SHARE: Final = np.array([0.40, 0.45, 0.15])
_REGIME_HOURS: Final = 120.0
"""Mean hours until the regime is drawn afresh from the shares."""
_LOG_VOL_SIGMA: Final = 0.35
_LOG_VOL_HALF_LIFE_HOURS: Final = 24.0
_JUMPS_PER_YEAR: Final = 60.0
_JUMP_DAYS: Final = 0.7
"""Standard deviation of a jump, in standard deviations of a day's return."""
_DAILY_SWING: Final = 0.35
_BUSIEST_HOUR: Final = 15.0
_WEEKEND: Final = 0.70
_NOTIONAL_PER_MINUTE: Final = 1e6
_VOLUME_ELASTICITY: Final = 1.3
_VOLUME_NOISE: Final = 0.5
_LONGEST_DAYS: Final = 50 * 366
"""Every minute of them is drawn and held until the bars are made."""
_LONGEST_OF_SESSION_MS: Final = 30 * MS_PER_MINUTE
"""Sessions open and close on the half hour: longer bars would be cut."""
_MONDAY_OFFSET_HOURS: Final = 72
"""1970-01-01 was a Thursday."""


@dataclass(frozen=True)
class SyntheticMarket:
    """Say which market to make up: times are UTC epoch milliseconds, `annual_volatility` a fraction a year of 365 days.

    `start_ms` is a whole hour and bars are counted from it; the part of a bar left before `end_ms` is not
    made, nor is what lies outside the sessions of `calendar`. A later `end_ms` adds bars and changes none.
    """

    seed: int
    start_ms: int
    end_ms: int
    initial_price: float = 30_000.0
    annual_volatility: float = 0.6
    calendar: str = ROUND_THE_CLOCK

    @property
    def feed(self) -> str:
        """Return the feed's name, which holds every parameter: bars can be made again from their metadata."""
        told = (
            f"{FEED} seed={self.seed} start={utc_text(self.start_ms)} end={utc_text(self.end_ms)} "
            f"price={float(self.initial_price)!r} volatility={float(self.annual_volatility)!r}"
        )
        return told if self.calendar == ROUND_THE_CLOCK else f"{told} calendar={self.calendar}"


def generate_bars(instrument_id: InstrumentId, timeframe: str, market: SyntheticMarket) -> StoredBars:
    """Make the bars of one symbol by the calendar, prices on a grid of 0.01, the same for the same seed and symbol.

    Symbols of one seed are independent. Raises UsageError for a symbol that does not start with SYN (nobody
    shall take these bars for real) and for a period without a whole bar.
    """
    if not instrument_id.symbol.startswith(SYMBOL_PREFIX):
        raise UsageError(
            f"symbol {instrument_id.symbol!r}: made-up bars need a symbol that starts with {SYMBOL_PREFIX}, such as "
            f"{SYMBOL_PREFIX}{instrument_id.symbol}, so that nobody takes them for real"
        )
    count = _whole_bars(market, timeframe_ms(timeframe))
    per_bar = timeframe_ms(timeframe) // MS_PER_MINUTE
    path = _MinutePath(instrument_id, market)
    bars = _aggregate(path.minutes(count * per_bar), per_bar)
    opens = market.start_ms + np.arange(count, dtype=np.int64) * timeframe_ms(timeframe)
    columns = {"open_ts_ms": opens, "close_ts_ms": opens + timeframe_ms(timeframe)}
    names = ("open", "high", "low", "close", "volume")
    table = pl.DataFrame(columns | dict(zip(names, bars, strict=True)))
    made = StoredBars(instrument_id, timeframe, market.feed, "raw", ROUND_THE_CLOCK, "UTC", table)
    return made if market.calendar == ROUND_THE_CLOCK else _in_sessions(made, market.calendar)


def _in_sessions(bars: StoredBars, calendar: str) -> StoredBars:
    """Return the bars that lie in the sessions of a calendar: overnight the price moves and nobody sees it."""
    if timeframe_ms(bars.timeframe) > _LONGEST_OF_SESSION_MS:
        raise UsageError(
            f"{bars.timeframe} bars by the calendar {calendar} are not made up: choose 30m or less, or write calendar: "
            f"{ROUND_THE_CLOCK}"
        )
    opens, closes, inside = within_sessions(bars.table["open_ts_ms"].to_numpy(), bars.timeframe, calendar)
    whole = inside & (closes - opens == timeframe_ms(bars.timeframe))
    kept = bars.table.filter(pl.Series(whole))
    if kept.height == 0:
        raise UsageError(f"synthetic bars by the calendar {calendar}: no session lies between start and end")
    return replace(bars, calendar=calendar, timezone=calendar_timezone(calendar), table=kept)


def hour_of_week_volatility() -> NDArray[np.float64]:
    """Return the 168 volatility multipliers, Monday 00:00 UTC first, of mean square 1."""
    hour = np.arange(_HOURS_PER_WEEK)
    daily = 1.0 + _DAILY_SWING * np.cos(2.0 * np.pi * (hour % 24 - _BUSIEST_HOUR) / 24.0)
    weekly = np.where(hour >= 5 * 24, _WEEKEND, 1.0)
    shape = daily * weekly
    return np.asarray(shape / np.sqrt(np.mean(shape * shape)))


def _whole_bars(market: SyntheticMarket, length_ms: int) -> int:
    if market.start_ms % MS_PER_HOUR:
        raise UsageError(f"synthetic start {utc_text(market.start_ms)}: start on a whole hour")
    if not (math.isfinite(market.initial_price) and market.initial_price >= 1.0):
        raise UsageError(f"synthetic initial_price {market.initial_price:g}: at least 1, the price grid is 0.01")
    if not 0.0 < market.annual_volatility <= 5.0:
        raise UsageError(f"synthetic annual_volatility {market.annual_volatility:g}: above 0, to 5 (0.6 = 60% a year)")
    count = (market.end_ms - market.start_ms) // length_ms
    if count < 1:
        raise UsageError(
            f"synthetic bars {utc_text(market.start_ms)} .. {utc_text(market.end_ms)}: no whole bar lies between; "
            f"put end after start"
        )
    if count * length_ms > _LONGEST_DAYS * MS_PER_DAY:
        raise UsageError(
            f"synthetic bars {utc_text(market.start_ms)} .. {utc_text(market.end_ms)}: make 50 years at most"
        )
    return int(count)


class _MinutePath:
    """Draw a market minute by minute, in blocks of whole weeks: a later end adds minutes and changes none."""

    def __init__(self, instrument_id: InstrumentId, market: SyntheticMarket) -> None:
        seeds = np.random.SeedSequence([market.seed, instrument_id.stable_hash])
        self._random = np.random.Generator(np.random.Philox(seeds))
        self._hour = market.start_ms // MS_PER_HOUR + _MONDAY_OFFSET_HOURS
        self._log_price = math.log(market.initial_price)
        self._regime = 1
        self._log_vol = 0.0
        minute = market.annual_volatility / math.sqrt(_MINUTES_PER_YEAR)
        self._jump_rate = _JUMPS_PER_YEAR / _MINUTES_PER_YEAR
        self._jump_sigma = _JUMP_DAYS * market.annual_volatility / math.sqrt(365.0)
        # what jumps add to the variance is taken from the diffusion, so that the year's total is the one asked for
        self._minute_sigma = minute * math.sqrt(1.0 - _JUMPS_PER_YEAR * _JUMP_DAYS**2 / 365.0)
        self._season = hour_of_week_volatility()

    def minutes(self, count: int) -> NDArray[np.float64]:
        """Return open, high, low, close, volume of `count` minutes: shape (5, count)."""
        out = np.empty((5, count))
        done = 0
        for block in self._blocks():
            part = block[:, : count - done]
            out[:, done : done + part.shape[1]] = part
            done += part.shape[1]
            if done == count:
                break
        return out

    def _blocks(self) -> Iterator[NDArray[np.float64]]:
        while True:
            level = self._hourly_levels()
            activity = level * self._season[(self._hour + np.arange(_HOURS_PER_BLOCK)) % _HOURS_PER_WEEK]
            self._hour += _HOURS_PER_BLOCK
            activity = np.repeat(activity, _MINUTES_PER_HOUR)
            opens, closes, sigma = self._log_path(activity)
            high, low = self._extremes(opens, closes, sigma)
            prices = [np.maximum(np.rint(np.exp(x) * _TICKS_PER_UNIT), 1.0) for x in (opens, high, low, closes)]
            volume = self._volume(activity, np.abs(closes - opens) / sigma, np.exp(opens))
            yield np.stack([*(price / _TICKS_PER_UNIT for price in prices), volume])

    def _hourly_levels(self) -> NDArray[np.float64]:
        """Step the regime and the log volatility hour by hour; their product has mean square 1 in the long run."""
        fresh = self._random.random(_HOURS_PER_BLOCK) < 1.0 / _REGIME_HOURS
        drawn = np.searchsorted(np.cumsum(_REGIME_SHARE)[:-1], self._random.random(_HOURS_PER_BLOCK), side="right")
        shocks = self._random.standard_normal(_HOURS_PER_BLOCK)
        keep = 0.5 ** (1.0 / _LOG_VOL_HALF_LIFE_HOURS)
        shocks *= _LOG_VOL_SIGMA * math.sqrt(1.0 - keep * keep)
        regimes = np.empty(_HOURS_PER_BLOCK, dtype=np.int64)
        logs = np.empty(_HOURS_PER_BLOCK)
        for i in range(_HOURS_PER_BLOCK):
            if fresh[i]:
                self._regime = int(drawn[i])
            self._log_vol = keep * self._log_vol + float(shocks[i])
            regimes[i], logs[i] = self._regime, self._log_vol
        mean_square = float(np.sum(_REGIME_SHARE * _REGIME_VOLATILITY**2))
        levels = _REGIME_VOLATILITY[regimes] * np.exp(logs - _LOG_VOL_SIGMA**2)
        return np.asarray(levels / math.sqrt(mean_square))

    def _log_path(
        self, activity: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the log price at each minute's open and close, and the minute's diffusive sigma."""
        sigma = self._minute_sigma * activity
        step = sigma * self._random.standard_normal(sigma.size) - 0.5 * sigma * sigma
        jumps = self._random.random(sigma.size) < self._jump_rate
        sizes = self._random.standard_normal(sigma.size)[jumps]
        step[jumps] += self._jump_sigma * sizes - 0.5 * self._jump_sigma**2
        closes = self._log_price + np.cumsum(step)
        opens = np.concatenate([[self._log_price], closes[:-1]])
        self._log_price = float(closes[-1])
        return opens, closes, sigma

    def _extremes(
        self, opens: NDArray[np.float64], closes: NDArray[np.float64], sigma: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Draw how far the path within each minute went: the exact law of a Brownian bridge's maximum and minimum."""
        middle, half = 0.5 * (opens + closes), 0.5 * (closes - opens)
        reach = [
            np.sqrt(half * half - 0.5 * sigma * sigma * np.log1p(-self._random.random(sigma.size))) for _ in range(2)
        ]
        return middle + reach[0], middle - reach[1]

    def _volume(
        self, activity: NDArray[np.float64], surprise: NDArray[np.float64], price: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return base units traded: more where volatility is high and where the minute's own move is large."""
        noise = np.exp(_VOLUME_NOISE * self._random.standard_normal(activity.size) - 0.5 * _VOLUME_NOISE**2)
        notional = _NOTIONAL_PER_MINUTE * activity**_VOLUME_ELASTICITY * (0.6 + 0.5 * np.minimum(surprise, 8.0)) * noise
        return np.asarray(np.rint(notional / price * _VOLUME_STEPS) / _VOLUME_STEPS)


def _aggregate(minutes: NDArray[np.float64], per_bar: int) -> list[NDArray[np.float64]]:
    """Return open, high, low, close, volume of bars of `per_bar` minutes each."""
    opens, highs, lows, closes, volumes = (row.reshape(-1, per_bar) for row in minutes)
    volume = np.rint(volumes.sum(axis=1) * _VOLUME_STEPS) / _VOLUME_STEPS
    return [opens[:, 0].copy(), highs.max(axis=1), lows.min(axis=1), closes[:, -1].copy(), volume]
