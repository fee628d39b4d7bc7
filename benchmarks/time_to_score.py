"""Measure the time of training to 95% of the optimum of a known world; one JSON object.

PPO on Keel's environments with the recipe of docs/learning.md, beside PPO with stable-baselines3's defaults on eight
plain Gymnasium environments of the same world; one thread each, a new process each, in turn. A peer that is not there
when the limit has passed is told as "at_least": its time is then the limit, and `peer_reached` its best share.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

_HERE: Final = Path(__file__).resolve().parent
_TESTS: Final = _HERE.parent / "tests"

Measured = dict[str, Any]


def main() -> None:
    """Measure both sides with each seed and print the line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1, help="pairs of processes, ours and the peer's; a seed each")
    parser.add_argument("--limit", type=float, default=300.0, help="training time after which a side gives up, seconds")
    asked = parser.parse_args()
    pairs = [
        (_ours(seed, asked.limit), _measure("peer_to_score.py", seed, asked.limit))
        for seed in range(1, asked.rounds + 1)
    ]
    print(json.dumps(_line(pairs, asked.limit)))


def _ours(seed: int, limit_s: float) -> Measured:
    measured = _measure("ours_to_score.py", seed, limit_s)
    if not measured["is_there"]:
        sys.exit(f"error: seed {seed} came to {measured['reached']:.1%} of the optimum here, so there is no time to it")
    return measured


def _measure(script: str, seed: int, limit_s: float) -> Measured:
    path = os.pathsep.join(filter(None, (str(_TESTS), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, str(_HERE / script), f"{seed}", f"{limit_s}"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    if done.returncode != 0:
        sys.exit(f"error: {script} {seed} failed:\n{done.stderr}")
    measured: Measured = json.loads(done.stdout.splitlines()[-1])
    return measured


def _line(pairs: list[tuple[Measured, Measured]], limit_s: float) -> Measured:
    ours, peers = zip(*pairs, strict=True)
    ours_s, ours_cpu_s = _median(ours, "seconds"), _median(ours, "cpu_seconds")
    peer_s = statistics.median(each["seconds"] if each["is_there"] else limit_s for each in peers)
    peer_cpu_s = _median(peers, "cpu_seconds")
    return {
        "name": "PPO to 95% of the optimum, Ornstein-Uhlenbeck, 1 thread",
        "ours": _short(ours_s),
        "peer": _short(peer_s),
        "unit": "s",
        "ratio": _short(peer_s / ours_s),
        "at_least": not all(each["is_there"] for each in peers),
        "peer_version": f"stable-baselines3 defaults, DummyVecEnv of 8 {peers[0]['version']}",
        "peer_reached": _short(_median(peers, "reached")),
        "ours_cpu": _short(ours_cpu_s),
        "peer_cpu": _short(peer_cpu_s),
        "ratio_cpu": _short(peer_cpu_s / ours_cpu_s),
    }


def _median(sides: tuple[Measured, ...], name: str) -> float:
    median: float = statistics.median(each[name] for each in sides)
    return median


def _short(value: float) -> float:
    return float(f"{value:.4g}")


if __name__ == "__main__":
    main()
