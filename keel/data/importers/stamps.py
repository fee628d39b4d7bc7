"""Reading the time column of a foreign file: whole epoch numbers, ISO 8601 text, dates, or typed timestamps."""

from __future__ import annotations

from typing import Final

import polars as pl

from keel.config.section import clip
from keel.data.bars import EARLIEST_TS_MS, LATEST_TS_MS
from keel.domain.errors import DataError
from keel.domain.timeframe import MS_PER_DAY

_EPOCH_UNITS: Final = (
    ("s", 10**8, 10**11, 1000),
    ("ms", 10**11, 10**14, 1),
    ("us", 10**14, 10**17, 1000),
    ("ns", 10**17, 2**63 - 1, 10**6),
)
"""Unit, the numbers it spans, and its ratio to a millisecond. Sure for times after 1973-03."""
_PER_MS: Final = {"ms": 1, "us": 1000, "ns": 10**6}
_ISO: Final = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(:[0-5][0-9](?:\.[0-9]{1,9})?)?"
    r" *(Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9]|)?)?$"
)
_WHOLE: Final = r"^[0-9]+(?:\.0*)?$"


def read_stamps(raw: pl.Series, where: str, above: int = 0) -> pl.Series:
    """Return the times of a column as Date (dates alone), Datetime("ms") (naive) or Datetime("ms", "UTC") (zoned).

    Epoch numbers count as zoned; seconds, milliseconds, microseconds and nanoseconds are told apart by
    size, and one column has one unit. Raises DataError naming `where` and the first row that is no time or is of
    another kind than the first; rows are counted from 1, after `above` rows.
    """
    _refuse_first(raw.is_null(), raw, where, above, "is empty; every row needs a time")
    stamps = _read_stamps(raw, where, above)
    days = stamps.cast(pl.Int32) if stamps.dtype == pl.Date else stamps.cast(pl.Int64) // MS_PER_DAY
    far = (days < EARLIEST_TS_MS // MS_PER_DAY) | (days >= LATEST_TS_MS // MS_PER_DAY)
    _refuse_first(far, raw.to_physical(), where, above, "is no time of a bar; they lie between 1678 and 2261")
    return stamps


def _read_stamps(raw: pl.Series, where: str, above: int) -> pl.Series:
    if raw.dtype == pl.Date:
        return raw
    if isinstance(raw.dtype, pl.Datetime):
        finer = raw.to_physical() % _PER_MS[raw.dtype.time_unit] != 0
        _refuse_first(finer, raw.to_physical(), where, above, "is not a whole millisecond")
        return raw.dt.cast_time_unit("ms")
    if raw.dtype.is_integer():
        whole = raw.cast(pl.Int64, strict=False)
        _refuse_first(whole.is_null(), raw, where, above, "is no epoch time")
        return _from_epoch(whole, raw, where, above)
    if raw.dtype != pl.String:
        name, dtype = clip(raw.name), raw.dtype.base_type()
        raise DataError(f"{where}: column {name} is {dtype}; a time is a whole number, ISO text, or a timestamp")
    text = raw.str.strip_chars()
    if text.str.contains(_WHOLE)[0]:
        whole = text.str.extract(r"^([0-9]+)(?:\.0*)?$").cast(pl.Int64, strict=False)
        _refuse_first(whole.is_null(), raw, where, above, "is no whole number like the first row's time")
        return _from_epoch(whole, raw, where, above)
    return _from_iso(text, raw, where, above)


def to_utc_ms(stamps: pl.Series, timezone: str | None, where: str, above: int = 0) -> pl.Series:
    """Return UTC epoch milliseconds of what `read_stamps` gave; naive times and dates are read in `timezone`.

    Raises DataError if naive times have no `timezone`, or naming the row (from 1, after `above`) of a local time that
    the zone's clock change skips or repeats.
    """
    if isinstance(stamps.dtype, pl.Datetime) and stamps.dtype.time_zone is not None:
        return stamps.cast(pl.Int64)
    if timezone is None:
        raise DataError(
            f"{where}: row {above + 1}: {stamps[0]} has no time zone and Keel guesses none: add --timezone UTC, or "
            f"the zone of the file's clock such as America/New_York"
        )
    naive = stamps.cast(pl.Datetime("ms"))
    try:
        zoned = naive.dt.replace_time_zone(timezone, ambiguous="null", non_existent="null")
        unclear = zoned.is_null()
        if unclear.any():
            row = int(unclear.arg_max() or 0)
            earliest = naive.slice(row, 1).dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
            what = "does not exist" if earliest.is_null()[0] else "happens twice"
            raise DataError(
                f"{where}: row {above + row + 1}: {naive[row]} {what} in {timezone}, where the clocks change then: "
                f"export the file in UTC or as epoch milliseconds"
            )
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{where}: --timezone {timezone!r} is not in the IANA database; write one such as UTC"
        ) from error
    return zoned.cast(pl.Int64)


