"""Read the report's packed columns in Python, by their description and not by the code that wrote them."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Unpack = Callable[[dict[str, Any]], dict[str, np.ndarray]]


@pytest.fixture(scope="session")
def unpacked() -> Unpack:
    return read_columns


def read_columns(packed: dict[str, Any]) -> dict[str, np.ndarray]:
    raw = np.frombuffer(gzip.decompress(base64.b64decode(packed["data"])), np.uint8)
    n, place, table = packed["n"], 0, {}
    for name, head in packed["columns"].items():
        gaps = raw[place : place + n].astype(bool) if head["gaps"] else np.zeros(n, bool)
        place += n if head["gaps"] else 0
        planes = raw[place : place + head["planes"] * n].reshape(head["planes"], n).astype(np.int64)
        place += head["planes"] * n
        steps = sum((plane << (8 * weight) for weight, plane in enumerate(planes)), np.zeros(n, np.int64))
        if head["signed"]:
            steps = np.where(steps & 1, -(steps >> 1) - 1, steps >> 1)
        whole = np.cumsum(steps) if head["wanders"] else steps
        table[name] = np.where(gaps, np.nan, head["first"] + whole * head["unit"])
    assert place == len(raw)
    return table
