"""TA-Lib, as the features and the shipped strategies use it: arrays in, arrays out."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any, cast


def _import_talib() -> ModuleType:
    """Import TA-Lib without pandas, which it loads where it is installed only to accept its Series.

    That is 45 MB and a fifth of a second a run. Where pandas is in use already, TA-Lib gets it.
    """
    if "pandas" in sys.modules:
        return importlib.import_module("talib")
    modules = cast(dict[str, Any], sys.modules)
    modules["pandas"] = None
    try:
        return importlib.import_module("talib")
    finally:
        del modules["pandas"]


talib = _import_talib()
