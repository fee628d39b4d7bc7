"""The worlds as environments: `TradingVecEnv` over the kernel, with the features, normaliser and actions of Keel.

Only bars, costs and reward make them these worlds. The signals are columns beside the bars, the last move is the log
return of one bar, the position the account's weight; the normaliser is fitted on a market of its own.

*Volatility.* An episode may begin at any row, so no first return can set the volatility that scales quadratic costs:
an instrument begins with it, and with smoothing of 0 it stays (rule 11).

*Reward.* Log growth of an account of PRICE units is profit over equity to 10⁻⁸ of itself. W2 charges ½ γ on the square
of the position, mean-variance on that of a step's profit, which is more where a drift is expected: by 18% in the mean
of the best policy's steps, and risk aversion is less by as much. `Stage.in_units` takes off the one charge and puts
on the other, from what was held, so that scores and checks are in the world's own terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from keel.config.environment import BinsAction, EnvironmentSection, RewardSection, WeightAction
from keel.config.observation import ExtraColumn, LogReturn, ObservationSection
from keel.domain.layout import ACTION, BAR
from keel.domain.rng_nb import EPISODE, uniforms_nb
from keel.features.fitted import Fitted
from keel.features.observation import compute_features, fit
from keel.rl.vec_env import TradingVecEnv
from keel.rl.world import Patch, build_world
from keel.strategies.actions import actions_of

from .bars import MOST_UNITS, PRICE, WARM_UP_ROWS, bars_of, columns_of, records_of
from .clean import Market, draw, play
from .optimum import optimum_of
from .planted import Bug
from .planted_env import PlantedVecEnv
from .worlds import Floats, GarleanuPedersen, Positions, World

_CLIP: Final = 10.0
"""Deviations at which a feature is cut off: no normal number gets there."""
_ROWS_TO_FIT: Final = 200_000
_MOST_CHANGE: Final = 3.0
"""Units by which an agent may change its position at once where it names the change."""
_ENDLESS: Final = 100_000_000


@dataclass(frozen=True)
class Stage:
    """Hold a world, how an agent names its position in it, what observations are normalised by, and W2's aversion."""

    world: World
    positions: Positions
    fitted: Fitted
    risk_aversion: float

    def seen(self, observations: Floats) -> Floats:
        """Return what observations (B, K + 2) show, in the clean simulator's units: signals, last move, position."""
        shown = observations.astype(np.float64)
        shown[:, :-1] = shown[:, :-1] * self.fitted.scale[0] + self.fitted.centre[0]
        shown[:, -2] = np.expm1(shown[:, -2]) * PRICE
        return shown

    def shown(self, seen: Floats) -> Floats:
        """Return the observations, float32, that show what is `seen`; the inverse of `seen`."""
        shown = seen.copy()
        shown[:, -2] = np.log1p(shown[:, -2] / PRICE)
        shown[:, :-1] = (shown[:, :-1] - self.fitted.centre[0]) / self.fitted.scale[0]
        return np.clip(shown, -_CLIP, _CLIP).astype(np.float32)

    def actions(self, positions: Floats, held: Floats) -> np.ndarray:
        """Return the actions that ask for `positions` (B,) of who holds `held` (B,)."""
        if self.positions == "discrete":
            return np.rint(positions + 1.0).astype(np.int64)
        return (positions - held if self.positions == "any" else positions)[:, None].astype(np.float32)

    def asked(self, actions: np.ndarray, held: Floats) -> Floats:
        """Return the positions (B,) that actions ask for."""
        if self.positions == "discrete":
            return actions - 1.0
        given = actions[:, 0].astype(np.float64)
        return held + given if self.positions == "any" else np.clip(given, -1.0, 1.0)

    def in_units(self, rewards: Floats, profits: Floats, positions: Floats) -> Floats:
        """Return rewards as the environment pays them, in units, in the world's terms."""
        return rewards + 0.5 * self.risk_aversion * profits**2 - self.world.risk_penalty(positions)


class ChangesOfPosition(VecEnvWrapper):
    """Let the agent name the change of its position, in units, where the environment takes weights."""

    def __init__(self, venv: VecEnv) -> None:
        super().__init__(venv, action_space=spaces.Box(-_MOST_CHANGE, _MOST_CHANGE, (1,), np.float32))
        self._weights = np.zeros((venv.num_envs, 1), np.float32)

    def reset(self) -> np.ndarray:
        return self._kept(self.venv.reset())

    def step_async(self, actions: np.ndarray) -> None:
        self.venv.step_async((self._weights + actions) / MOST_UNITS)

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        observations, rewards, dones, infos = self.venv.step_wait()
        return self._kept(observations), rewards, dones, infos

    def _kept(self, observations: np.ndarray) -> np.ndarray:
        self._weights = observations[:, -1:]
        return observations


