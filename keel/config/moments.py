"""Moments: a date (00:00 UTC) or an ISO time with its zone, kept as UTC to the millisecond."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from keel.config.section import clip, expected

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATE: Final = r"\d{4}-\d{2}-\d{2}"
_ZONE: Final = r"(Z|[+-]\d{2}:\d{2})"
_TIME: Final = r"[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?"
_WHAT: Final = "a date such as 2021-01-01 or a time with its zone such as 2021-01-01T00:00:00Z"


def _parse_moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return _in_utc(value)
    if isinstance(value, date):
        value = value.isoformat()
    if not isinstance(value, str) or re.fullmatch(rf"{_DATE}({_TIME}{_ZONE}?)?", value) is None:
        raise expected(_WHAT)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise expected(f"{_WHAT} that the calendar has") from None
    return moment.replace(tzinfo=UTC) if re.fullmatch(_DATE, value) else _in_utc(moment)


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        message = "the time {got} has no zone: add Z for UTC or an offset such as +02:00"
        raise PydanticCustomError("rule", message, {"at": "", "got": clip(moment.isoformat(" "))})
    if moment.microsecond % 1000:
        raise expected(f"{_WHAT}, to the millisecond")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise expected(_WHAT) from None


def _render_moment(moment: datetime) -> str:
    if moment.timetz() == _EPOCH.timetz():
        return moment.date().isoformat()
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")


def epoch_ms(moment: datetime) -> int:
    """Return UTC epoch milliseconds."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


Moment = Annotated[
    datetime,
    BeforeValidator(_parse_moment),
    PlainSerializer(_render_moment, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": rf"^{_DATE}({_TIME}{_ZONE})?$"}),
]
"""A moment in UTC; naive times are refused."""
