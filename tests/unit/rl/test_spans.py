"""What is trained on, what chooses and what is sealed: rows by the config's spans, and refusals that say the mend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_training import NUMBERS, config_of, write_bars

from keel.app.wire_environment import wire_environment
from keel.config.spans import FractionSpans, WalkForwardSpans
from keel.domain.errors import ConfigError, DataError, UsageError
from keel.features.observation import fit
from keel.rl.spans import split_rows

HOUR_MS = 3_600_000
CLOSES = 1_609_459_200_000 + HOUR_MS * np.arange(1, 1001)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_bars()
    return tmp_path


def test_fractions_cut_in_order_of_time_and_the_test_span_is_sealed():
    split = split_rows(FractionSpans(train=0.6, validation=0.2), CLOSES)
    assert (split.train, split.validation, split.sealed) == (((0, 600),), (600, 800), (800, 1000))
    assert split.open_rows == 800
    with pytest.raises(UsageError, match="the test span is sealed"):
        _ = split.test


@given(
    folds=st.integers(1, 9),
    anchored=st.booleans(),
    purge=st.integers(0, 20),
    parts=st.sampled_from([(0.5, 0.1), (0.3, 0.2), (0.7, 0.05)]),
)
def test_folds_follow_one_another_and_training_ends_before_what_judges_it(folds, anchored, purge, parts):
    last_end = None
    for fold in range(1, folds + 1):
        section = WalkForwardSpans(
            kind="walk_forward",
            folds=folds,
            fold=fold,
            anchored=anchored,
            train=parts[0],
            validation=parts[1],
            purge_bars=purge,
        )
        split = split_rows(section, CLOSES)
        ((first, end),) = split.train
        assert end == split.validation[0] - purge
        assert (first == 0) or not anchored
        assert split.sealed is not None
        assert split.validation[1] == split.sealed[0] == (last_end or split.sealed[0])
        last_end = split.sealed[1]
    assert last_end == len(CLOSES)


def test_bars_around_a_validation_span_are_left_out_of_training(folder: Path):
    dates = (
        "spans={kind: dates, purge_bars: 5, embargo_bars: 7,"
        " train: [{end: 2021-01-05}, {start: 2021-01-08, end: 2021-01-15}],"
        " validation: {start: 2021-01-05, end: 2021-01-08}, test: {start: 2021-01-15}}"
    )
    wired = wire_environment(config_of([dates]))
    assert wired.split.train == ((0, 96 - 5), (168 + 7, 336 - 5))
    assert wired.split.validation == (96, 168)
    # Nothing of the test span is in memory, and nothing outside the training spans is in the training world.
    assert len(wired.world.bars) == 91 + 331 - 175
    assert int(wired.validation[0].bars["close_ts_ms"].max()) <= 1_609_459_200_000 + 168 * HOUR_MS


def test_features_are_normalised_by_the_training_spans_alone(folder: Path):
    loaded = config_of([])
    wired = wire_environment(loaded)
    bars = np.concatenate([wired.world.bars])
    alone = fit(wired.config.observation, ("A/USDT",), bars)
    assert wired.fitted.hash == alone.hash


def test_symbols_apart_are_patches_that_come_by_their_weights(folder: Path):
    write_bars("B/USDT", rows=600, seed=2)
    symbols = ["data.symbols=[A/USDT, B/USDT]", "environment.symbols=apart"]
    wired = wire_environment(config_of([*symbols, "environment.symbol_weights={A/USDT: 3}"]))
    assert wired.world.bars.shape[1] == 1
    assert len(wired.validation) == 2
    np.testing.assert_allclose(wired.world.patches["up_to"], [0.75, 1.0])
    assert wired.fitted.symbols == ("A/USDT", "B/USDT")


def test_a_symbol_listed_later_is_trained_on_from_then_on(folder: Path):
    write_bars("B/USDT", rows=600, seed=2)
    table = wire_environment(config_of(["data.symbols=[A/USDT, B/USDT]", "environment.symbols=apart"]))
    assert len(table.world.patches) == 2
    early = (
        "spans={kind: dates, train: [{end: 2021-01-03}, {start: 2021-01-06, end: 2021-01-15}],"
        " validation: {start: 2021-01-15, end: 2021-01-20}}"
    )
    (folder / "bars" / "testing" / "B-USDT" / "1h.parquet").unlink()
    _write_late()
    wired = wire_environment(config_of(["data.symbols=[A/USDT, B/USDT]", "environment.symbols=apart", early]))
    assert len(wired.world.patches) == 3


def _write_late() -> None:
    import polars as pl

    from keel.data.bars import StoredBars
    from keel.data.store import BarStore
    from keel.domain.instrument import InstrumentId

    store = BarStore(Path("bars"))
    table = pl.read_parquet("bars/testing/A-USDT/1h.parquet").filter(
        pl.col("open_ts_ms") >= 1_609_459_200_000 + 130 * HOUR_MS
    )
    store.write(StoredBars(InstrumentId("testing", "B/USDT"), "1h", "made up", "raw", "24/7", "UTC", table))


@pytest.mark.parametrize(
    ("override", "told"),
    [
        (
            "spans={kind: dates, train: [{end: 2021-01-08}], validation: {start: 2021-01-06}}",
            "spans.validation: overlaps",
        ),
        ("spans={kind: dates, train: [{}], validation: {start: 2030-01-01}}", "spans.validation: has 0 bars of"),
        (
            "spans={kind: dates, train: [{start: 2021-01-10}], validation: {end: 2021-01-05},"
            " test: {start: 2021-01-05, end: 2021-01-10}}",
            "spans.test: comes before spans.train",
        ),
        (
            "spans={kind: fractions, purge_bars: 500}",
            r"spans.train\[0\]: purge_bars 500 and embargo_bars 0 leave nothing",
        ),
        ("observation.window=500", "A/USDT 1h, spans.train from row 0: 420 bars are too few"),
    ],
)
def test_spans_that_cannot_be_are_refused(folder: Path, override: str, told: str):
    with pytest.raises(DataError, match=told):
        wire_environment(config_of([override]))


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["training.algorithm={kind: ppq}"], "training.algorithm.kind: expected 'ppo', 'maskable_ppo'"),
        (["training.algorithm={kind: sac}"], "sac chooses numbers, not bins: set environment.action.kind to weight"),
        (["training.algorithm={kind: dqn}", NUMBERS], "dqn chooses from a list: set environment.action.kind to bins"),
        (["training.algorithm={kind: maskable_ppo}", NUMBERS], "maskable_ppo masks bins"),
        (
            ["training.algorithm={kind: dqn}", "data.symbols=[A/USDT, B/USDT]"],
            "dqn chooses for one symbol, not 2: set environment.symbols to apart",
        ),
        (
            ["training.algorithm={kind: ppo, n_steps: 10, batch_size: 100}"],
            "does not divide a rollout, n_steps × n_envs = 40: 40 does",
        ),
        (["training.preset=fast", "training.algorithm={kind: a2c}"], "fast is for ppo and maskable_ppo, not a2c"),
        (["environment.symbol_weights={A/USDT: 2}"], "symbols that are traded together come together"),
        (["environment.symbols=apart", "environment.symbol_weights={C/USDT: 2}"], "C/USDT is not in data.symbols"),
        (["environment.symbols=apart", "environment.action={kind: portfolio}"], "portfolio shares equity out"),
        (["spans={kind: fractions, train: 0.8, validation: 0.2}"], "must leave a part for the test span"),
        (["spans={kind: walk_forward, folds: 3, fold: 4}"], r"must be 1 to folds \(3\), got 4"),
    ],
)
def test_combinations_that_cannot_be_trained_are_refused(folder: Path, overrides: list[str], told: str):
    with pytest.raises(ConfigError, match=told):
        config_of(overrides)


def test_the_fast_preset_fills_in_what_is_not_given(folder: Path):
    section = config_of(["training={preset: fast, algorithm: {kind: ppo, gamma: 0.9}, n_envs: 64}"]).config.training
    assert (section.n_envs, section.algorithm.batch_size, section.algorithm.gamma) == (64, 4096, 0.9)
