"""What became of each agent of a population: population.jsonl, one JSON object a line, and a summary of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from keel.rl.population.mutation import Values
from keel.runs.disk import disk_errors_named

RECORD: Final = "population.jsonl"


class Record:
    """Append to a run's record.

    Its events are `began` and `resumed` (values), `looked` and `ended` (figures, values), `copied` (from whom, at which
    steps, with which values then) and `failed` (why).
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / RECORD
        if self._path.exists() and not self._path.read_bytes().endswith(b"\n"):
            with disk_errors_named(self._path), self._path.open("a", encoding="utf-8") as file:
                file.write("\n")  # a kill cut the last line short

    def note(self, event: str, member: int, steps: int, **more: Any) -> None:  # noqa: ANN401 - as JSON can hold it
        """Append an event of an agent."""
        line = json.dumps({"event": event, "member": member, "steps": steps, **more}) + "\n"
        with disk_errors_named(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(line)


def summary(folder: Path, best_by: str) -> list[dict[str, Any]]:
    """Return a row for each agent of a run, in their order.

    Each has `member`, `steps`, `score` (of its last look, None where undefined), `best` (of its own looks), `lineage`
    (whom it copied, at which steps), `first` and `last` values. Lines that a kill cut short are left out.
    """
    rows: dict[int, dict[str, Any]] = {}
    for event in _events(folder / RECORD):
        row = rows.setdefault(event["member"], _row(event["member"], event.get("values", {})))
        row["steps"] = event["steps"]
        row["last"] = event.get("values", row["last"])
        if event["event"] == "copied":
            row["lineage"].append({"from": event["from"], "steps": event["steps"]})
        if event["event"] in ("looked", "ended"):
            score = event["figures"].get(best_by)
            row["score"] = score
            row["best"] = (
                score if row["best"] is None else max(row["best"], score if score is not None else row["best"])
            )
    return [rows[member] for member in sorted(rows)]


def _row(member: int, values: Values) -> dict[str, Any]:
    return {
        "member": member,
        "steps": 0,
        "score": None,
        "best": None,
        "lineage": [],
        "first": values,
        "last": values,
    }


def _events(path: Path) -> list[Mapping[str, Any]]:
    found = []
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
