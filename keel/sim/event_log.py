"""All events of a run, in one array that grows."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.layout import EVENT

_LEAST: Final = 1024
"""Events there is room for at first."""
_MARGIN: Final = 1.2
_MOST_GROWTH: Final = 16

Records = NDArray[np.void]


class EventLog:
    """Keep what was taken off the tape, a ring of EVENT records whose length is a power of two."""

    def __init__(self) -> None:
        self._room = np.empty(_LEAST, EVENT)
        self._n = 0

    def append(self, ring: Records, first: int, last: int, played: float) -> None:
        """Take the records first … last - 1 of the ring; `played` is the fraction of the run they were written in."""
        self._make_room(last - first, played)
        self._copy(ring, first, last)
        self._n += last - first

    def followed_by(self, ring: Records, first: int, last: int) -> Records:
        """Return all that was taken, and the records first … last - 1 of the ring after it, without taking them."""
        self._make_room(last - first, 1.0)
        self._copy(ring, first, last)
        return self._room[: self._n + last - first]

    def _make_room(self, n: int, played: float) -> None:
        """Grow to what the run will come to if it goes on like this, so that a long one is not copied often."""
        needed = self._n + n
        if needed <= len(self._room):
            return
        expected = int(_MARGIN * needed / max(played, 1.0 / _MOST_GROWTH))
        grown = np.empty(max(needed, min(expected, _MOST_GROWTH * needed)), EVENT)
        grown[: self._n].view(np.uint8)[:] = self._room[: self._n].view(np.uint8)
        self._room = grown

    def _copy(self, ring: Records, first: int, last: int) -> None:
        """Copy as bytes: numpy copies records that have gaps field by field."""
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
