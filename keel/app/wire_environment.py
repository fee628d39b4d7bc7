"""Build the environments of a config of mode train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from keel.app.wire_data import MarketData, read_market_data
from keel.app.wire_sectors import sector_caps_of
from keel.app.wiring import instruments_of
from keel.config.environment import EnvironmentSection, RandomizeSection
from keel.config.load import LoadedConfig, load_config
from keel.config.modes import TrainRun
from keel.domain.errors import ConfigError, DataError
from keel.domain.layout import BAR_PRESENT
from keel.features.account_nb import MOST
from keel.features.fitted import Fitted, join_fitted
from keel.features.kinds import extra_columns, warm_up_bars
from keel.features.observation import compute_features, first_row, fit
from keel.features.observation_layout import ObservationLayout
from keel.rl.arrays import World
from keel.rl.gym_env import TradingEnv, TradingVectorEnv
from keel.rl.spans import Rows, Split, split_rows
from keel.rl.world import Patch, build_world
from keel.runs.manifest import DataRecord
from keel.sim.parameters import run_records, slot_records
from keel.strategies.actions import Actions, actions_of

if TYPE_CHECKING:
    from keel.rl.vec_env import TradingVecEnv

Given = LoadedConfig | Path | str
"""A config, or its file."""


@dataclass(frozen=True)
class Wired:
    """Hold what environments are made of.

    `world` is that of the training spans, `validation` one world for each group of symbols decided together, each a
    single episode over the validation span at the config's own costs. `spans` tells the spans in UTC epoch
    milliseconds; the bars of the test span are in none of it. `fitted` is what features were normalised by, on the
    training spans alone; `layout` lays out one observation. `weight_range` is what limits and venue let through.
    """

    config: TrainRun
    world: World
    validation: tuple[World, ...]
    actions: Actions
    weight_range: tuple[float, float]
    fitted: Fitted
    layout: ObservationLayout
    bound: float
    split: Split
    spans: Mapping[str, Any]
    records: tuple[DataRecord, ...]


def make_env(config: Given) -> TradingEnv:
    """Return one Gymnasium environment of a config: what `gymnasium.make("keel/Trading-v0", config=…)` calls.

    Raises ConfigError or DataError, one line that names the key or file.
    """
    wired = wire_environment(_loaded(config))
    return TradingEnv(wired.world, wired.actions)


def make_vector_env(config: Given, num_envs: int = 1, threads: int = 1) -> TradingVectorEnv:
    """Return many environments as one Gymnasium vector environment. Raises as `make_env` does."""
    wired = wire_environment(_loaded(config))
    return TradingVectorEnv(wired.world, wired.actions, num_envs, threads)


def make_vec_env(config: Given, n_envs: int, threads: int = 1) -> TradingVecEnv:
    """Return many environments as stable-baselines3 takes them. Raises as `make_env` does."""
    from keel.rl.vec_env import TradingVecEnv  # it loads torch

    wired = wire_environment(_loaded(config))
    return TradingVecEnv(wired.world, wired.actions, n_envs, threads, wired.weight_range)


def wire_environment(loaded: LoadedConfig) -> Wired:
    """Read the bars of a config of mode train and build its worlds; test bars are dropped as soon as they are read.

    Raises ConfigError or DataError, one line that names the key or file.
    """
    config = loaded.config
    if not isinstance(config, TrainRun):
        place = loaded.document.place(("mode",))
        raise ConfigError(f"{place}: mode: {config.mode} has no environment: give a config of mode train")
    read = read_market_data(config, loaded.document, extra_columns(config.observation))
    closes = read.bars["close_ts_ms"][:, 0]
    split = split_rows(config.spans, closes)
    spans = split.in_ms(closes)
    data = read.until(split.open_rows)
    del read
    return _Wiring(config, data, split).wired(spans)


class _Wiring:
    """Make worlds of bars: of all symbols together, or of each apart."""

    def __init__(self, config: TrainRun, data: MarketData, split: Split) -> None:
        self._config, self._data, self._split = config, data, split
        n = len(config.data.symbols)
        self._apart = config.environment.symbols == "apart"
        self._groups = [[i] for i in range(n)] if self._apart else [list(range(n))]
        self._slots = slot_records(config, instruments_of(config))
        self._slots["fine_start"], self._slots["fine_end"] = data.fine_starts, data.fine_ends
        self._slots["action_start"], self._slots["action_end"] = data.action_starts, data.action_ends
        self._caps, self._sector_records = sector_caps_of(config)

    def wired(self, spans: Mapping[str, Any]) -> Wired:
        config, section = self._config, self._config.environment
        fitted = [self._fit(group) for group in self._groups]
        layout = fitted[0].layout
        patches, looks = [], []
        for group, one in zip(self._groups, fitted, strict=True):
            seen = _Seen(self, group, one)
            patches += seen.training_patches()
            looks += seen.validation_patches()
        for where, found in (("training span", patches), ("validation span", looks)):
            if not found:
                raise DataError(f"no {where} has bars enough for a single step: give more bars or shorter features")
        bound = max(config.observation.clip, MOST)
        return Wired(
            config=config,
            world=self._world(patches, section, layout, bound),
            validation=tuple(self._world([look], _as_it_is(section, look), layout, bound) for look in looks),
            actions=actions_of(section.action, len(self._groups[0])),
            weight_range=self._weight_range(),
            fitted=join_fitted(fitted),
            layout=layout,
            bound=bound,
            split=self._split,
            spans=spans,
            records=(*self._data.records, *self._sector_records),
        )

    def _world(
        self, patches: Sequence[Patch], section: EnvironmentSection, layout: ObservationLayout, bound: float
    ) -> World:
        data = self._data
        run = run_records(self._config)
        return build_world(patches, run, section, layout, bound, data.fine, data.actions, self._caps)

    def _fit(self, group: list[int]) -> Fitted:
        """Learn what a group's features are normalised by, from its bars in training spans."""
        symbols = tuple(self._config.data.symbols[i] for i in group)
        section, view, extra = self._config.observation, *self.seen(group)
        spans = self._split.train
        if self._apart:  # a symbol that was listed later has no bars in earlier spans
            need = warm_up_bars(section)
            there = [rows for rows in spans if np.count_nonzero(view["flags"][slice(*rows), 0] & BAR_PRESENT) > need]
            spans = tuple(there) or spans
        return fit(section, symbols, view, extra, spans)

    def seen(self, group: list[int]) -> tuple[NDArray[np.void], dict[str, NDArray[np.float64]]]:
        """Return a group's bars as features see them, and the series beside them."""
        data = self._data
        if not self._apart:
            return data.view, dict(data.extra)
        return data.view[:, group], {name: values[:, group] for name, values in data.extra.items()}

    def _weight_range(self) -> tuple[float, float]:
        config = self._config
        most = config.risk.max_position_weight or 10.0
        shorts = all(config.market.rules_for(symbol).shortable for symbol in config.data.symbols)
        return (-most if shorts else 0.0), most

    @property
    def parts(self) -> tuple[TrainRun, MarketData, Split, NDArray[np.void]]:
        """Return config, data, split and the slots of all symbols."""
        return self._config, self._data, self._split, self._slots


