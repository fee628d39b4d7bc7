"""What the adapters' words have in common: plain decimals out, exact ones in, and what cannot be said or read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation

from keel.domain.errors import RetryableError


class NotHeldError(ValueError):
    """Report an order that the venue does not keep: nothing was sent."""


class UnreadableError(RetryableError):
    """Report an answer or event that is not what the venue documents."""


def plain(value: Decimal) -> str:
    """Return a decimal as the wire wants it: digits and a point, no exponent, no zeros that say nothing."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def exact(text: object) -> Decimal:
    """Return a number of the wire as it was written. Raises TypeError or ValueError for what is none."""
    if not isinstance(text, str | int) or isinstance(text, bool):
        raise TypeError(f"{text!r} is no exact number")
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(f"{text} is no number")
    return value


@contextmanager
def reading(venue: str, what: str) -> Iterator[None]:
    """Report whatever goes wrong inside as an answer that cannot be read."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise UnreadableError(f"{venue}'s {what} cannot be read: {type(error).__name__} {error}") from None
