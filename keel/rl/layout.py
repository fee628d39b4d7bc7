"""The records of a vector environment, one an environment, beside those of the simulator (`keel.domain.layout`)."""

from __future__ import annotations

from typing import Final

import numpy as np

LOG_GROWTH: Final = 0
DIFFERENTIAL_SHARPE: Final = 1
MEAN_VARIANCE: Final = 2

PATCH: Final = np.dtype(
    [
        # rows an episode's first decision may be taken on: first … last - 1
        ("first", "i8"),
        ("last", "i8"),
        # the row whose close ends every episode of the patch
        ("end", "i8"),
        # the part of all episodes that come from this patch or one before it
        ("up_to", "f8"),
    ]
)
"""A stretch of rows to train on; episodes never leave it."""

MULTIPLIED: Final = ("fee", "spread", "impact", "latency")
"""What of the execution a multiplier is drawn for, in this order."""

TASK: Final = np.dtype(
    [
        # the observation: bars in it, and where account features lie (keel.features.observation_layout)
        ("window", "i8"),
        ("places", "i8", (4,)),
        ("stride", "i8"),
        ("drawdown_place", "i8"),
        ("size", "i8"),
        ("bound", "f8"),
        # episodes
        ("begins_anew", "i1"),
        # whether a latch of the risk guard ends an episode, or it is played on as a backtest is
        ("ends_at_latch", "i1"),
        ("episode_bars", "i8"),
        ("seed", "u4"),
        # multipliers of costs and latency are drawn uniformly between these, in the order of MULTIPLIED
        ("least", "f8", (4,)),
        ("most", "f8", (4,)),
        # reward
        ("reward", "i8"),
        ("reward_scale", "f8"),
        ("risk_aversion", "f8"),
        ("sharpe_rate", "f8"),
        ("drawdown_penalty", "f8"),
        ("turnover_penalty", "f8"),
        ("cvar_penalty", "f8"),
        ("cvar_tail", "f8"),
    ],
    align=True,
)
"""What is asked of the agent: one record for all environments."""

ENV: Final = np.dtype(
    [
        # the episode: where it is, and what was drawn for it
        ("patch", "i8"),
        ("episode", "i8"),
        ("start_row", "i8"),
        ("stop_row", "i8"),
        ("multipliers", "f8", (4,)),
        ("waits", "i1"),
        ("fresh", "i1"),
        ("terminated", "i1"),
        ("truncated", "i1"),
        # what it has come to
        ("steps", "i8"),
        ("start_equity", "f8"),
        ("equity", "f8"),
        ("peak_equity", "f8"),
        ("drawdown", "f8"),
        ("max_drawdown", "f8"),
        ("rewards", "f8"),
        ("reward", "f8"),
        ("fills", "i8"),
        ("notional", "f8"),
        ("fees", "f8"),
        ("spread_costs", "f8"),
        ("impact_costs", "f8"),
        ("counted", "i8"),
        # running moments of the reward (differential Sharpe) and running quantile of the loss (CVaR)
        ("mean", "f8"),
        ("square", "f8"),
        ("quantile", "f8"),
        # the step: traded notional over equity
        ("turnover", "f8"),
    ],
    align=True,
)
"""The state of one environment beside its run."""