def to_dates(stamps: pl.Series, where: str, above: int = 0) -> pl.Series:
    """Return the dates of what `read_stamps` gave: dates alone, or naive midnights.

    Raises DataError naming the row (from 1, after `above`) of anything else: the day of a daily bar must not depend on
    a time zone.
    """
    if stamps.dtype == pl.Date:
        return stamps
    naive = isinstance(stamps.dtype, pl.Datetime) and stamps.dtype.time_zone is None
    dates = stamps.dt.date()
    wrong = stamps != dates.cast(pl.Datetime("ms")) if naive else pl.Series([True]).new_from_index(0, stamps.len())
    _refuse_first(
        wrong, stamps, where, above, "is no date; daily bars of a session calendar take dates such as 2021-01-04"
    )
    return dates


def _from_epoch(whole: pl.Series, raw: pl.Series, where: str, above: int) -> pl.Series:
    unit, floor, limit, ratio = next((one for one in _EPOCH_UNITS if int(whole[0]) < one[2]), _EPOCH_UNITS[-1])
    wrong = (whole >= limit) | (whole < floor)
    told = f"is no epoch time in {unit} like the first row's; a column has one unit, after 1973"
    _refuse_first(wrong, raw, where, above, told)
    if unit != "s":
        _refuse_first(whole % ratio != 0, raw, where, above, "is not a whole millisecond")
    ms = whole * ratio if unit == "s" else whole // ratio
    return ms.cast(pl.Datetime("ms", "UTC"))


def _from_iso(text: pl.Series, raw: pl.Series, where: str, above: int) -> pl.Series:
    parts = text.to_frame("t").select(
        date=pl.col("t").str.extract(_ISO, 1),
        minute=pl.col("t").str.extract(_ISO, 2),
        second=pl.col("t").str.extract(_ISO, 3).fill_null(":00"),
        zone=pl.col("t").str.extract(_ISO, 4).fill_null("").str.replace("Z", "+00:00", literal=True),
    )
    date = parts["date"].str.to_date("%Y-%m-%d", strict=False)
    _refuse_first(
        date.is_null(),
        raw,
        where,
        above,
        "is no time Keel reads; write ISO such as 2021-01-04T14:30:00Z, or epoch ms",
    )
    dates_only, zoned = parts["minute"].is_null(), parts["zone"] != ""
    _refuse_first(dates_only != dates_only[0], raw, where, above, "mixes dates with times; write all rows alike")
    _refuse_first(zoned != zoned[0], raw, where, above, "mixes times with and without a zone; write all rows alike")
    if dates_only[0]:
        return date
    clock = parts.select(pl.concat_str("date", pl.lit(" "), "minute", "second"))["date"]
    local = clock.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ms", strict=False)
    _refuse_first(local.is_null(), raw, where, above, "is no time of day")
    finer = parts["second"].str.contains(r"\.[0-9]{3}[0-9]*[1-9]")
    _refuse_first(finer, raw, where, above, "is not a whole millisecond")
    return _shift_to_utc(local, parts["zone"]) if zoned[0] else local


def _shift_to_utc(local: pl.Series, zone: pl.Series) -> pl.Series:
    hours, minutes = zone.str.slice(1, 2).cast(pl.Int64), zone.str.slice(-2, 2).cast(pl.Int64)
    sign = zone.str.starts_with("-").cast(pl.Int64) * -2 + 1
    return (local.cast(pl.Int64) - sign * (hours * 60 + minutes) * 60_000).cast(pl.Datetime("ms", "UTC"))


def _refuse_first(wrong: pl.Series, raw: pl.Series, where: str, above: int, told: str) -> None:
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise DataError(f"{where}: row {above + row + 1}: {clip(raw.name)} {clip(str(raw[row]))} {told}")
