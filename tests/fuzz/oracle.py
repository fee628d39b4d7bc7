"""What must become of any input: it is taken, or refused by one line that a user can act on."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from keel.domain.errors import UsageError

MOST_SECONDS = 20.0
"""CPU time one input may take: a calendar of many years is slow to make, a hang is slower."""
MOST_GROWTH_KIB = 1 << 20
"""Memory one input may add to the process's peak."""
LONGEST_LINE = 1000

_Taken = TypeVar("_Taken")


class BrokenPromiseError(AssertionError):
    """Report an outcome that is neither a success nor a clear refusal."""


def taken_or_refused(run: Callable[[], _Taken], *names: str) -> _Taken | None:
    """Return what `run` does, or None where it refuses in one line that holds one of `names`.

    Any other exception is let through: it is a crash. Raises BrokenPromiseError for a bad message, and for a `run` that
    takes too long or too much memory.
    """
    began_s, before_kib = time.process_time(), _peak_kib()
    try:
        taken = run()
    except UsageError as error:
        _check_line(str(error), names)
        taken = None
    took_s, grown_kib = time.process_time() - began_s, _peak_kib() - before_kib
    if took_s > MOST_SECONDS:
        raise BrokenPromiseError(f"took {took_s:.1f} s of CPU time")
    if grown_kib > MOST_GROWTH_KIB:
        raise BrokenPromiseError(f"took {grown_kib >> 10} MiB of memory")
    return taken


def _check_line(line: str, names: Sequence[str]) -> None:
    if not line.isprintable():
        raise BrokenPromiseError(f"not one printable line: {line!r}")
    if len(line) > LONGEST_LINE:
        raise BrokenPromiseError(f"a line of {len(line)} characters: {line[:200]!r}...")
    if not any(name in line for name in names):
        raise BrokenPromiseError(f"names none of {', '.join(names)}: {line!r}")


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
