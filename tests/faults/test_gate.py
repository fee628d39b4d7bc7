"""What the doctor refuses, before and instead of a start: rows 31, 36, 37, 41 and 50."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from unit.made_models import write_untrained
from unit.practice_here import KEYS, Here

from keel.app.live_gate import gate_live
from keel.config.faults import Fault
from keel.config.load import load_config
from keel.config.modes import LiveRun
from keel.domain.errors import ConfigError, GateRefusedError, HaltTradingError

from .checks import check_all
from .places import FETCHED, place
from .scene import BINANCE, BOTH, LONG, NO_END, Exchange, Scene, ask, intents

Seen = Callable[[str], None]
VENUE_OF = {
    "binance": (
        'venue: {{address: "{address}"}}',
        'venue: {{environment: real, address: "{address}"}}',
        'venue: {{environment: practice, address: "http://192.0.2.1:80"}}',
    ),
    "alpaca": (
        'venue: {{kind: alpaca, address: "{address}"}}',
        'venue: {{kind: alpaca, paper: false, address: "{address}"}}',
        'venue: {{kind: alpaca, address: "http://192.0.2.1:80"}}',
    ),
}
"""Section venue of the config, and twice what fits no world."""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Exchange], Here]]:
    """Give the place of an exchange, opened at its first use."""
    with ExitStack() as stack:
        opened: dict[str, Here] = {}

        def of(exchange: Exchange) -> Here:
            if exchange.word not in opened:
                folder = tmp_path_factory.mktemp(f"gate-{exchange}")
                opened[exchange.word] = stack.enter_context(place(folder, exchange))
            return opened[exchange.word]

        yield of


@pytest.fixture
def exchange() -> Exchange:
    """Return Binance where a test does not say."""
    return BINANCE


@pytest.fixture
def here(
    places: Callable[[Exchange], Here], exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Here:
    for name, value in zip(exchange.environ, (KEYS.key, KEYS.secret), strict=True):
        monkeypatch.setenv(name, value)
    there = places(exchange)
    (tmp_path / "state").mkdir()
    (tmp_path / "filters.json").write_bytes((there.folder / FETCHED).read_bytes())
    return replace(there, folder=tmp_path)


def refused(here: Here, *replaced: tuple[str, str]) -> str:
    """Return what the gate says where it refuses; no order has reached the venue."""
    loaded = load_config(here.config(*replaced), ())
    assert isinstance(loaded.config, LiveRun)
    with pytest.raises(GateRefusedError) as caught:
        gate_live(loaded, loaded.config)
    assert caught.value.exit_code == 3
    assert not asyncio.run(ask(here.venue, "accounts"))["practice"]["orders"]
    return str(caught.value)


@pytest.mark.fault(31)
def test_the_doctor_refuses_a_clock_past_the_limit(here: Here, seen: Seen):
    here.venue.add_fault(Fault(kind="clock_shift", shift_ms=2500))
    try:
        told = refused(here)
    finally:
        here.venue.add_fault(Fault(kind="clock_shift", shift_ms=-2500))
    assert "clock" in told
    seen("2.5 s off: the doctor fails, exit 3")


@pytest.mark.fault(36)
@pytest.mark.parametrize("trouble", ["unknown key", "may not trade", pytest.param("wrong secret", marks=LONG)])
@BOTH
def test_the_doctor_refuses_a_key_that_cannot_trade(
    here: Here, seen: Seen, monkeypatch: pytest.MonkeyPatch, trouble: str, exchange: Exchange
):
    key, secret = exchange.environ
    if trouble == "unknown key":
        monkeypatch.setenv(key, "another" * 9)
    elif trouble == "wrong secret":
        monkeypatch.setenv(secret, "another" * 9)
    else:
        here.venue.add_fault(Fault(kind="forbid_trading", seconds=0))
    try:
        told = refused(here)
    finally:
        for account in here.venue._state.traders.values():
            account.can_trade = True
    assert "key" in told
    assert "another" not in told
    seen(f"{trouble}: the doctor fails, exit 3, no order")


@pytest.mark.fault(36)
@BOTH
def test_a_key_that_is_taken_back_ends_the_run(tmp_path: Path, seen: Seen, exchange: Exchange):
    scene = Scene(tmp_path, ("1 buy 0.5",), exchange=exchange)
    outcome = scene.play(NO_END, Fault(kind="reject_keys", row=6, seconds=3))
    assert outcome.ending.exit_code == HaltTradingError.exit_code
    assert len(intents(outcome)) == 1
    check_all(outcome)
    seen(f"{'-2015' if exchange is BINANCE else '401'} in mid-run: no further order, exit 4")


@pytest.mark.fault(37)
@BOTH
def test_keys_and_addresses_of_another_world_are_refused(
    here: Here, seen: Seen, monkeypatch: pytest.MonkeyPatch, exchange: Exchange
):
    monkeypatch.setenv(exchange.environ[0], "a-key-of-the-real-exchange" * 2)
    assert f"{'venue.environment' if exchange is BINANCE else 'venue.paper'} to the key's own" in refused(here)
    at, *worlds = (text.format(address=here.address) for text in VENUE_OF[exchange.kind])
    for world in worlds:
        with pytest.raises(ConfigError):
            load_config(here.config((at, world)), ())
    seen("the key is not taken, and no address fits another world: exit 3, exit 2")


@pytest.mark.fault(41)
@BOTH
def test_a_kill_flag_before_the_start_means_no_connection_at_all(here: Here, seen: Seen, exchange: Exchange):
    before = asyncio.run(ask(here.venue, "log"))["counts"]
    (here.folder / "state" / "kill_switch.flag").touch()
    assert "kill" in refused(here)
    after = asyncio.run(ask(here.venue, "log"))["counts"]
    assert sum(before.values()) == sum(after.values())
    seen("exit 3; not one request reached the exchange")


@pytest.mark.fault(50, wire=False)
@pytest.mark.parametrize(
    "changed", ["weights_hash", *(pytest.param(one, marks=LONG) for one in ("observation_hash", "timeframe"))]
)
def test_the_doctor_refuses_a_model_that_is_not_its_card_s(
    here: Here, seen: Seen, changed: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(here.folder)
    _store_for_training(here)
    wrong = {"weights_hash": "0" * 64, "observation_hash": "0" * 64, "timeframe": "1h"}[changed]
    write_untrained(here.folder / "model.zip", TRAIN.format(folder=here.folder), **{changed: wrong})
    strategy = (
        'strategy: {class: "keel.strategies.moving_average:MovingAverageCrossover", params: {short: 5, long: 20}}'
    )
    model = 'strategy: {class: "keel.strategies.trained:Policy", params: {model: model.zip}}'
    told = refused(here, (strategy, model))
    assert "strategy" in told or "model" in told
    seen(f"{changed}: the doctor fails, exit 3")


TRAIN = """
mode: train
run: {{ seed: 5 }}
data: {{ venue: binance, symbols: [BTC/USDT, ETH/USDT], timeframe: 1m, store: {folder}/bars }}
market: {{ instrument: {{ tick_size: "0.01", step_size: "0.00001" }} }}
account: {{ initial_cash: 10000 }}
observation: {{ window: 3, features: [{{ kind: log_return }}] }}
"""


def _store_for_training(here: Here) -> None:
    from unit.practice_here import made_bars

    from keel.data.store import BarStore

    for symbol, price in (("BTC/USDT", 50_000.0), ("ETH/USDT", 3_000.0)):
        BarStore(here.folder / "bars").write(made_bars(symbol, price))
