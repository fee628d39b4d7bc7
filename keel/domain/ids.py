"""The names of orders at a venue: each carries the key of its random draws, and no two are ever the same.

    k 7fK2q 1xYz09 00wUtjsW 03 00001c
    │ │     │      │        │  └ number of the order in its journal, 6 digits
    │ │     │      │        └ which of the instrument's orders of that close, 2 digits
    │ │     │      └ opening of the bar it was decided on, UTC epoch milliseconds, 8 digits
    │ │     └ stable hash of the instrument, 6 digits
    │ └ the journal it was first written to, 5 digits
    └ Keel's

Digits are of base 62, so the whole fits every venue's alphabet and length (Binance: [A-Za-z0-9-_]{1,36}). The journal
and the number make it unique; the rest is the counter of docs/execution.md, rule 21: a venue that simulates draws the
latency that a backtest would.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES: Final = {digit: value for value, digit in enumerate(_DIGITS)}
_WIDTHS: Final = (6, 8, 2, 6)
JOURNAL_TAG_DIGITS: Final = 5
_SHAPE: Final = re.compile(r"k[0-9A-Za-z]{27}")


@dataclass(frozen=True, slots=True)
class DrawKey:
    """Name an order's random draws: instrument, bar and which order of that bar (docs/execution.md, rule 21)."""

    instrument_hash: int
    birth_ts_ms: int
    seq: int


@dataclass(frozen=True, slots=True)
class ClientOrderId:
    """Hold what an order's name at the venue is made of."""

    journal_tag: str
    key: DrawKey
    order_id: int

    def __str__(self) -> str:
        numbers = (self.key.instrument_hash, self.key.birth_ts_ms, self.key.seq, self.order_id)
        return "k" + self.journal_tag + "".join(map(_in_base_62, numbers, _WIDTHS))

    @classmethod
    def parse(cls, text: str) -> ClientOrderId | None:
        """Return what a name is made of, or None for one that is not Keel's."""
        if _SHAPE.fullmatch(text) is None:
            return None
        tag_end = 1 + JOURNAL_TAG_DIGITS
        at, numbers = tag_end, []
        for width in _WIDTHS:
            numbers.append(_from_base_62(text[at : at + width]))
            at += width
        return cls(text[1:tag_end], DrawKey(*numbers[:3]), numbers[3])


def journal_tag(seed: int) -> str:
    """Return the tag of a journal for a random number."""
    return _in_base_62(seed % len(_DIGITS) ** JOURNAL_TAG_DIGITS, JOURNAL_TAG_DIGITS)


def _in_base_62(number: int, width: int) -> str:
    digits, left = [], number
    for _ in range(width):
        left, digit = divmod(left, len(_DIGITS))
        digits.append(_DIGITS[digit])
    if left or number < 0:
        raise ValueError(f"{number} does not fit {width} digits of base 62")
    return "".join(reversed(digits))


def _from_base_62(text: str) -> int:
    number = 0
    for digit in text:
        number = number * len(_DIGITS) + _VALUES[digit]
    return number
