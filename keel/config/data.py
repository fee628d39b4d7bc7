"""Section `data`: which stored bars a run reads, what else it knows of them, and who fills the store."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, Strict, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from keel.config.moments import Moment, epoch_ms
from keel.config.run import Seed
from keel.config.section import (
    Calendar,
    Currency,
    FileName,
    FilePath,
    Folder,
    Section,
    Symbol,
    broken_rule,
    clip,
    expected,
)
from keel.domain.errors import UsageError
from keel.domain.timeframe import timeframe_ms


def _known_timeframe(value: str) -> str:
    try:
        timeframe_ms(value)
    except UsageError:
        raise expected("a count and m, h, d or w, such as 15m or 1h") from None
    return value


Timeframe = Annotated[str, AfterValidator(_known_timeframe)]
"""Length of a bar."""

_MAX_RATE: Final = 1e12
"""Largest rate between two currencies, and 1 over the smallest: no book overflows by changing money."""
_SYMBOL: Final[TypeAdapter[str]] = TypeAdapter(Symbol)


def _parse_rate(value: object) -> float | str:
    if isinstance(value, int | float) and not isinstance(value, bool) and 1 / _MAX_RATE <= value <= _MAX_RATE:
        return float(value)
    if not isinstance(value, str) or _is_number(value):
        raise expected(
            f"a number from {1 / _MAX_RATE:g} to {_MAX_RATE:g} or the symbol of stored bars such as BTC/USDT"
        )
    try:
        return _SYMBOL.validate_python(value)
    except ValidationError:
        raise expected(f"a symbol such as BTC/USDT, or a number from {1 / _MAX_RATE:g} to {_MAX_RATE:g}") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


Rate = Annotated[float | str, BeforeValidator(_parse_rate)]
"""What one unit of a currency is worth: a constant, or the symbol whose closes say it."""


def _ends_before(start: datetime) -> PydanticCustomError:
    return broken_rule("end", f"the end must come after the start, {start:%Y-%m-%d %H:%M} UTC")


class SyntheticProvider(Section):
    """Hold the parameters of the seeded generator; it fills the venue `synthetic` only."""

    kind: Literal["synthetic"] = Field(description="Who fills the store: synthetic (seeded generator) or arch.")
    seed: Seed = Field(11, description="Seed of the generated market; whole number, 0 to 4294967295.")
    start: Moment = Field(description="Open of the first generated bar; UTC date, or ISO time with zone.")
    end: Moment = Field(description="End of the generated bars, exclusive; UTC date, or ISO time with zone.")
    initial_price: float = Field(30_000.0, gt=0, le=1e9, description="First price, quote currency; above 0, to 1e9.")
    annual_volatility: float = Field(
        0.6, gt=0, le=5, description="Average volatility of a year, as a fraction (0.6 = 60%); above 0, to 5."
    )

    @model_validator(mode="after")
    def _start_before_end(self) -> Self:
        if self.start >= self.end:
            raise _ends_before(self.start)
        return self

    @property
    def start_ms(self) -> int:
        """Return the open of the first bar, UTC epoch milliseconds."""
        return epoch_ms(self.start)

    @property
    def end_ms(self) -> int:
        """Return the exclusive end, UTC epoch milliseconds."""
        return epoch_ms(self.end)


class ArchProvider(Section):
    """Choose the daily index bars that come with the `arch` package; it fills the venue `indices` only."""

    kind: Literal["arch"] = Field(description="Who fills the store: synthetic (seeded generator) or arch.")


Provider = Annotated[SyntheticProvider | ArchProvider, Field(discriminator="kind")]
"""Who fills the store when bars are missing."""

_VENUE_OF_KIND: Final = {"synthetic": "synthetic", "arch": "indices"}


class Source(Section):
    """Hold where one symbol's bars come from; null = as for the others."""

    venue: FileName | None = Field(None, description="Venue whose bars are read; null = data.venue.")
    calendar: Calendar | None = Field(
        None, description="Trading calendar the bars are stored with, such as XNYS or 24/7; null = market.calendar."
    )


