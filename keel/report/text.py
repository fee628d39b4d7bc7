"""How figures are written, the same in the console and in the report. What is not defined is a dash."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

MISSING: Final = "–"
MINUS: Final = "−"


def money(value: float | None) -> str:
    """Write an amount with separators: cents below a million, whole units from there."""
    if value is None:
        return MISSING
    return _signed(f"{value:,.0f}" if abs(value) >= 1e6 else f"{value:,.2f}")


def amount(value: float | None) -> str:
    """Write an amount for reading, not for adding up: whole units from a thousand."""
    return money(value) if value is None or abs(value) < 1e3 else _signed(f"{value:,.0f}")


def percent(value: float | None, digits: int = 2) -> str:
    """Write a fraction as per cent, in powers of ten above a million."""
    if value is None:
        return MISSING
    if abs(value) > 1e4:
        return _signed(f"{value * 100:.2e}%")
    places = digits if abs(value) < 100 else 0
    return _signed(f"{value * 100:,.{places}f}%")


def gain(value: float | None) -> str:
    """Write a fraction as per cent with its sign, plus included."""
    text = percent(value)
    return f"+{text}" if value is not None and value > 0 and text.strip("0.%") else text


def ratio(value: float | None) -> str:
    """Write a plain number with two decimals."""
    return MISSING if value is None else _signed(f"{value:,.2f}")


def times(value: float | None) -> str:
    """Write a multiple."""
    return MISSING if value is None else f"{ratio(value)}×"


def bps(value: float | None) -> str:
    """Write basis points."""
    return MISSING if value is None else _signed(f"{value:,.2f}")


def count(value: int | None) -> str:
    """Write a whole number with separators."""
    return MISSING if value is None else _signed(f"{value:,d}")


def days(value: float | None) -> str:
    """Write a length given in days, in days or, when short, hours."""
    if value is None:
        return MISSING
    return f"{value:,.0f} days" if value >= 2 or value == 0 else f"{value * 24:,.1f} hours"


def hours(value: float | None) -> str:
    """Write a length given in hours, in days when long and in minutes when short."""
    if value is None:
        return MISSING
    if value >= 48:
        return f"{value / 24:,.1f} days"
    return f"{value:,.1f} hours" if value >= 2 else f"{value * 60:,.0f} minutes"


def date(iso: str | None) -> str:
    """Write an ISO 8601 time as `1 Jan 2021`, with the clock time and its zone, UTC, unless it is midnight."""
    if iso is None:
        return MISSING
    moment = datetime.fromisoformat(iso).astimezone(UTC)
    day = f"{moment.day} {moment:%b %Y}"
    return day if (moment.hour, moment.minute) == (0, 0) else f"{day} {moment:%H:%M} UTC"


def label(name: str) -> str:
    """Write a name such as `not_shortable` as `Not shortable`."""
    return name.replace("_", " ").capitalize()


def _signed(text: str) -> str:
    """Write a proper minus, and none on a number that rounds to zero."""
    if not text.startswith("-"):
        return text
    return MINUS + text[1:] if any(digit in text for digit in "123456789") else text[1:]
