"""What every section of the configuration shares: strictness, field types and the way a rule is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from keel.domain.timeframe import ROUND_THE_CLOCK

MAX_SHOWN: Final = 60
"""Longest value or key, in characters, that a message repeats."""

_MAX_DIGITS: Final = 15  # a grid's mantissa and scale must be exact in float64 (docs/execution.md, rule 19)


class Section(BaseModel):
    """Be the base of every section: frozen, unknown keys refused, no silent coercion, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def broken_rule(at: str, message: str) -> PydanticCustomError:
    """Return the refusal of a combination; `at` is the key to point at, relative to the checking section."""
    return PydanticCustomError("rule", "{message}", {"at": at, "message": message})


def expected(what: str) -> PydanticCustomError:
    """Return the refusal of one value; the reader of the message is told `expected <what>, got <value>`."""
    return PydanticCustomError("expected", "expected {what}", {"what": what})


def printable(text: str) -> str:
    """Return text with unprintable characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def clip(text: str) -> str:
    """Return text fit for one line of a message: unprintable characters escaped, at most 60 characters."""
    shown = printable(text[: MAX_SHOWN + 1])
    return shown if len(shown) <= MAX_SHOWN else shown[: MAX_SHOWN - 1] + "…"


def _matching(pattern: str, what: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise expected(what)
        return value

    return check


def _parse_decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise expected('a decimal such as "0.01"')
    try:
        number = Decimal(value if isinstance(value, Decimal | int) else str(value))
    except InvalidOperation:
        raise expected('a decimal such as "0.01"') from None
    if not number.is_finite() or number < 0:
        raise expected("a decimal of zero or more")
    return _exact_in_float64(number)


def _exact_in_float64(number: Decimal) -> Decimal:
    if not number:
        return Decimal(0)  # as written it may have any number of decimals
    digits = "".join(map(str, number.as_tuple().digits))
    exponent = int(number.as_tuple().exponent) + len(digits) - len(digits.rstrip("0"))
    if len(digits.rstrip("0")) + max(exponent, 0) > _MAX_DIGITS or exponent < -_MAX_DIGITS:
        raise expected(f"a decimal of at most {_MAX_DIGITS} digits")
    return number


def _plain(number: Decimal) -> str:
    return format(number, "f")


ExactDecimal = Annotated[
    Decimal,
    BeforeValidator(_parse_decimal),
    PlainSerializer(_plain, return_type=str, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\d*\.?\d*$"}]}),
]
"""A decimal of zero or more, kept exactly; written as a quoted string or a number."""

FileName = Annotated[
    str,
    AfterValidator(_matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name of 1 to 64 letters, digits, . _ -")),
]
"""A name that can be part of a file name on any system."""

Folder = Annotated[str, AfterValidator(_matching(r"[^\x00-\x1f]+", "the path of a folder"))]
"""A folder, kept as written; a relative one is relative to the working directory."""

FilePath = Annotated[str, AfterValidator(_matching(r"[^\x00-\x1f]+", "the path of a file"))]
"""A file, kept as written; a relative one is relative to the working directory."""

Symbol = Annotated[
    str,
    AfterValidator(_matching(r"[A-Za-z0-9^][A-Za-z0-9^._/:=-]{0,31}", "a symbol such as BTC/USDT or AAPL")),
]
"""The venue's name of an instrument."""

Currency = Annotated[str, AfterValidator(_matching(r"[A-Z0-9]{2,10}", "a currency such as USDT or USD"))]
"""A currency code in capitals."""

Calendar = Annotated[
    str,
    AfterValidator(
        _matching(
            rf"{ROUND_THE_CLOCK}|[A-Z]{{4,8}}", f"{ROUND_THE_CLOCK} or a calendar of exchange_calendars such as XNYS"
        )
    ),
]
"""The trading calendar: 24/7, or a name that exchange_calendars knows."""

ClassPath = Annotated[
    str,
    AfterValidator(
        _matching(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", "module:Class such as keel.strategies.momentum:Momentum")
    ),
]
"""Where a plug-in class is found: `module:Class`."""
