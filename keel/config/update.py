"""The configuration of the update job: which bars are brought into the store, from where, run by run."""

from __future__ import annotations

import re
from string import Formatter
from typing import Annotated, Final, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import Field, Strict, model_validator

from keel.config.data import Timeframe
from keel.config.moments import Moment
from keel.config.section import Calendar, FileName, Folder, Section, Symbol, broken_rule, clip
from keel.domain.timeframe import MS_PER_DAY, ROUND_THE_CLOCK, timeframe_ms

Format: TypeAlias = Literal["binance", "csv", "freqtrade", "lean", "parquet", "yahoo"]
BarColumn: TypeAlias = Literal["timestamp", "open", "high", "low", "close", "volume", "trade_count", "taker_buy_volume"]

PERIODS: Final = ("date", "month")
_STOCKS: Final = ("lean", "yahoo")
_BY_COLUMNS: Final = ("csv", "parquet")


class RetrySection(Section):
    """Hold how a download is tried again after a fault that may pass."""

    attempts: int = Field(5, ge=1, le=20, description="Tries of one file; whole number, 1 to 20.")
    base_s: float = Field(1.0, ge=0, le=60, description="First wait, doubled each time, seconds; 0 to 60.")
    cap_s: float = Field(60.0, ge=0, le=3600, description="Longest wait the doubling comes to, seconds; 0 to 3600.")
    timeout_s: float = Field(30.0, gt=0, le=600, description="Longest silence of a server, seconds; above 0, to 600.")


class UpdateJob(Section):
    """Hold one source of bars and what its files cannot tell."""

    format: Format = Field(description="Format of the files: binance, csv, freqtrade, lean, parquet or yahoo.")
    source: str = Field(
        min_length=1,
        description="Path of files, * and ? allowed, or an http or https address with {date} (2024-01-31) or {month} "
        "(2024-01); {symbol} is the symbol without /.",
    )
    venue: FileName = Field(description="Where it trades: the store's first folder.")
    symbols: Annotated[tuple[Symbol, ...], Strict(strict=False)] = Field(
        (), description="Symbols to fetch; a list; may be empty where the files tell them."
    )
    timeframe: Timeframe = Field(description="Length of a bar: a count and m, h, d or w, such as 1m.")
    start: Moment | None = Field(None, description="First day or month to fetch; needed with {date} and {month}.")
    skip: Annotated[tuple[Moment, ...], Strict(strict=False)] = Field(
        (), description="Days, or first days of months, that the source is known not to have; a list."
    )
    awaited_days: int = Field(
        3, ge=0, le=366, description="Days in which a file that is not there is awaited, not missed; 0 to 366."
    )
    calendar: Calendar | None = Field(
        None, description="Trading calendar; null = XNYS for lean and yahoo, 24/7 for the others."
    )
    timezone: str | None = Field(None, description="Zone of times that carry none; null = such times are refused.")
    columns: dict[BarColumn, str] = Field(
        {}, description="The file's names of a bar's columns where they differ; csv and parquet only."
    )
    header: bool = Field(default=True, description="Whether csv files have a header; true or false.")
    feed: str | None = Field(None, min_length=1, description="Who made the bars; null = the format's name.")
    price_kind: Literal["raw", "split", "total"] | None = Field(
        None,
        description="Prices as traded, adjusted for splits, or for dividends too; csv and parquet only; null = raw.",
    )
    outside_sessions: Literal["refuse", "drop"] = Field(
        "refuse", description="What to do with bars outside the calendar's sessions: refuse or drop."
    )
    resample: Annotated[tuple[Timeframe, ...], Strict(strict=False)] = Field(
        (), description="Longer bars to make of these after each run, such as [1h, 1d]; a list."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._check_source()
        self._check_periods()
        if self.format not in _BY_COLUMNS:
            for key in ("columns", "price_kind"):
                if getattr(self, key):
                    raise broken_rule(key, f"{self.format} files have their own: remove it")
        if not self.header and self.format != "csv":
            raise broken_rule("header", f"{self.format} files are read as they are: remove it")
        if not self.symbols and self.format in _BY_COLUMNS:
            raise broken_rule("symbols", f"{self.format} files do not tell their symbol: name it")
        return self

    def _check_source(self) -> None:
        names = _placeholders(self.source)
        for name in names:
            if name not in ("symbol", *PERIODS):
                raise broken_rule("source", f"{{{clip(name)}}} is not one of {{symbol}}, {{date}} and {{month}}")
        if "symbol" in names and not self.symbols:
            raise broken_rule("symbols", "source has {symbol}: list at least one")
        if len(self.symbols) > 1 and "symbol" not in names:
            raise broken_rule("source", "several symbols need {symbol} in it")
        if not self.is_remote:
            if "://" in self.source:
                raise broken_rule("source", "expected a path or an address that begins with http:// or https://")
            return
        try:
            parts = urlsplit(self.source)
        except ValueError:
            raise broken_rule("source", "expected an address such as https://host/path") from None
        if not parts.hostname or parts.username or parts.password:
            raise broken_rule("source", "expected an address such as https://host/path, without user and password")
        if not self.symbols:
            raise broken_rule("symbols", "an address needs at least one symbol")

    def _check_periods(self) -> None:
        if self.period is None:
            return
        if not self.is_remote:
            raise broken_rule("source", f"a path takes * where the {self.period} stands")
        if set(PERIODS) <= set(_placeholders(self.source)):
            raise broken_rule("source", "{date} and {month} exclude each other: write two jobs")
        if self.start is None:
            raise broken_rule("start", f"{{{self.period}}} in source needs the first day to fetch")
        if timeframe_ms(self.timeframe) > MS_PER_DAY:
            raise broken_rule("timeframe", f"files by {self.period} hold bars of at most 1d")

    @property
    def is_remote(self) -> bool:
        """Say whether the files are fetched over the network."""
        return re.match("https?://", self.source) is not None

    @property
    def period(self) -> Literal["date", "month"] | None:
        """Return what one file of an address holds: a `date`, a `month`, or None for everything there is."""
        names = _placeholders(self.source)
        return "date" if "date" in names else "month" if "month" in names else None

    @property
    def trading_calendar(self) -> str:
        """Return the trading calendar, the format's own where none is given."""
        return self.calendar or ("XNYS" if self.format in _STOCKS else ROUND_THE_CLOCK)


class UpdateConfig(Section):
    """Hold the jobs of one run of the update, by name."""

    store: Folder = Field("data/bars", description="Folder of the bar store.")
    raw: Folder = Field("data/raw", description="Folder that keeps what was downloaded, as it came, by job.")
    retry: RetrySection = Field(RetrySection(), description="Waits after faults of a download.")
    jobs: dict[FileName, UpdateJob] = Field(min_length=1, description="Sources of bars, by a name of yours.")


def _placeholders(source: str) -> list[str]:
    try:
        fields = [field for field in Formatter().parse(source) if field[1] is not None]
    except ValueError:
        raise broken_rule("source", "a { without } or the other way round: write {{ and }} for the signs") from None
    if any(spec or conversion for _, _, spec, conversion in fields):
        raise broken_rule("source", "write {symbol}, {date} and {month} with nothing else between { and }")
    return [str(name) for _, name, _, _ in fields]
