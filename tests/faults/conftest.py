"""What every row of the fault table has at hand."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK imports what its WebSocket library is giving up
    import binance  # noqa: F401


@pytest.fixture
def seen(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Take what was seen, for the matrix that `make faults` prints."""
    return lambda text: record_property("seen", text)
