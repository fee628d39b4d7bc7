"""Packages that only some commands need."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from keel.domain.errors import UsageError

_TUNING: Final = ("fsspec", "pandas", "ray", "requests")
_LEARNING: Final = ("gymnasium", "stable_baselines3", "sb3_contrib", "tensorboard", "torch")


def need_rl() -> None:
    """Raise UsageError, naming the extra, where a package that trains or serves agents is not installed."""
    lacking = [name for name in _LEARNING if find_spec(name) is None]
    if lacking:
        raise UsageError(
            f"{', '.join(lacking)} not installed: agents need the extra rl: "
            "python -m pip install --constraint constraints.txt '.[rl]'"
        )


def need_ray() -> None:
    """Raise UsageError, naming the extra, where a package that a population learns by is not installed."""
    lacking = [name for name in _TUNING if find_spec(name) is None]
    if lacking:
        raise UsageError(
            f"{', '.join(lacking)} not installed: training.population needs the extra ray: "
            "python -m pip install --constraint constraints.txt '.[rl,ray]', or set training.population to null"
        )
