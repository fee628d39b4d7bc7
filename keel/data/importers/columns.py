"""Turning a foreign table into stored bars by a mapping of column names."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from keel.config.section import clip
from keel.data.bars import COLUMNS, EXTRA_COLUMNS, PriceKind, StoredBars
from keel.data.calendars import calendar_timezone, session_bars, within_sessions
from keel.data.check import check_bars
from keel.data.importers.stamps import read_stamps, to_dates, to_utc_ms
from keel.domain.errors import DataError, UsageError
from keel.domain.instrument import InstrumentId
from keel.domain.timeframe import MS_PER_DAY, MS_PER_MINUTE, ROUND_THE_CLOCK, timeframe_ms, utc_text

STANDARD_COLUMNS: Final[Mapping[str, str]] = {
    "timestamp": "timestamp",
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "volume": "volume",
}
"""A bar's column -> the file's column, before `--columns` changes any."""
POSITIONS: Final[Mapping[str, str]] = {name: str(place) for place, name in enumerate(STANDARD_COLUMNS, start=1)}
"""The same in a file without a header, whose columns are called by their place."""
SESSIONS_ONLY: Final = " (sessions only)"
"""Ends the feed's name where bars outside the sessions were left out, so that every result tells it."""
_OTHER_SEPARATORS: Final = ";\t|"
"""What parts cells in files that are called CSV, besides the comma."""
_LISTED: Final = 12
"""Columns a message names before it says that there are more."""
_SPACING_TOLD: Final = 10
"""Rows from which the grid that the stamps lie on says what the timeframe is."""
_PRICES: Final = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Target:
    """Say whose bars a file holds and how they are made: what the file itself cannot tell.

    `timezone` is the zone of naive times in the file, None if they carry their own. Bars outside the sessions of
    `calendar` are refused, unless `left_out` is there: then they are left out and it is told their number.
    """

    instrument_id: InstrumentId
    timeframe: str
    feed: str
    price_kind: PriceKind
    calendar: str = ROUND_THE_CLOCK
    timezone: str | None = None
    left_out: Callable[[int], None] | None = None


def parse_mapping(text: str, standard: Mapping[str, str] = STANDARD_COLUMNS) -> dict[str, str]:
    """Read `open=o,close=c`: a bar's column to the file's, over `standard`. Raises UsageError for an unknown column."""
    mapping = dict(standard)
    allowed = (*STANDARD_COLUMNS, *EXTRA_COLUMNS)
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if not (name and equals and column):
            raise UsageError(f"--columns: {clip(repr(part))} is not NAME=COLUMN, such as open=o")
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"--columns: {clip(repr(name))} is no column of a bar ({', '.join(allowed)}){hint}")
        mapping[name] = column
    return mapping


def refuse_missing(columns: Sequence[str], mapping: Mapping[str, str], where: str) -> None:
    """Refuse a file without a mapped column. Raises DataError naming it, the columns there are and the mend."""
    for name, column in mapping.items():
        if column not in columns:
            near = difflib.get_close_matches(column, columns, n=1)
            hint = f" (did you mean {clip(repr(near[0]))}?)" if near else ""
            raise DataError(
                f"{where}: no column {clip(repr(column))} for {name}{hint}; its columns are {listed_columns(columns)}: "
                f"{_mend(columns, name)}"
            )


def refuse_no_numbers(column: pl.Series, where: str) -> None:
    """Refuse a column that holds neither numbers nor text: a flag or a date would be read as one."""
    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Null)):
        kind = column.dtype.base_type()
        raise DataError(f"{where}: column {clip(column.name)} is {kind}, not numbers; map another one")


def listed_columns(columns: Sequence[str]) -> str:
    """Return the names of a file's columns as a message tells them: the first 12, printable."""
    return (", ".join(map(clip, columns[:_LISTED])) or "none") + ", ..." * (len(columns) > _LISTED)


def _mend(columns: Sequence[str], name: str) -> str:
    others = [sign for sign in _OTHER_SEPARATORS if len(columns) == 1 and sign in columns[0]]
    if others:
        return f"its cells are parted by {others[0]!r}: part them by commas"
    headless = bool(columns) and columns[0][:1].isdigit() and columns[0] != POSITIONS["timestamp"]
    return f"map it with --columns {name}=..." + (", or add --no-header if that line is no header" if headless else "")


def bars_from_columns(table: pl.DataFrame, mapping: Mapping[str, str], target: Target, where: str) -> StoredBars:
    """Make checked bars of a foreign table, as `bars_from_pieces` does."""
    return bars_from_pieces([table], mapping, target, where)


def bars_from_pieces(
    pieces: Iterable[pl.DataFrame], mapping: Mapping[str, str], target: Target, where: str, price_divisor: float = 1.0
) -> StoredBars:
    """Make checked bars of a foreign table that comes in pieces. Errors name the file's rows, from 1.

    24/7 bars close one timeframe after they open, whatever close the file states (Binance's lies a
    millisecond early). Bars of a session calendar take its hours: daily rows are dates and get the
    session's open and close, shorter bars are cut to their session. Prices are divided by `price_divisor`.
    A piece is let go before the next is asked for. Raises DataError naming `where` and the row.
    """
    made = _Made(mapping, target, where, price_divisor)
    for piece in pieces:
        refuse_missing(piece.columns, mapping, where)
        if piece.height:
            made.add(piece)
    bars = made.table()
    if target.calendar == ROUND_THE_CLOCK:
        _refuse_wide_spacing(bars, target.timeframe, where)
    return StoredBars(
        instrument_id=target.instrument_id,
        timeframe=target.timeframe,
        feed=target.feed + SESSIONS_ONLY * (target.left_out is not None),
        price_kind=target.price_kind,
        calendar=target.calendar,
        timezone=calendar_timezone(target.calendar),
        table=bars,
    )


