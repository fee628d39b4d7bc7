"""What is told of an episode that has ended."""

from __future__ import annotations

from typing import Any

import numpy as np

from keel.rl.layout import MULTIPLIED


def episode_figures(env: np.void) -> dict[str, Any]:
    """Return the figures of the episode of an ENV record: fractions of equity and counts, by name.

    `cost_share` is what fees, spread and impact took of the starting equity.
    """
    start = float(env["start_equity"])
    costs = float(env["fees"]) + float(env["spread_costs"]) + float(env["impact_costs"])
    return {
        "return": float(env["equity"]) / start - 1.0,
        "max_drawdown": -float(env["max_drawdown"]),
        "turnover": float(env["notional"]) / start,
        "cost_share": costs / start,
        "fills": int(env["fills"]),
        "bars": int(env["steps"]),
    }


def episode_setup(env: np.void) -> dict[str, Any]:
    """Return what repeats the episode of an ENV record: its number, patch, rows and multipliers of costs."""
    multipliers = dict(zip(MULTIPLIED, env["multipliers"].tolist(), strict=True))
    return {
        "episode": int(env["episode"]) - 1,
        "patch": int(env["patch"]),
        "start_row": int(env["start_row"]),
        "stop_row": int(env["stop_row"]),
        "multipliers": multipliers,
    }
