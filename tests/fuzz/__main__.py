"""Fuzz the importers, then the config: atheris on one core, hypothesis on another; say what was found."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from keel.sim.warm_up import warm_up

ROOMS = ("importers", "config")
ENGINES = {"coverage_guided": "atheris", "drawn": "hypothesis"}
_ROOT = Path(__file__).resolve().parents[2]
_KEPT = _ROOT / ".hypothesis" / "fuzz"
_LEAST_S = 20.0
_ATHERIS = re.compile(r"number_of_executed_units: (\d+)")
_COVERAGE = re.compile(r"cov: (\d+)")
_HYPOTHESIS = re.compile(r"tried (\d+) inputs")


@dataclass
class Turn:
    """Hold one engine in one room: its process, restarted when an input has ended it, and its log."""

    room: str
    engine: str
    ends_s: float
    log: Path
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0

    def go_on(self) -> bool:
        """Start the engine, or again what an input has ended, while there is time; say whether it runs."""
        if self.process is not None and self.process.poll() is None:
            return True
        if self.process is not None and self.process.returncode:
            self.deaths += 1
        left_s = self.ends_s - time.monotonic()
        if left_s < _LEAST_S and self.process is not None:
            return False
        corpus, crashes = _KEPT / f"{self.room}-{self.engine}", _KEPT / "crashes"
        command = [sys.executable, "-m", f"fuzz.{self.engine}", self.room, str(left_s / 60), str(corpus), str(crashes)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=_environment())
        return True

    def summary(self) -> str:
        """Return one line: how many inputs were tried, how fast, and how much was covered."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        tried = sum(
            int(found) for found in (_ATHERIS if self.engine == "coverage_guided" else _HYPOTHESIS).findall(text)
        )
        covered = _COVERAGE.findall(text)
        told = f", {covered[-1]} branches reached" if covered else ""
        ended = f", ended {self.deaths} times by an input" if self.deaths else ""
        return f"{self.room:9} {ENGINES[self.engine]:10} {tried:>10,} inputs{told}{ended}"


def main() -> int:
    """Fuzz for the minutes asked for, each room in turn; return 1 if anything was found."""
    options = _options()
    crashes = _KEPT / "crashes"
    crashes.mkdir(parents=True, exist_ok=True)
    for old in crashes.iterdir():
        old.unlink()
    for _ in warm_up():
        pass  # compiling inside an input would pass for one that hangs
    for room in options.rooms:
        ends_s = time.monotonic() + options.minutes * 60
        turns = [Turn(room, engine, ends_s, _KEPT / f"{room}-{engine}.log") for engine in options.engines]
        for turn in turns:
            turn.log.unlink(missing_ok=True)
        while [turn for turn in turns if turn.go_on()]:
            time.sleep(0.5)
        for turn in turns:
            sys.stdout.write(turn.summary() + "\n")
    found = sorted(one for one in crashes.iterdir() if one.suffix != ".txt")
    for one in found:
        sys.stdout.write(f"found {one}; what happened stands in {one.with_suffix('.txt').name}\n")
    sys.stdout.write(f"{len(found)} found; logs and corpus are in {_KEPT}\n")
    return 1 if found or any(turn.deaths for turn in turns) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--rooms", nargs="+", choices=ROOMS, default=list(ROOMS))
    parser.add_argument("--minutes", type=float, default=30.0, help="time for each room")
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    return parser.parse_args()


def _environment() -> dict[str, str]:
    memory = Path("/dev/shm")  # noqa: S108 - scratch of one input at a time, in memory
    scratch = str(memory) if memory.is_dir() else tempfile.gettempdir()
    paths = os.pathsep.join([str(_ROOT), str(_ROOT / "tests")])
    return os.environ | {"PYTHONPATH": paths, "TMPDIR": scratch, "POLARS_MAX_THREADS": "1", "RUST_BACKTRACE": "0"}


if __name__ == "__main__":
    sys.exit(main())
