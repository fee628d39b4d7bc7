"""fetch_binance_filters, refresh_fees and services.universe, over loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from file_server import FileServer, answers, serving
from practice_here import KEYS, RULES, Here, practising, running

from keel.app.cli import run_cli
from keel.app.fetch_assets import fetch_assets
from keel.app.fetch_filters import fetch_filters
from keel.app.practice import open_venue
from keel.app.refresh_fees import refresh_fees
from keel.app.universe import choose, read_universe, universe
from keel.config.load import load_config, load_practice
from keel.config.practice import PracticeConfig
from keel.domain.errors import DataError
from keel.wire.binance_questions import Turnover
from keel.wire.binance_rules import BinanceRules
from keel.wire.rules_file import read_rules

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    with practising(tmp_path_factory.mktemp("commands"), fees={"taker_bps": 8.0, "maker_bps": 6.5}) as served:
        yield served


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", KEYS.key)
    monkeypatch.setenv("BINANCE_API_SECRET", KEYS.secret)


@pytest.fixture
def brokerage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve Alpaca's wire, and return a live config of it that has a file of rules of its own."""
    monkeypatch.setenv("ALPACA_API_KEY", KEYS.key)
    monkeypatch.setenv("ALPACA_API_SECRET", KEYS.secret)
    path, shipped = tmp_path / "alpaca.yaml", ROOT / "configs" / "config_live_alpaca.yaml"
    config, document = load_practice(ROOT / "configs" / "practice_alpaca.yaml", ["port=0", f"data.store={tmp_path}"])
    assert isinstance(config, PracticeConfig)
    with running(open_venue(config, document, {"practice": KEYS})) as address:
        own = f"venue: {{address: {address}}}\nlive: {{filters: rules/ours.json}}\n"
        path.write_text(f"extends: {shipped}\nmode: live\n{own}")
        yield path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command in an empty folder and return what it says: stdout, or stderr where it fails."""
    monkeypatch.chdir(tmp_path)

    def call(command: Callable[..., None], *arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            run_cli(command, list(arguments))
        shown = capsys.readouterr()
        assert ended.value.code == code, shown.err
        return shown.out if code == 0 else shown.err

    return call


def test_filters_of_the_exchange_are_written_with_their_origin(run: Callable[..., str], here: Here) -> None:
    told = run(fetch_filters, "--address", here.address)
    host = here.address.removeprefix("http://")
    assert told == f"2 symbols of {host} (practice) in data/binance_filters.json\n"
    found = read_rules(Path("data/binance_filters.json"))
    assert (found.environment, found.source) == ("practice", host)
    rules = found.rules["BTC/USDT"]
    assert {part: format(getattr(rules, part), "f") for part in RULES} == RULES
    assert [path.name for path in Path("data").iterdir()] == ["binance_filters.json"]


def test_filters_go_to_the_file_that_a_config_names_unless_another_is_asked_for(
    run: Callable[..., str], here: Here
) -> None:
    config = str(
        here.config(("filters: " + f"{here.folder}/filters.json", "filters: rules/ours.json"), name="own.yaml")
    )
    assert run(fetch_filters, "--config", config).endswith(" in rules/ours.json\n")
    assert read_rules(Path("rules/ours.json")).environment == "practice"
    assert not Path("data").exists()
    assert json.loads(run(fetch_filters, "--config", config, "--out", "other.json", "--json"))["file"] == "other.json"


def test_assets_go_to_the_file_that_a_config_names_unless_another_is_asked_for(
    run: Callable[..., str], brokerage: Path
) -> None:
    assert run(fetch_assets, "--config", str(brokerage)).endswith(" in rules/ours.json\n")
    assert read_rules(Path("rules/ours.json"), "alpaca").environment == "practice"
    assert not Path("data").exists()
    told = json.loads(run(fetch_assets, "--config", str(brokerage), "--output", "other.json", "--json"))
    assert told["file"] == "other.json"


def test_filters_of_the_universe_have_its_symbols_and_the_configs(run: Callable[..., str], here: Here) -> None:
    out = ("--address", here.address, "--universe", "--out", "f.json")
    run(fetch_filters, *out)
    assert set(read_rules(Path("f.json")).rules) == {"BTC/USDT", "ETH/USDT"}  # no list: all that trade
    Path("data/universe").mkdir(parents=True)
    Path("data/universe/symbols.json").write_text('{"format": 1, "symbols": [{"symbol": "ETH/USDT"}]}')
    run(fetch_filters, *out)
    assert set(read_rules(Path("f.json")).rules) == {"ETH/USDT"}
    told = json.loads(run(fetch_filters, *out, "--config", str(here.config()), "--json"))
    assert (told["symbols"], told["environment"]) == (2, "practice")


def test_filters_that_lack_a_configured_symbol_are_not_written(run: Callable[..., str], here: Here) -> None:
    config = here.config(("ETH/USDT]", "DOGE/USDT]"), name="other.yaml")
    line = run(fetch_filters, "--config", str(config), code=2)
    assert line.startswith("error: data.symbols: Binance has no DOGE/USDT")
    assert not Path("data").exists()


def test_a_damaged_universe_is_told(run: Callable[..., str], here: Here) -> None:
    Path("data/universe").mkdir(parents=True)
    Path("data/universe/symbols.json").write_text("[]")
    assert "is damaged" in run(fetch_filters, "--address", here.address, "--universe", code=2)


def test_an_exchange_that_does_not_answer_is_one_clear_line(run: Callable[..., str]) -> None:
    line = run(fetch_filters, "--address", "http://127.0.0.1:9", code=2)
    assert line.startswith("error: 127.0.0.1:9: Binance gave no answer: no connection")
    assert line.count("\n") == 1


@pytest.mark.usefixtures("keys")
def test_fees_are_a_section_that_a_config_can_extend(run: Callable[..., str], here: Here) -> None:
    told = run(refresh_fees, "--address", here.address, "--symbol", "BTC/USDT", "--symbol", "ETH/USDT")
    written = Path("data/fees/binance.yaml").read_text()
    assert told == f"{written}\nwritten to data/fees/binance.yaml\n"
    assert "#   ETH/USDT: taker 8 bps, maker 6.5 bps\n" in written
    config = here.config(("mode: live", "extends: [fees.yaml]\nmode: live"), name="extending.yaml")
    (here.folder / "fees.yaml").write_text(written)
    fees = load_config(config).config.fees
    assert (fees.taker_bps, fees.maker_bps, fees.discount) == (8.0, 6.5, 0.0)
    known = json.loads(run(refresh_fees, "--config", str(here.config()), "--json"))
    assert known["symbols"]["BTC/USDT"] == {"taker_bps": 8.0, "maker_bps": 6.5}


def test_fees_need_keys_and_say_so(
    run: Callable[..., str], here: Here, monkeypatch: pytest.MonkeyPatch, keys: None
) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", "wrong-key-" + "x" * 54)
    line = run(refresh_fees, "--address", here.address, "--symbol", "BTC/USDT", code=4)
    assert "-2015" in line
    assert KEYS.secret not in line
    monkeypatch.delenv("BINANCE_API_KEY")
    line = run(refresh_fees, "--address", here.address, "--symbol", "BTC/USDT", code=2)
    assert line == (
        "error: BINANCE_API_KEY and BINANCE_API_SECRET are not set: export them first; keys never stand in a file\n"
    )


COMMISSION = {
    "symbol": "BTCUSDT",
    "standardCommission": {"maker": "0.0008", "taker": "0.0010", "buyer": "0.0001", "seller": "0.0002"},
    "taxCommission": {"maker": "0.0001", "taker": "0.0001", "buyer": "0", "seller": "0"},
    "discount": {"enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.25"},
}


@pytest.mark.parametrize(
    ("discount", "taker"),
    [("0.25", "0.00100"), ("0.75", "0.00100"), ("0.1", "0.00118")],
)
def test_a_discount_is_read_as_the_dearer_of_its_two_meanings(discount: str, taker: str) -> None:
    from keel.wire.binance_questions import _commission

    tree = COMMISSION | {"discount": COMMISSION["discount"] | {"discount": discount}}  # type: ignore[operator]
    assert _commission("BTCUSDT", tree).taker == Decimal(taker)


def test_a_discount_that_is_off_or_not_for_this_symbol_takes_nothing_off() -> None:
    from keel.wire.binance_questions import _commission

    for switch in ("enabledForAccount", "enabledForSymbol"):
        tree = COMMISSION | {"discount": COMMISSION["discount"] | {switch: False}}  # type: ignore[operator]
        fee = _commission("BTCUSDT", tree)
        assert (fee.taker, fee.maker) == (Decimal("0.0013"), Decimal("0.0011"))


def rules(base: str, quote: str = "USDT", status: str = "TRADING") -> BinanceRules:
    return BinanceRules(f"{base}/{quote}", base + quote, base, quote, status, *[Decimal("0.01")] * 4)


def traded(name: str, volume: int) -> Turnover:
    return Turnover(name, Decimal(volume), Decimal("1.5"), 10)


def test_the_universe_is_what_trades_in_a_currency_by_volume() -> None:
    known = [
        rules("BTC"),
        rules("ETH"),
        rules("LUNA", status="BREAK"),
        rules("SOL", "USDC"),
        rules("XRP"),
        rules("ADA"),
    ]
    by_name = {one.symbol: one for one in known}
    volumes = {"ADAUSDT": 70, "BTCUSDT": 50, "ETHUSDT": 90, "LUNAUSDT": 99, "SOLUSDC": 99, "XRPUSDT": 70, "OLDUSDT": 99}
    chosen = choose(by_name, [traded(*one) for one in volumes.items()], "USDT", Decimal(60), 10)
    assert [one["symbol"] for one in chosen] == ["ETH/USDT", "ADA/USDT", "XRP/USDT"]
    assert chosen[0] == {"symbol": "ETH/USDT", "quote_volume": 90.0, "last_price": 1.5, "trades": 10}
    assert [one["symbol"] for one in choose(by_name, [traded("BTCUSDT", 1)], "USDT", Decimal(1), 1)] == ["BTC/USDT"]


def filters(symbol: str, base: str) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
            {"filterType": "NOTIONAL", "minNotional": "5", "maxNotional": "9000000"},
        ],
    }


@pytest.fixture
def market() -> Iterator[FileServer]:
    """Serve exchangeInfo and 24 hours' tickers as Binance documents them; the practice venue has no tickers."""
    symbols = [filters("BTCUSDT", "BTC"), filters("ETHUSDT", "ETH")]
    tickers = [
        {"symbol": name, "lastPrice": "2.50", "quoteVolume": volume, "count": 76}
        for name, volume in (("BTCUSDT", "15300000.00"), ("ETHUSDT", "28046000.50"))
    ]
    with serving() as server:
        server.files["/api/v3/exchangeInfo"] = json.dumps({"rateLimits": [], "symbols": symbols}).encode()
        server.files["/api/v3/ticker/24hr"] = json.dumps(tickers).encode()
        yield server


