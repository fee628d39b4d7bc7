"""What /health and /status say: the board's newest facts as JSON, each answer of one moment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum

from keel.domain.live_status import LiveStatus
from keel.live.board import StatusBoard


def health_facts(board: StatusBoard) -> dict[str, object]:
    """Return whether the run is well and, if not, why."""
    status, reasons = board.look()
    facts: dict[str, object] = {"status": "unhealthy" if reasons else "ok", "reasons": list(reasons)}
    if status is not None:
        facts |= {
            "run_id": status.run_id,
            "phase": status.phase,
            "trading_state": status.trading_state.name,
            "last_bar_age_s": status.last_bar_age_s,
        }
    facts["loop_silence_s"] = round(board.silence_s(), 3)
    return _plain_tree(facts)


def status_facts(board: StatusBoard) -> dict[str, object]:
    """Return everything the newest status holds, what follows from it, and the health; NaN is null.

    Before the first status there is the health alone.
    """
    status, reasons = board.look()
    facts: dict[str, object] = {
        "healthy": not reasons,
        "unhealthy_reasons": list(reasons),
        "loop_silence_s": round(board.silence_s(), 3),
        "status_age_s": board.status_age_s(),
    }
    if status is not None:
        facts |= _fields(status)
    return _plain_tree(facts)


def _fields(status: LiveStatus) -> dict[str, object]:
    return asdict(status) | {"fill_rate": status.fill_rate, "error_rate": status.error_rate}


def _plain_tree(tree: Mapping[str, object]) -> dict[str, object]:
    return {name: _plain(entry) for name, entry in tree.items()}


def _plain(value: object) -> object:
    """Return a value as JSON can hold it: states by name, what is no number as null."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return _plain_tree(value)
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value
