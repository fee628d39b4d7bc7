"""Measure Keel beside its peer on the same bars, in alternating warm processes; one JSON object a line.

vectorbt fills at the close of the signal's bar and models no latency, spread, impact, participation, venue rules or
risk limits; the second line sets Keel with all of them on against that same run.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from market import write_bars

HERE = Path(__file__).resolve().parent
PEER_PYTHON = HERE.parent / ".venv-bench" / "vectorbt" / "bin" / "python"
ROWS = 1_000_000
ROUNDS = 3


def main() -> None:
    """Run every comparison and print its line."""
    with tempfile.TemporaryDirectory() as folder:
        bars = Path(folder) / "bars.npz"
        write_bars(bars, ROWS)
        peer_command = [str(PEER_PYTHON), str(HERE / "peer_vectorbt.py"), str(bars)]
        for name, config in (("sma 20/50, models off", "bare.yaml"), ("sma 20/50, all models on", "full.yaml")):
            ours_command = [sys.executable, str(HERE / "ours.py"), str(bars), config]
            rounds = [(_measure(ours_command), _measure(peer_command)) for _ in range(ROUNDS)]
            print(json.dumps(_line(name, rounds)), flush=True)


def _measure(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _line(name: str, rounds: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    ours, peer = (statistics.median(pair[side]["seconds"] for pair in rounds) for side in (0, 1))
    return {
        "name": f"{name}, {ROWS:,} bars",
        "ours": round(ours / ROWS * 1e9, 1),
        "peer": round(peer / ROWS * 1e9, 1),
        "unit": "ns/bar",
        "ratio": round(peer / ours, 2),
        "peer_version": f"vectorbt {rounds[0][1]['version']}",
    }


if __name__ == "__main__":
    main()