@cache
def stage_of(world: World, positions: Positions) -> Stage:
    """Return the stage of a world, its normaliser fitted on a market that nobody trains or is scored on."""
    columns = [ExtraColumn(kind="column", name=name) for name in world.signal_names]
    section = ObservationSection(clip=_CLIP, features=(*columns, LogReturn(kind="log_return")), account=("weight",))
    market = draw(world, 0, _ROWS_TO_FIT, 1)
    return Stage(
        world, positions, fit(section, ["PATH0/USDT"], *_recorded(world, market)), _risk_aversion(world, market)
    )


def _risk_aversion(world: World, market: Market) -> float:
    """Return what charges the best policy's profits, in the mean, what the world charges its positions."""
    if not isinstance(world, GarleanuPedersen):
        return 0.0
    best = play(world, market, optimum_of(world).policy)
    profits = best.positions * market.moves - best.costs
    return float(world.risk_aversion * np.mean(best.positions**2) / np.mean(profits**2))


def training_env(stage: Stage, seed: int, *, n_envs: int, rows: int, episode_bars: int, scale: float) -> VecEnv:
    """Return environments on one fresh path of `rows` bars; each episode begins at a row drawn anew."""
    market = draw(stage.world, seed, rows, 1)
    return _env(stage, [_patch(stage, market, 0)], n_envs, episode_bars, scale, seed)


def scoring_env(stage: Stage, market: Market, seed: int = 0, bug: Bug = Bug.NONE) -> VecEnv:
    """Return one environment for each path of a market, in an order of their own, for a single episode from its start.

    Patches are drawn for environments, so each patch is given the part of the draw's range that one environment hits.
    A market of T + 2 bars gives T steps.
    """
    n = market.moves.shape[1]
    drawn = np.sort([uniforms_nb(seed, env, 0, 0, 0, EPISODE, 0)[0] for env in range(n)])
    weights = np.diff([0.0, *(0.5 * (drawn[1:] + drawn[:-1])), 1.0])
    patches = [_patch(stage, market, path, float(weight)) for path, weight in enumerate(weights)]
    return _env(stage, patches, n, _ENDLESS, 1.0, seed, bug)


def _patch(stage: Stage, market: Market, path: int, weight: float = 1.0) -> Patch:
    own = Market(*(each[:, path : path + 1] for each in vars(market).values()))
    bars, extra = _recorded(stage.world, own)
    features = compute_features(stage.fitted, bars, extra)
    return Patch(f"path {path}", bars, np.zeros((0, 1)), features, WARM_UP_ROWS, _slots(stage.world), weight)


def _recorded(world: World, market: Market) -> tuple[np.ndarray, dict[str, Floats]]:
    """Return bars (rows, 1) and the signals beside them; the last row, which has none, is left out."""
    columns = columns_of(market)[:-1]
    return bars_of(world, market)[:-1], {name: columns[:, :, at] for at, name in enumerate(world.signal_names)}


@cache
def _slots(world: World) -> np.ndarray:
    slots = records_of(world)[1]
    slots["bar_count"], slots["mark"] = 2, PRICE
    slots["var_short"] = slots["var_long"] = PRICE**-2
    return slots


def _env(
    stage: Stage,
    patches: list[Patch],
    n_envs: int,
    episode_bars: int,
    scale: float,
    seed: int,
    bug: Bug = Bug.NONE,
) -> VecEnv:
    run = records_of(stage.world)[0]
    run["seed"] = seed
    section = EnvironmentSection(
        action=_ACTIONS[stage.positions], reward=_reward(stage, scale), episode_bars=episode_bars
    )
    world = build_world(
        patches, run, section, stage.fitted.layout, _CLIP, fine=np.zeros(0, BAR), actions=np.zeros(0, ACTION)
    )
    env: VecEnv = TradingVecEnv(world, actions_of(section.action, 1), n_envs)
    if bug is not Bug.NONE:
        env = PlantedVecEnv(env, bug, flat=1 if stage.positions == "discrete" else 0)
    return ChangesOfPosition(env) if stage.positions == "any" else env


def _reward(stage: Stage, scale: float) -> RewardSection:
    if isinstance(stage.world, GarleanuPedersen):
        return RewardSection(kind="mean_variance", risk_aversion=stage.risk_aversion * PRICE, scale=scale * PRICE)
    return RewardSection(kind="log_growth", scale=scale * PRICE)


_ACTIONS: Final = {
    "discrete": BinsAction(kind="bins", weights=(-1.0, 0.0, 1.0)),
    "continuous": WeightAction(kind="weight", least=-1.0, most=1.0),
    "any": WeightAction(kind="weight", least=-MOST_UNITS, most=MOST_UNITS),
}
