"""Give any bytes to everything that reads a configuration: files, files that extend others, and overrides."""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz.oracle import taken_or_refused
from fuzz.playing import play
from keel.config.load import LoadedConfig, dump_yaml, load_config, load_update
from keel.runs.hashing import config_hash
from keel.runs.read import MANIFEST, METRICS, FinishedRun, read_run

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = tuple(
    ROOT / "configs" / f"{name}.yaml"
    for name in ("config_sim", "config_backtest_stocks", "config_template", "config_live")
)
MINIMAL = """\
mode: sim
data: {venue: testing, symbols: [ACME/USDT], timeframe: 1h}
strategy: {class: "keel.strategies.buy_and_hold:BuyAndHold"}
"""
MARGIN = """\
mode: sim
data: {venue: testing, symbols: [AAA, BBB], timeframe: 1h, rates: {EUR: 1.1}}
market: {instrument: {shortable: true, can_flip: true, min_notional: 0}, overrides: {AAA: {quote_currency: EUR}}}
strategy: {class: "keel.strategies.buy_and_hold:BuyAndHold"}
account: {type: margin, initial_margin: 0.5}
risk: {max_order_weight: null, max_position_weight: null, max_gross_weight: null}
exits: {stop_loss: {fraction: 0.05}, take_profit: {atr: 2}}
fees: {tiers: [{volume_30d: 0, taker_bps: 10, maker_bps: 5}, {volume_30d: 1e6, taker_bps: 5, maker_bps: 1}]}
"""
LIVE = """\
mode: live
data: {venue: binance, symbols: [BTC/USDT], timeframe: 1m}
strategy: {class: "keel.strategies.buy_and_hold:BuyAndHold"}
risk: {daily_loss_limit: 100, max_drawdown: 0.2, max_orders_per_min: 10}
venue: {address: "http://127.0.0.1:8900"}
"""
BETWEEN_FILES = b"\n---8<---\n"
_MOST_FILES = 6
_MOST_OVERRIDES = 12


@dataclass(frozen=True)
class Changed:
    """Hold the text of a configuration, or the place of a shipped one in `SHIPPED`, and overrides."""

    text: str | None
    overrides: tuple[str, ...] = ()
    shipped: int = 0


def load_files(files: Sequence[bytes], overrides: Sequence[str] = (), *, whole: bool = True) -> LoadedConfig | None:
    """Load the first of the files, x0.yaml, x1.yaml, ..., with overrides; return it, None where it was refused.

    What is accepted is dumped, loaded again and played where `whole` is asked for. Raises whatever a broken promise
    raises.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"x{i}.yaml" for i in range(len(files))]
        for path, content in zip(paths, files, strict=True):
            path.write_bytes(content)
        return load_path(paths[0], overrides, whole=whole)


def load_path(path: Path, overrides: Sequence[str], *, whole: bool = True) -> LoadedConfig | None:
    """Load a file with overrides, check what came of it and play it where `whole` is asked for."""
    loaded = taken_or_refused(lambda: load_config(path, overrides), str(path.parent), "--set")
    if loaded is not None and whole:
        _check_round_trip(loaded)
        play(loaded, path.name)
    return loaded


def _check_round_trip(loaded: LoadedConfig) -> None:
    json.dumps(loaded.resolved, allow_nan=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "again.yaml"
        path.write_text(dump_yaml(loaded.config), encoding="utf-8")
        again = load_config(path)
    assert again.config == loaded.config
    assert again.resolved == loaded.resolved
    # 1 == 1.0 == True would hide a change of type
    assert repr(again.config.strategy.params) == repr(loaded.config.strategy.params)
    assert config_hash(again.resolved) == config_hash(loaded.resolved)


def _load_together(content: bytes) -> None:
    load_files(content.split(BETWEEN_FILES)[:_MOST_FILES], whole=_is_chosen(content))


def _load_overridden(content: bytes) -> None:
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    path = SHIPPED[len(lines[0]) % len(SHIPPED)] if lines else SHIPPED[0]
    load_path(path, lines[:_MOST_OVERRIDES], whole=_is_chosen(content))


def _load_below(content: bytes) -> None:
    load_files([MINIMAL.encode() + content], whole=_is_chosen(content))


def _load_params(content: bytes) -> None:
    load_files([MINIMAL.partition("strategy")[0].encode() + b"strategy:\n  class: keel.strategies." + content])


def _is_chosen(content: bytes) -> bool:
    """Choose a sixth of all contents: to dump and to play takes ten times as long as to load."""
    return zlib.crc32(content) % 6 == 0


def load_changed(changed: Changed) -> None:
    """Load a configuration that was drawn."""
    if changed.text is None:
        load_path(SHIPPED[changed.shipped], changed.overrides)
    else:
        load_files([changed.text.encode("utf-8", "surrogatepass")], changed.overrides)


def load_jobs(content: bytes) -> None:
    """Load bytes as the configuration of the update job."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "update.yaml"
        path.write_bytes(content)
        jobs = taken_or_refused(lambda: load_update(path), str(path))
    if jobs is not None:
        assert json.loads(json.dumps(jobs.model_dump(mode="json"), allow_nan=False))
        assert all(job.period in (None, "date", "month") and job.trading_calendar for job in jobs.jobs.values())


def read_finished(content: bytes) -> None:
    """Read bytes as the manifest and the metrics of a finished run, and as one of its tables."""
    with tempfile.TemporaryDirectory() as folder:
        for name in (MANIFEST, METRICS, "equity.parquet"):
            (Path(folder) / name).write_bytes(content)
        run = taken_or_refused(lambda: read_run(Path(folder)), folder)
        if run is not None:
            assert run.run_id.__class__ is str
            assert run.is_partial in (True, False)
        table = FinishedRun(Path(folder), {}, {})
        taken_or_refused(lambda: table.table("equity.parquet"), folder)