class _Seen:
    """Hold one group's features, and cut patches from them."""

    def __init__(self, wiring: _Wiring, group: list[int], fitted: Fitted) -> None:
        self._config, self._data, self._split, slots = wiring.parts
        self._group, self._slots = group, slots[group]
        view, extra = wiring.seen(group)
        self._features = compute_features(fitted, view, extra)
        self._window = self._config.observation.window
        self._first = first_row(self._config.observation, fitted.symbols, view)
        # Decided apart, a symbol is out of the market once its own bars have ended.
        present = np.flatnonzero(np.any(view["flags"] & BAR_PRESENT, axis=1))
        self._end = int(present[-1]) + 1

    def training_patches(self) -> list[Patch]:
        """Return a patch for each training span in which a step can be taken."""
        spans = zip(self._split.train, self._split.weights, strict=True)
        return self._playable([self._patch(rows, f"spans.train from row {rows[0]}", weight) for rows, weight in spans])

    def validation_patches(self) -> list[Patch]:
        """Return the patch of the validation span, whose first decision is taken on the span's first bar."""
        first, end = self._split.validation
        return self._playable([self._patch((max(first - self._window + 1, 0), end), "spans.validation", 1.0)])

    def _playable(self, patches: list[Patch]) -> list[Patch]:
        """Leave out, of a symbol decided apart, the spans in which it has no bars; together that is refused by name."""
        if self._config.environment.symbols == "together":
            return patches
        return [patch for patch in patches if len(patch.bars) - patch.first >= 2]

    def _patch(self, rows: Rows, name: str, weight: float | None) -> Patch:
        first, end = rows[0], max(min(rows[1], self._end), rows[0])
        begins = max(self._first - first, self._window - 1)
        symbols = [self._config.data.symbols[i] for i in self._group]
        times = self._config.environment.symbol_weights.get(symbols[0], 1.0) if len(symbols) == 1 else 1.0
        rates = self._data.rates
        return Patch(
            name=f"{', '.join(symbols)} {self._config.data.timeframe}, {name}",
            bars=np.ascontiguousarray(self._data.bars[first:end, self._group]),
            rates=np.ascontiguousarray(rates[first:end, self._group]) if len(rates) else rates[:0, self._group],
            features=self._features[first:end],
            first=begins,
            slots=self._slots,
            weight=times * (max(end - first - begins, 1) if weight is None else weight),
        )


def _as_it_is(section: EnvironmentSection, patch: Patch) -> EnvironmentSection:
    """Return the section for a single episode over a whole patch at the config's own costs."""
    return section.model_copy(update={"randomize": RandomizeSection(), "episode_bars": len(patch.bars)})


def _loaded(config: Given) -> LoadedConfig:
    return config if isinstance(config, LoadedConfig) else load_config(Path(config), expect_mode="train")