@dataclass
class _Made:
    """Gather the bars made of one piece after another."""

    mapping: Mapping[str, str]
    target: Target
    where: str
    price_divisor: float
    rows: int = 0
    stamp: pl.Series | None = None
    last: pl.DataFrame | None = None
    parts: dict[str, list[NDArray[Any]]] = field(default_factory=dict)

    def add(self, piece: pl.DataFrame) -> None:
        opens, closes, inside = self._times(piece[self.mapping["timestamp"]])
        columns = {"open_ts_ms": pl.Series(opens), "close_ts_ms": pl.Series(closes)}
        for name in COLUMNS:
            if name in self.mapping:
                columns[name] = self._number(piece[self.mapping[name]], name)
        bars = pl.DataFrame(columns)
        # the row above stands along, for a bar must not open before the one above has closed
        above = () if self.last is None else (self.last,)
        check_bars(pl.concat([*above, bars]), self.where, self.rows - len(above))
        self.rows, self.last = self.rows + piece.height, bars.tail(1)
        for name, values in self._kept(bars, inside).to_dict().items():
            self.parts.setdefault(name, []).append(values.to_numpy())

    def table(self) -> pl.DataFrame:
        """Return all bars; a column's pieces are let go as soon as it stands in one."""
        if self.rows == 0:
            raise DataError(f"{self.where}: there is a header but no row below it")
        if not any(values.size for values in self.parts["open_ts_ms"]):
            raise DataError(f"{self.where}: no row lies within the trading sessions of {self.target.calendar}")
        return pl.DataFrame({name: np.concatenate(self.parts.pop(name)) for name in tuple(self.parts)})

    def _times(self, raw: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        target, where, length = self.target, self.where, timeframe_ms(self.target.timeframe)
        stamps = self._stamps(raw)
        everywhere = np.ones(raw.len(), dtype=np.bool_)
        if target.calendar == ROUND_THE_CLOCK:
            opens = to_utc_ms(stamps, target.timezone, where, self.rows).to_numpy()
            return opens, opens + length, everywhere
        if length > MS_PER_DAY:
            raise UsageError(f"--timeframe {target.timeframe}: bars of {target.calendar} are at most 1d long")
        if length == MS_PER_DAY:
            dates = to_dates(stamps, where, self.rows)
            return *session_bars(dates, target.calendar, where, self.rows), everywhere
        opens = to_utc_ms(stamps, target.timezone, where, self.rows).to_numpy()
        return within_sessions(opens, target.timeframe, target.calendar)

    def _stamps(self, raw: pl.Series) -> pl.Series:
        """Read the times of a piece; the file's first stands along, for all are written like it."""
        if self.stamp is None:
            self.stamp = raw.head(1)
            return read_stamps(raw, self.where)
        return read_stamps(pl.concat([self.stamp, raw]), self.where, self.rows - 1).slice(1)

    def _number(self, raw: pl.Series, name: str) -> pl.Series:
        number = _number(raw, COLUMNS[name], self.where, self.rows)
        if name not in _PRICES or self.price_divisor == 1.0:
            return number
        # not polars: it multiplies by the reciprocal, which rounds twice
        return pl.Series(number.to_numpy() / self.price_divisor)

    def _kept(self, bars: pl.DataFrame, inside: NDArray[np.bool_]) -> pl.DataFrame:
        if inside.all():
            return bars
        if self.target.left_out is None:
            row = int(inside.argmin())
            raise DataError(
                f"{self.where}: row {self.rows - bars.height + row + 1} ({utc_text(int(bars['open_ts_ms'][row]))}): "
                f"outside the trading sessions of {self.target.calendar}; leave such rows out with "
                f"--outside-sessions drop, or state the right --timezone or --calendar"
            )
        self.target.left_out(int((~inside).sum()))
        return bars.filter(pl.Series(inside))


def _number(raw: pl.Series, dtype: pl.DataType, where: str, above: int) -> pl.Series:
    refuse_no_numbers(raw, where)
    text = raw.str.strip_chars() if raw.dtype == pl.String else raw
    number = text.cast(pl.Float64, strict=False)
    wrong = number.is_null()
    if dtype == pl.Int64():
        # counts are written as 12 or 12.0
        whole = text.cast(pl.Int64, strict=False).fill_null(number.cast(pl.Int64, strict=False))
        wrong, number = wrong | (number != number.round()).fill_null(value=True) | whole.is_null(), whole
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        value = raw[row]
        kind = "whole number" if dtype == pl.Int64() else "number"
        told = "is empty" if value in (None, "") else f"{clip(repr(value))} is no {kind}"
        raise DataError(f"{where}: row {above + row + 1}: {clip(raw.name)} {told}")
    return number.cast(dtype, strict=False)


def _refuse_wide_spacing(bars: pl.DataFrame, timeframe: str, where: str) -> None:
    """Refuse daily bars called hourly: every gap between them is whole days."""
    if bars.height < _SPACING_TOLD:
        return
    grid = int(np.gcd.reduce(np.diff(bars["open_ts_ms"].to_numpy())))
    if grid >= 2 * timeframe_ms(timeframe):
        raise DataError(
            f"{where}: its rows lie on a grid of {grid / MS_PER_MINUTE:g} minutes, so these are no {timeframe} bars; "
            f"state the right --timeframe"
        )
