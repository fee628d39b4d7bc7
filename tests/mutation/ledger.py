"""What is kept of a campaign: verdicts of these very sources, who found which fault, and the faults that do no harm."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from .campaign import Verdict
from .faults import Fault
from .storage import kept, state_of

LISTED = Path(__file__).with_name("equivalent.yaml")
CONSTANTS = "constants"
"""Stands in the list for the name of a function where a fault is in a module's constant."""
Key = tuple[str, str, str]


def _written(key: Key) -> str:
    return "|".join(key)


class Ledger:
    """Keep verdicts in the user's cache folder, one file for each state of the sources and tests."""

    def __init__(self, *, fresh: bool = False) -> None:
        self._file = kept(f"verdicts-{state_of('keel', 'tests')}.jsonl")
        self._hints_file = kept("found_by.jsonl")
        self.hints = {key: by for key, (_, by) in _read(self._hints_file).items()}
        """Who found a fault before, in these sources or others."""
        if fresh:
            self._file.unlink(missing_ok=True)
        self._verdicts = _read(self._file)

    def known(self, fault: Fault) -> Verdict | None:
        """Return the verdict of an earlier run of the same sources."""
        kept = self._verdicts.get(_written(fault.key))
        return Verdict(fault, *kept) if kept else None

    def keep(self, verdict: Verdict) -> None:
        """Write a verdict down at once."""
        line = json.dumps([_written(verdict.fault.key), verdict.result, verdict.by]) + "\n"
        with self._file.open("a", encoding="utf-8") as file:
            file.write(line)
        if verdict.by:
            with self._hints_file.open("a", encoding="utf-8") as file:
                file.write(line)


def _read(file: Path) -> dict[str, tuple[str, str]]:
    """Return result and finder by a fault's key; the last line about it counts."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {key: (result, by) for key, result, by in map(json.loads, lines)}


def harmless_faults(faults: list[Fault]) -> dict[Key, str]:
    """Return the reason of each of the faults that does no harm: by its form, or because it is listed."""
    anywhere, by_function = listed()
    reasons = {}
    for fault in faults:
        reason = by_function.get(fault.key) or anywhere.get(fault.piece)
        if reason := reason or fault.harmless:
            reasons[fault.key] = reason
    return reasons


def listed_without_fault(faults: list[Fault]) -> list[str]:
    """Return the entries of the list that no fault answers to any more."""
    anywhere, by_function = listed()
    keys, pieces = {fault.key for fault in faults}, {fault.piece for fault in faults}
    gone = [" | ".join(key) for key in by_function if key not in keys]
    return gone + [piece for piece in anywhere if piece not in pieces]


def listed() -> tuple[dict[str, str], dict[Key, str]]:
    """Return the reasons of the list: by changed expression, wherever it stands, and by place and change."""
    written = yaml.safe_load(LISTED.read_text(encoding="utf-8"))
    anywhere = {piece: group["why"] for group in written.pop("anywhere") for piece in group["faults"]}
    by_function = {
        (file, "" if function == CONSTANTS else function, change): group["why"]
        for file, functions in written.items()
        for function, groups in functions.items()
        for group in groups
        for change in group["faults"]
    }
    return anywhere, by_function
