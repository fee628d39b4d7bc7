"""What a live run on any exchange needs, imported by the server that forks runs, and by nobody else."""

from __future__ import annotations

import importlib
import warnings

from keel.sim.warm_up import warm_up

_NEEDED = ("exchange_calendars", "keel.app.alpaca_ways", "keel.app.binance_ways", "pytest", "rehearsal.stage")
"""pytest, for a forked process imports the main module of the one that asked for it."""

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # libraries import what others are giving up
    for name in _NEEDED:
        importlib.import_module(name)
for _ in warm_up():
    """Have the compiled simulator at hand."""