class DataSection(Section):
    """Hold the choice of bars: store, venue, symbols, length and range."""

    store: Folder = Field("data/bars", description="Folder of the bar store.")
    venue: FileName = Field(description="Venue whose bars are read, the store's first folder, such as binance.")
    symbols: Annotated[tuple[Symbol, ...], Strict(strict=False)] = Field(
        min_length=1, description="Symbols traded together; a list of 1 or more, each once."
    )
    sources: dict[Symbol, Source] = Field(
        {},
        description="Symbols of another venue or trading calendar, by symbol; each in data.symbols or data.rates.",
    )
    timeframe: Timeframe = Field(description="Length of a bar: a count and m, h, d or w, such as 15m, 1h, 1d.")
    start: Moment | None = Field(
        None,
        description="Start, inclusive; a date is 00:00 UTC, a time needs its zone; null = first stored bar.",
    )
    end: Moment | None = Field(
        None,
        description="End, exclusive; a date is 00:00 UTC, a time needs its zone; null = last stored bar.",
    )
    reference_timeframe: Timeframe | None = Field(
        None,
        description="Finer bars that price the inside of a bar; needed by price_model reference, else null.",
    )
    actions: FilePath | None = Field(
        None,
        description="CSV or Parquet file of splits, dividends and funding: columns time, symbol, kind, value; "
        "null = none.",
    )
    rates: dict[Currency, Rate] = Field(
        {},
        description="Account currency per unit of each other currency: a number from 1e-12 to 1e12, or the "
        "symbol of stored bars.",
    )
    provider: Provider | None = Field(
        None,
        description="Who fills the store when bars are missing; synthetic fills the venue synthetic only, "
        "arch the venue indices only; null = missing bars are an error.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._check_symbols()
        self._check_sources()
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise _ends_before(self.start)
        if self.reference_timeframe is not None:
            _check_finer(self.reference_timeframe, self.timeframe)
        return self

    def _check_symbols(self) -> None:
        seen: dict[str, str] = {}
        times = Counter(self.symbols)
        for symbol in self.symbols:
            other = seen.setdefault(symbol.replace("/", "-"), symbol)
            if other == symbol and times[symbol] == 1:
                continue
            what = "twice" if other == symbol else f"beside {clip(other)}, which is stored under the same name"
            raise broken_rule("symbols", f"{clip(symbol)} is listed {what}: list each symbol once")

    def _check_sources(self) -> None:
        known = {*self.symbols, *self.rates.values()}
        for symbol in self.sources:
            if symbol not in known:
                message = f"{clip(symbol)} is neither in data.symbols nor in data.rates: add it there or remove it here"
                raise broken_rule("sources", message)

    def venue_of(self, symbol: str) -> str:
        """Return the venue whose bars of a symbol are read."""
        source = self.sources.get(symbol)
        return self.venue if source is None or source.venue is None else source.venue

    def calendar_of(self, symbol: str, others: str) -> str:
        """Return the trading calendar of a symbol; `others` is the market's own, for symbols without one here."""
        source = self.sources.get(symbol)
        return others if source is None or source.calendar is None else source.calendar

    @property
    def start_ms(self) -> int | None:
        """Return the inclusive start, UTC epoch milliseconds, or None for the first stored bar."""
        return None if self.start is None else epoch_ms(self.start)

    @property
    def end_ms(self) -> int | None:
        """Return the exclusive end, UTC epoch milliseconds, or None for the last stored bar."""
        return None if self.end is None else epoch_ms(self.end)

    @property
    def active_provider(self) -> SyntheticProvider | ArchProvider | None:
        """Return the provider that may fill this venue; bars are never made up for a real venue."""
        provider = self.provider
        return provider if provider is not None and _VENUE_OF_KIND[provider.kind] == self.venue else None


def _check_finer(fine: str, coarse: str) -> None:
    if timeframe_ms(fine) >= timeframe_ms(coarse) or timeframe_ms(coarse) % timeframe_ms(fine):
        raise broken_rule("reference_timeframe", f"{fine} must be finer than {coarse} and divide it evenly")
