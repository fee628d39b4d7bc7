"""Hashes that say whether two runs are the same: of a config, and of a result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keel.domain.orders import EventKind

FILL_FIELDS: Final = (
    "instrument",
    "order_id",
    "side",
    "ts_ms",
    "response_ts_ms",
    "qty",
    "price",
    "reference_price",
    "fee",
    "spread_cost",
    "impact_cost",
    "rounding_cost",
    "type",
    "reason",
    "maker",
    "fee_qty",
    "rate",
    "cash",
)
"""The event fields of a fill that enter the canonical hash, in this order."""


def canonical_json(value: object) -> str:
    """Return a tree's one JSON text: sorted keys, no spaces, floats by `repr`, numpy numbers as Python's.

    What JSON lacks (Decimal, dates, paths) is written as its string.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)


def config_hash(resolved: Mapping[str, Any]) -> str:
    """Return the SHA-256 (64 hex digits) of a resolved config; key order does not matter."""
    return hashlib.sha256(canonical_json(resolved).encode()).hexdigest()


def canonical_hash(metrics: Mapping[str, Any], events: NDArray[np.void]) -> str:
    """Return the SHA-256 (64 hex digits) of a result: its metrics and its fills, to the last bit.

    `metrics` is a JSON-able tree; `events` are EVENT records of which only the FILLED ones count. The digest
    covers the canonical JSON of the metrics, then for each of FILL_FIELDS its name and the little-endian
    bytes of its column. Run id, times of day, paths and machine do not enter, so the same config, data and
    seed give the same hash (design, section 4).
    """
    digest = hashlib.sha256(canonical_json(metrics).encode())
    fills = events[events["kind"] == EventKind.FILLED]
    for name in FILL_FIELDS:
        column = fills[name]
        digest.update(f"\n{name}:{len(column)}:".encode())
        digest.update(np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
