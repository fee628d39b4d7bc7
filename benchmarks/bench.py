"""Measure Keel beside its peers on the same files, in alternating warm processes; one JSON object a line.

A ratio above 1 says that Keel is better. docs/benchmarks.md tells what each side does and does not model.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from comparisons import COMPARISONS, INPUTS, Comparison, Side
from processes import memory_mib

_HERE: Final = Path(__file__).resolve().parent
_PEERS: Final = _HERE.parent / ".venv-bench"
_LOOK_S: Final = 0.02
"""Wall time between two looks at a side's memory."""
_NEAR: Final = 1e-9

Measured = dict[str, Any]


def main() -> None:
    """Run the comparisons asked for and print their lines."""
    asked = _arguments()
    chosen = [one for one in COMPARISONS if all(word in f"{one.name} {one.label}" for word in asked.only)]
    if not chosen:
        known = "\n  ".join(dict.fromkeys(f"{one.name}: {one.label}" for one in COMPARISONS))
        sys.exit(f"error: no comparison has all of {' '.join(asked.only)} in its name; there are:\n  {known}")
    with tempfile.TemporaryDirectory() as folder:
        for comparison in chosen:
            path = Path(folder) / f"{comparison.input}.npz"
            if not path.exists():
                _write(path, INPUTS[comparison.input]())
            for line in _lines(comparison, path, asked.rounds):
                print(json.dumps(line), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="run those whose names hold this")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of processes, ours and the peer's in turn")
    return parser.parse_args()


def _lines(comparison: Comparison, path: Path, rounds: int) -> list[Measured]:
    pairs = [(_measure(comparison.ours, path), _measure(comparison.peer, path)) for _ in range(rounds)]
    if comparison.same_result:
        _refuse_difference(comparison, *pairs[0])
    lines = [_time_line(comparison, pairs)]
    if comparison.memory:
        memory = _peak_memory(comparison.ours, path), _peak_memory(comparison.peer, path)
        lines += [_memory_line(comparison, pairs, memory, above_idle) for above_idle in (False, True)]
    return lines


def _write(path: Path, columns: Mapping[str, Any]) -> None:
    np.savez(path, **columns)


def _command(side: Side, path: Path) -> list[str]:
    python = sys.executable if side.environment is None else str(_PEERS / side.environment / "bin" / "python")
    return [python, str(_HERE / side.script), *side.arguments, str(path)]


def _measure(side: Side, path: Path) -> Measured:
    done = subprocess.run(_command(side, path), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: {side.script} {' '.join(side.arguments)} failed:\n{done.stderr}")
    return _last_line(done.stdout)


def _last_line(text: str) -> Measured:
    measured: Measured = json.loads(text.splitlines()[-1])
    return measured


def _peak_memory(side: Side, path: Path) -> tuple[float, float]:
    """Return the peak memory of a side and all its processes, MiB: whole, and above what it held before the work."""
    peak_mib = 0.0
    with subprocess.Popen(
        _command(side, path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        while process.poll() is None:
            peak_mib = max(peak_mib, memory_mib(process.pid))
            time.sleep(_LOOK_S)
        out, _ = process.communicate()
    return peak_mib, peak_mib - float(_last_line(out)["idle_mib"])


def _refuse_difference(comparison: Comparison, ours: Measured, peer: Measured) -> None:
    if not math.isclose(ours["result"], peer["result"], rel_tol=_NEAR):
        sys.exit(f"error: {comparison.name}: {ours['result']!r} here, {peer['result']!r} of {comparison.label}")


def _time_line(comparison: Comparison, pairs: list[tuple[Measured, Measured]]) -> Measured:
    works = comparison.work, comparison.peer_work or comparison.work

    def median(side: int, name: str) -> float:
        seconds: float = statistics.median(pair[side][name] for pair in pairs)
        return seconds / works[side] / comparison.unit_s

    ours, peer = median(0, "seconds"), median(1, "seconds")
    ours_cpu, peer_cpu = median(0, "cpu_seconds"), median(1, "cpu_seconds")
    return _line(comparison, comparison.name, pairs, (ours, peer), comparison.unit) | {
        "ours_cpu": _short(ours_cpu),
        "peer_cpu": _short(peer_cpu),
        "ratio_cpu": _short(peer_cpu / ours_cpu),
    }


def _memory_line(
    comparison: Comparison,
    pairs: list[tuple[Measured, Measured]],
    memory: tuple[tuple[float, float], tuple[float, float]],
    above_idle: bool,
) -> Measured:
    kind = "peak memory above idle" if above_idle else "peak memory"
    ours, peer = (figures[above_idle] for figures in memory)
    return _line(comparison, f"{comparison.name}: {kind}", pairs, (ours, peer), "MiB")


def _line(
    comparison: Comparison, name: str, pairs: list[tuple[Measured, Measured]], sides: tuple[float, float], unit: str
) -> Measured:
    ours, peer = sides
    return {
        "name": name,
        "ours": _short(ours),
        "peer": _short(peer),
        "unit": unit,
        "ratio": _short(peer / ours),
        "peer_version": f"{comparison.label} {pairs[0][1]['version']}",
    }


def _short(value: float) -> float:
    return float(f"{value:.4g}")


if __name__ == "__main__":
    main()
