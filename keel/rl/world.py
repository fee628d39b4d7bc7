"""From what a run knows of its market to the world that environments step through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from keel.config.environment import EnvironmentSection, RewardSection
from keel.domain.errors import DataError
from keel.features.observation_layout import ObservationLayout
from keel.risk.sector_caps import SectorCaps
from keel.rl.arrays import Floats, Records, World
from keel.rl.layout import DIFFERENTIAL_SHARPE, LOG_GROWTH, MEAN_VARIANCE, MULTIPLIED, PATCH, TASK

Kind = TypeVar("Kind", bound=np.generic)

_REWARDS = {
    "log_growth": LOG_GROWTH,
    "differential_sharpe": DIFFERENTIAL_SHARPE,
    "mean_variance": MEAN_VARIANCE,
}


@dataclass(frozen=True)
class Patch:
    """Hold a stretch of bars to train on: BAR (rows, N), rates (rows, N) or (0, N), and float32 features (rows, N, F).

    Features are defined from row `first` on; `slots` is SLOT (N,); `weight` is how often episodes come from it, beside
    other patches.
    """

    name: str
    bars: Records
    rates: Floats
    features: NDArray[np.float32]
    first: int
    slots: Records
    weight: float = 1.0


def build_world(
    patches: Sequence[Patch],
    run: Records,
    section: EnvironmentSection,
    layout: ObservationLayout,
    bound: float,
    fine: Records,
    actions: Records,
    caps: SectorCaps | None = None,
) -> World:
    """Return the world of these patches; bars and features are kept once, for all environments.

    `run` is RUN (1,), `caps` what the targets of sectors may come to; no number of an observation is further from 0
    than `bound`. Raises DataError, naming the patch, where it is too short for a single step.
    """
    starts = np.cumsum([0, *(len(patch.bars) for patch in patches)])
    rows = np.zeros(len(patches), PATCH)
    shares = np.cumsum([patch.weight for patch in patches])
    for record, patch, start, share in zip(rows, patches, starts, shares, strict=False):
        _set_rows(record, patch, int(start), section.episode_bars)
        record["up_to"] = share / shares[-1]
    return World(
        bars=_joined([patch.bars for patch in patches]),
        fine=fine,
        actions=actions,
        rates=_joined([patch.rates for patch in patches]),
        features=_joined([patch.features.reshape(len(patch.features), -1) for patch in patches]),
        task=_task(section, layout, bound, int(run["seed"][0])),
        patches=rows,
        run=run,
        slots=np.stack([patch.slots for patch in patches]),
        caps=caps,
    )


def _set_rows(record: np.void, patch: Patch, start: int, episode_bars: int) -> None:
    rows = len(patch.bars)
    if rows - patch.first < 2:
        raise DataError(
            f"{patch.name}: {rows} bars are too few to train on: an observation is whole from bar {patch.first + 1} "
            "on, and a step needs one more; give more bars, or shorten observation.window or its features"
        )
    record["first"], record["end"] = start + patch.first, start + rows - 1
    # A patch that is shorter than an episode is played from its first row to its last.
    record["last"] = start + max(patch.first + 1, rows - 1 - episode_bars + 1)


def _joined(parts: Sequence[NDArray[Kind]]) -> NDArray[Kind]:
    return np.ascontiguousarray(parts[0] if len(parts) == 1 else np.concatenate(parts))


def _task(section: EnvironmentSection, layout: ObservationLayout, bound: float, seed: int) -> Records:
    task = np.zeros(1, TASK)
    task["window"], task["size"], task["bound"] = layout.window, layout.size, bound
    task["places"], task["stride"] = layout.instrument_places, layout.account_stride
    task["drawdown_place"] = layout.drawdown_place
    task["begins_anew"] = task["ends_at_latch"] = True
    task["episode_bars"], task["seed"] = section.episode_bars, seed
    for at, name in enumerate(MULTIPLIED):
        task["least"][0, at], task["most"][0, at] = getattr(section.randomize, name)
    _set_reward(task[0], section.reward)
    return task


def _set_reward(task: np.void, reward: RewardSection) -> None:
    task["reward"], task["reward_scale"] = _REWARDS[reward.kind], reward.scale
    for name in ("risk_aversion", "sharpe_rate", "drawdown_penalty", "turnover_penalty", "cvar_penalty", "cvar_tail"):
        task[name] = getattr(reward, name)