def test_the_universe_is_written_sorted_and_read_back(run: Callable[..., str], market: FileServer) -> None:
    told = run(universe, "--address", market.address, "--output", "u/symbols.json")
    assert told.endswith(" in u/symbols.json: ETH/USDT, BTC/USDT\n")
    assert read_universe(Path("u/symbols.json")) == ("ETH/USDT", "BTC/USDT")
    shown = json.loads(run(universe, "--address", market.address, "--min-volume", "2e7", "--json"))
    assert [one["symbol"] for one in shown["symbols"]] == ["ETH/USDT"]
    assert shown == json.loads(Path("data/universe/symbols.json").read_text())


def test_an_empty_universe_leaves_the_old_file_alone(run: Callable[..., str], market: FileServer) -> None:
    run(universe, "--address", market.address)
    before = Path("data/universe/symbols.json").read_bytes()
    line = run(universe, "--address", market.address, "--min-volume", "1e12", code=2)
    assert "lower --min-volume" in line
    assert Path("data/universe/symbols.json").read_bytes() == before


def test_a_passing_fault_is_asked_again(run: Callable[..., str], market: FileServer) -> None:
    market.faults["/api/v3/exchangeInfo"].append(answers(503))
    run(universe, "--address", market.address)
    assert len([path for path in market.requests if "exchangeInfo" in path]) == 2


def test_a_universe_that_is_not_there_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"python -m services\.universe"):
        read_universe(tmp_path / "symbols.json")


@pytest.mark.parametrize(
    "command",
    [
        ["scripts/fetch_bars.py"],
        ["scripts/fetch_binance_filters.py"],
        ["scripts/refresh_fees.py"],
        ["-m", "services.universe"],
    ],
    ids=lambda command: command[-1],
)
def test_help_teaches(command: list[str]) -> None:
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *command, "--help"], capture_output=True, text=True, cwd=ROOT, env=environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Exit code 0" in done.stdout
    assert "Example" in done.stdout
    assert "\\" not in done.stdout


def test_help_imports_neither_sdk_nor_engine() -> None:
    modules = "fetch_bars, fetch_filters, refresh_fees, universe, doctor, live_doctor, live_gate"
    heavy = "{'binance', 'polars', 'numba', 'aiohttp'}"
    code = f"import sys; from keel.app import {modules}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "[]\n"
