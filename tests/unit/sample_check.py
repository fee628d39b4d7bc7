"""Where a message has other fields or types than a vendor's own sample of it."""

from __future__ import annotations

from collections.abc import Set
from typing import Any


def differences(sample: Any, ours: Any, conditional: Set[str] = frozenset(), at: str = "") -> list[str]:
    """Return where a message differs from a sample; `conditional` fields may be left out or null."""
    if isinstance(sample, dict) and isinstance(ours, dict):
        missing = [f"{at}.{name} is missing" for name in sample.keys() - ours.keys() - conditional]
        strange = [f"{at}.{name} is not documented" for name in ours.keys() - sample.keys() - conditional]
        both = [name for name in sample.keys() & ours.keys() if name not in conditional or ours[name] is not None]
        below = [differences(sample[name], ours[name], conditional, f"{at}.{name}") for name in both]
        return [*missing, *strange, *(one for found in below for one in found)]
    if isinstance(sample, list) and isinstance(ours, list):
        if sample and all(isinstance(one, type(sample[0])) for one in sample):
            return [one for item in ours for one in differences(sample[0], item, conditional, f"{at}[]")]
        pairs = zip(sample, ours, strict=True) if sample else ()
        return [one for a, b in pairs for one in differences(a, b, conditional, f"{at}[]")]
    if sample is None or type(sample) is type(ours):
        return []
    return [f"{at} is {type(ours).__name__}, documented as {type(sample).__name__}"]
