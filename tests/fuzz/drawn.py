"""The half that draws: hypothesis tries a room's properties for as long as it is told, and shrinks what fails."""

from __future__ import annotations

import faulthandler
import logging
import pickle
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from fuzz.findings import Findings
from fuzz.rooms import ROOMS, Property

_LONGEST_S = 60.0
"""Time of one input from which the process is taken for hung, and ended with a traceback."""
_ROUND = 200
"""Inputs of one property before the next has its turn."""


def main(room: str, minutes: float, corpus: Path, crashes: Path) -> None:
    """Try the properties of a room in turns until the time is over; print how many inputs were tried."""
    logging.disable()
    database = DirectoryBasedExampleDatabase(corpus)
    ends_s, began_s, tried = time.monotonic() + minutes * 60, time.monotonic(), 0
    number = time.time_ns()
    while time.monotonic() < ends_s:
        for one in ROOMS[room].properties:
            tried += _round(one, number, database, Findings(crashes, room), crashes / f"{room}-hung.pickle")
            number += 1
    took_s = time.monotonic() - began_s
    sys.stdout.write(f"tried {tried} inputs in {took_s:.0f} s, {tried / took_s:.0f} a second\n")


def _round(one: Property, number: int, database: DirectoryBasedExampleDatabase, findings: Findings, kept: Path) -> int:
    tried = 0

    def check(drawn: Any) -> None:
        nonlocal tried
        tried += 1
        kept.write_bytes(pickle.dumps(drawn))  # what a hang or a death of the process leaves behind
        faulthandler.dump_traceback_later(_LONGEST_S, exit=True)
        try:
            one.check(drawn)
        finally:
            faulthandler.cancel_dump_traceback_later()

    turn = settings(
        max_examples=_ROUND,
        deadline=None,
        database=database,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.reuse, Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
    )
    _noting(seed(number)(turn(given(one.drawn)(check))), one, findings)
    kept.unlink(missing_ok=True)
    return tried


def _noting(test: Callable[[], None], one: Property, findings: Findings) -> None:
    try:
        test()
    except BaseException as error:  # a panic of Rust's is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        notes = "\n".join(getattr(error, "__notes__", []))
        findings.note(error, f"{one.name}\n{notes}".encode())


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
