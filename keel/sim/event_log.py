"""All events of a run, in one array that grows."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.layout import EVENT

_LEAST: Final = 1024
"""Events there is room for at first."""

Records = NDArray[np.void]


class EventLog:
    """Keep what was taken off the tape, a ring of EVENT records whose length is a power of two."""

    def __init__(self) -> None:
        self._room = np.empty(_LEAST, EVENT)
        self._n = 0

    def append(self, ring: Records, first: int, last: int) -> None:
        """Take the records first … last - 1 of the ring."""
        self._copy(ring, first, last)
        self._n += last - first

    def followed_by(self, ring: Records, first: int, last: int) -> Records:
        """Return all that was taken, and the records first … last - 1 of the ring after it, without taking them."""
        self._copy(ring, first, last)
        return self._room[: self._n + last - first]

    def _copy(self, ring: Records, first: int, last: int) -> None:
        """Copy as bytes: numpy copies records that have gaps field by field."""
        if self._n + last - first > len(self._room):
            grown = np.empty(max(2 * len(self._room), self._n + last - first), EVENT)
            grown[: self._n].view(np.uint8)[:] = self._room[: self._n].view(np.uint8)
            self._room = grown
        part = ring_part(ring, first, last)
        self._room[self._n : self._n + len(part)].view(np.uint8)[:] = part.view(np.uint8)


def ring_part(ring: Records, first: int, last: int) -> Records:
    """Return the records first … last - 1 of a ring: a view where they lie together."""
    start, n = first & (len(ring) - 1), last - first
    if start + n <= len(ring):
        return ring[start : start + n]
    part, head = np.empty(n, ring.dtype), len(ring) - start
    part[:head].view(np.uint8)[:] = ring[start:].view(np.uint8)
    part[head:].view(np.uint8)[:] = ring[: n - head].view(np.uint8)
    return part