WAYS: dict[str, Callable[[bytes], object]] = {
    "files": _load_together,
    "below": _load_below,
    "overrides": _load_overridden,
    "params": _load_params,
    "jobs": load_jobs,
    "finished": read_finished,
}
"""Everything that reads a configuration, by name."""
_NAMES = tuple(WAYS)


def load_bytes(data: bytes) -> None:
    """Load bytes in the way that the first of them says."""
    if data:
        WAYS[_NAMES[data[0] % len(_NAMES)]](data[1:])


def as_bytes(way: str, content: bytes) -> bytes:
    """Return what `load_bytes` loads as content in this way."""
    return bytes([_NAMES.index(way)]) + content


def seeds() -> dict[str, bytes]:
    """Return inputs to begin with, made of the configurations shipped, by name."""
    base = (ROOT / "configs" / "base" / "crypto.yaml").read_bytes()
    template = SHIPPED[2].read_bytes()
    found = {f"below-{i}": as_bytes("below", section) for i, section in enumerate(_sections(base))}
    live = SHIPPED[3].read_bytes()
    found |= {f"below-l{i}": as_bytes("below", b"mode: live\n" + section) for i, section in enumerate(_sections(live))}
    found["files-2"] = as_bytes("files", LIVE.encode() + BETWEEN_FILES)
    found |= {f"below-t{i}": as_bytes("below", section) for i, section in enumerate(_sections(template))}
    extending = b"extends: [x1.yaml, x2.yaml]\n" + MINIMAL.encode() + BETWEEN_FILES + b"extends: x2.yaml\nfees: {}\n"
    found["files-0"] = as_bytes("files", extending + BETWEEN_FILES + b"run: {seed: 8}\n")
    found["files-1"] = as_bytes("files", b"a: &a [1, *b]\nb: &b {c: *a}\n? [x]\n: !!str y\n--- |\n  z\n")
    found["overrides-0"] = as_bytes(
        "overrides", b"run.seed=8\ndata.symbols=[SYNA/USDT, SYNB/USDT]\naccount.type=margin"
    )
    found["overrides-1"] = as_bytes(
        "overrides", b"data.end=2022-01-01T00:00:00Z\nfees.taker_bps=1e-1\nrisk={}\nexits.x.y="
    )
    found["params-0"] = as_bytes("params", b"moving_average:MovingAverageCrossover\n  params: {short: 3, long: 9}\n")
    members = b"combination:Vote\n  params: {members: [{class: 'keel.strategies.rsi:Rsi'}], needed: 1}\n"
    found["params-1"] = as_bytes("params", members)
    found["jobs-0"] = as_bytes("jobs", (ROOT / "configs" / "update_bars.yaml").read_bytes())
    manifest = dict.fromkeys(
        ("run_id", "config", "config_hash", "data", "code", "versions", "status", "result_hash"), 1
    )
    found["finished-0"] = as_bytes("finished", json.dumps(manifest | {"period": [0.1], "strategy": {}}).encode())
    return found


def _sections(text: bytes) -> list[bytes]:
    """Return the top-level sections of a file, without its comments, those that `MINIMAL` has left out."""
    lines = [
        line.partition(b" #")[0] for line in text.split(b"\n") if line.strip() and not line.strip().startswith(b"#")
    ]
    sections: list[list[bytes]] = []
    for line in lines:
        if not line.startswith((b" ", b"]")):
            sections.append([])
        sections[-1].append(line)
    joined = [b"\n".join(section) + b"\n" for section in sections]
    return [one for one in joined if not one.startswith((b"mode", b"data", b"strategy"))]


WORDS = (
    b".nan", b".inf", b"-.inf", b"1e309", b"1e-400", b"5e-324", b"1e308", b"-0", b"0o17", b"0xff", b"1_000", b"~",
    b"null", b"true", b"NO", b"2021-01-01", b"9999-12-31T23:59:59Z", b"0001-01-01", b"&a ", b"*a", b"<<: *a",
    b"!!python/object:x ", b"!!binary ", b"!x ", b"%YAML 1.2\n---\n", b"%TAG ! tag:x,1:\n---\n", b"---\n", b"...\n",
    b"|+2\n ", b">-\n ", b"? ", b": ", b"- ", b"[[[[", b"{{{{", b'"\\UFFFFFFFF"', b'"\\uD800"', b'"\\0"', b'"\\x85"',
    b"\t", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe2\x80\xa8", b"extends: x0.yaml\n", b"extends: x1.yaml\n", BETWEEN_FILES,
    b"api_key: ", b"secret", b"mode: live\n", b"mode: train\n", b"run", b"data", b"quality", b"market", b"instrument",
    b"overrides", b"account", b"execution", b"exits", b"fees", b"tiers", b"spread", b"impact", b"volatility",
    b"latency", b"seasonality", b"risk", b"symbols", b"rates", b"timeframe", b"start", b"initial_cash", b"margin",
    b"venue", b"environment", b"practice", b"testnet", b"real", b"address", b"http://127.0.0.1:", b"http://[", b"live",
    b"clock_sync", b"throttle", b"health", b"unknown_grace_ms",
    b"price_model", b"reference", b"bridge", b"path", b"worst", b"max_participation", b"tick_size",
)  # fmt: skip
"""Pieces of configurations that were trouble somewhere once."""
