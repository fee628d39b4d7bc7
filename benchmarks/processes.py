"""Memory and processor time of a process and all its descendants, from Linux's /proc; the standard library only."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """Return a process and its descendants that live now."""
    found, at = [pid], 0
    while at < len(found):
        with suppress(OSError):
            for children in Path(f"/proc/{found[at]}/task").glob("*/children"):
                found += map(int, children.read_text().split())
        at += 1
    return found


def memory_mib(pid: int) -> float:
    """Return the proportional set size of a family, MiB: a page that k processes share counts 1/k in each."""
    total_kib = 0
    for member in family(pid):
        with suppress(OSError):
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
            total_kib += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total_kib / 1024


def cpu_seconds() -> float:
    """Return the processor time that this process and its living descendants have used, seconds."""
    total = time.process_time()
    for member in family(os.getpid())[1:]:
        with suppress(OSError):
            # The name of the command, in brackets, may hold blanks.
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    return total
