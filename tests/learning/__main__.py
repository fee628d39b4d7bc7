"""Train PPO in worlds whose optimum is known, by Keel's environments, and show how near it comes."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field, replace

import torch
from rich.console import Console
from rich.table import Table

from .checks import Finding
from .proving import proof_of
from .training import RECIPES, train

ACTIVATIONS = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}
MOST_SECONDS = 60.0
"""Processor time of one training run: a busy machine makes the wall clock run on."""


@dataclass
class Row:
    """Hold a line of the table: a world, what is to be reached in it, and what each seed came to."""

    world: str
    goal: str
    findings: tuple[Finding, ...] = ()
    told: list[str] = field(default_factory=list)
    seconds: list[str] = field(default_factory=list)
    holds: bool = True


def main() -> int:
    """Prove each world asked for; return 0 if all hold, else 1."""
    options = _options()
    told = Console(stderr=options.json)
    if not told.is_terminal:
        told.width = 140  # a file has no width of its own
    rows = [_proven(name, options, told) for name in options.worlds]
    told.print(_table(rows))
    return 0 if all(row.holds for row in rows) else 1


def _proven(name: str, options: argparse.Namespace, told: Console) -> Row:
    proof = proof_of(name)
    row = Row(name, proof.goal)
    replayed = proof.replay()
    row.holds = _hold(f"{name}, known policy", replayed, told)
    if not row.holds:
        return row
    for seed in range(1, options.seeds + 1):
        trained = train(proof.stage, replace(RECIPES[name], activation=ACTIVATIONS[options.activation]), seed)
        scored = proof.score(trained)
        in_time = Finding("trains_in_time", trained.cpu_s <= MOST_SECONDS, f"{trained.cpu_s:.1f} s")
        findings = (*scored.findings, in_time)
        row.told.append(scored.told)
        row.seconds.append(f"{trained.cpu_s:.0f} ({trained.wall_s:.0f})")
        row.holds &= _hold(f"{name}, seed {seed}: {scored.told}, {trained.cpu_s:.0f} s", findings, told)
        if options.json:
            line = {"world": name, "goal": proof.goal, "seed": seed, **scored.figures}
            line |= {"cpu_s": trained.cpu_s, "wall_s": trained.wall_s, "holds": all(each.holds for each in findings)}
            line["findings"] = {each.check: each.figures for each in findings}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
    return row


def _hold(what: str, findings: tuple[Finding, ...], told: Console) -> bool:
    told.print(what)
    broken = [each for each in findings if not each.holds]
    for each in broken:
        told.print(f"  does not hold: {each.check}: {each.figures}")
    return not broken


def _table(rows: list[Row]) -> Table:
    table = Table(title="Learned beside the known optimum, on shocks nobody trained on")
    for column in ("world", "goal", "each seed: share (99% bound)", "CPU s (wall)", "verdict"):
        table.add_column(column)
    for row in rows:
        verdict = "holds" if row.holds else "DOES NOT HOLD"
        table.add_row(row.world, row.goal, "\n".join(row.told), "\n".join(row.seconds), verdict)
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m learning", description=__doc__)
    parser.add_argument("--worlds", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--seeds", type=int, default=5, help="train seeds 1 to this one (5)")
    parser.add_argument("--activation", choices=list(ACTIVATIONS), default="tanh", help="relu shows a known trap")
    parser.add_argument("--json", action="store_true", help="one JSON object for each seed; the table goes to stderr")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
