"""The points of a search: what `--param KEY=VALUES` says, as lists, ranges and spans."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from keel.config.section import clip
from keel.domain.errors import UsageError

Point = tuple[str, ...]
"""One value, written as in YAML, for each parameter of a space."""

MOST_POINTS: Final = 100_000
"""Largest grid: a larger one is a slip of the keyboard or a case for random draws."""

_NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE: Final = re.compile(rf"({_NUMBER}):({_NUMBER}):({_NUMBER})")
_SPAN: Final = re.compile(rf"({_NUMBER})\.\.({_NUMBER})( log)?")
_FORMS: Final = "write a list (10,20,30), a range with its step (10:50:5) or a span (0.1..0.5, 1e-4..1e-2 log)"


@dataclass(frozen=True, slots=True)
class Span:
    """Hold every number from `low` to `high`; `log` draws them evenly in their logarithm."""

    low: float
    high: float
    whole: bool
    log: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """Hold one key of the config and the values to try: `values` as written, or a span to draw from."""

    key: str
    values: tuple[str, ...]
    span: Span | None = None

    def is_ordered(self) -> bool:
        """Say whether its listed values are rising numbers, so that each has neighbours and the list has edges."""
        numbers = [as_number(value) for value in self.values]
        known = [number for number in numbers if number is not None]
        return 1 < len(known) == len(numbers) and all(a < b for a, b in itertools.pairwise(known))


def read_space(texts: Sequence[str]) -> tuple[Parameter, ...]:
    """Return the parameters of `KEY=VALUES` texts. Raises UsageError that names the text and the mend."""
    if not texts:
        raise UsageError("nothing to search: name what to vary, such as --param strategy.params.short=10,20,30")
    parameters = tuple(_read(text) for text in texts)
    keys = [parameter.key for parameter in parameters]
    for key in keys:
        if keys.count(key) > 1:
            raise UsageError(f"--param {clip(key)} is given twice: name all its values in one")
    return parameters


def assignments(space: Sequence[Parameter], point: Point) -> tuple[str, ...]:
    """Return a point as overrides of a config: `strategy.params.short=10`."""
    return tuple(f"{parameter.key}={value}" for parameter, value in zip(space, point, strict=True))


def as_number(value: str) -> float | None:
    """Return the number a value is written as, or None."""
    return float(value) if re.fullmatch(_NUMBER, value) else None


def _read(text: str) -> Parameter:
    key, equals, written = (part.strip() for part in text.partition("="))
    if not equals or not key or not written:
        raise UsageError(f"--param {clip(text)}: write KEY=VALUES, such as strategy.params.short=10,20,30")
    where = f"--param {clip(key)}"
    if match := _RANGE.fullmatch(written):
        return Parameter(key, _steps(where, *match.groups()))
    if match := _SPAN.fullmatch(written):
        return Parameter(key, (), _span(where, match[1], match[2], log=match[3] is not None))
    values = _split(written)
    if "" in values or (len(values) == 1 and re.search(r":|\.\.", written) and re.match(_NUMBER, written)):
        raise UsageError(f"{where}: {clip(written)} cannot be read: {_FORMS}")
    for value in values:
        if values.count(value) > 1:
            raise UsageError(f"{where}: {clip(value)} is there twice: name each value once")
    return Parameter(key, values)


def _steps(where: str, low: str, high: str, step: str) -> tuple[str, ...]:
    # In decimals: 0.1 + 0.1 + 0.1 is not 0.3 in binary, and the key would read 0.30000000000000004.
    first, last, by = Decimal(low), Decimal(high), Decimal(step)
    if by <= 0 or last < first:
        raise UsageError(f"{where}: {low}:{high}:{step} is empty: write low:high:step, low <= high, step above 0")
    count = int((last - first) / by) + 1
    if count > MOST_POINTS:
        raise UsageError(f"{where}: {low}:{high}:{step} has {count:,} values: take a larger step")
    return tuple(_plain(first + i * by) for i in range(count))


def _plain(value: Decimal) -> str:
    # As --set would be written: format "f" never uses an exponent.
    return format(value, "f")


def _span(where: str, low: str, high: str, *, log: bool) -> Span:
    first, last = float(low), float(high)
    if not (math.isfinite(first) and math.isfinite(last) and first < last):
        raise UsageError(f"{where}: {low}..{high} is empty: write low..high with low < high")
    if log and first <= 0:
        raise UsageError(f"{where}: {low}..{high} log: a logarithm needs numbers above 0")
    return Span(first, last, whole=_is_whole(low) and _is_whole(high), log=log)


def _is_whole(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d+", text) is not None


def _split(text: str) -> tuple[str, ...]:
    """Split at commas that stand in no brackets: `[A,B],[A]` is two lists."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return tuple(part.strip() for part in parts)
