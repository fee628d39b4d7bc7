"""Draws that cost little: a strategy is made once, and several small integers are one draw.

hypothesis takes its time for each strategy that it meets for the first time, and for each draw, however small.
"""

from __future__ import annotations

from functools import cache, lru_cache
from math import prod
from typing import Any

from hypothesis import strategies as st

MOST = 2**24
"""Above this many values hypothesis prefers small ones."""


@lru_cache(maxsize=None, typed=True)
def among(*values: Any) -> st.SearchStrategy[Any]:
    """Draw one of some values; the first is the plainest."""
    return st.sampled_from(values)


@cache
def packed(*spans: tuple[int, int]) -> st.SearchStrategy[tuple[int, ...]]:
    """Draw one integer of each span [low, high], all equally likely; the plainest is the one nearest to 0."""
    sizes = [high - low + 1 for low, high in spans]
    assert prod(sizes) <= MOST
    values = [sorted(range(low, high + 1), key=lambda n: (abs(n), -n)) for low, high in spans]

    def unpack(number: int) -> tuple[int, ...]:
        found = []
        for size, choices in zip(sizes, values, strict=True):
            number, digit = divmod(number, size)
            found.append(choices[digit])
        return tuple(found)

    return st.integers(0, prod(sizes) - 1).map(unpack)
