"""Sections of live trading: what is refused, with which words, and what stands at the edge of being so."""

from __future__ import annotations

import pytest

LIVE = """\
mode: live
data: { venue: binance, symbols: [BTC/USDT], timeframe: 1m }
strategy: { class: "keel.strategies.buy_and_hold:BuyAndHold" }
risk: { daily_loss_limit: 100, max_drawdown: 0.2, max_orders_per_min: 10 }
venue: { address: "http://127.0.0.1:8900" }
"""
ADDRESS = "expected an address of this machine with its port, such as http://127.0.0.1:8900, got"


@pytest.fixture
def live(load):
    return lambda *overrides: load("", *overrides, text=LIVE).config


def test_defaults_are_careful(live):
    config = live()
    assert (config.dry_run, config.i_accept_real_money) == (True, False)
    assert (config.venue.kind, config.venue.environment) == ("binance", "practice")
    sync, throttle = config.clock_sync, config.throttle
    assert (sync.refresh_sec, sync.warn_threshold_ms, sync.kill_threshold_ms) == (60, 200, 1000)
    assert (throttle.max_signals_per_sec, throttle.backoff_base_s, throttle.max_backoff_s) == (2, 5, 120)
    assert (config.live.external, config.live.kill_policy) == ("block", "cancel")
    assert config.health.is_loopback


RULES = [
    (["venue.kind=kraken"], "venue.kind: expected 'binance', 'alpaca', got 'kraken'"),
    (
        ["venue={kind: alpaca, paper: false, address: 'http://127.0.0.1:8901'}"],
        "venue.address: paper is false, which is real money: set it to null, or paper to true to rehearse",
    ),
    (
        ["venue={kind: alpaca, environment: real}"],
        "unknown key 'venue.environment': it belongs to another kind: remove it",
    ),
    (["venue={kind: alpaca, feed: otc}"], "venue.feed: expected 'iex' or 'sip', got 'otc'"),
    (["venue={kind: alpaca}", "live.unknown_grace_ms=9999"], "live.unknown_grace_ms: must be at least 10000"),
    (["venue.paper=true"], "it belongs to another kind: remove it"),
    (["venue.environment=paper"], "venue.environment: expected 'practice', 'testnet' or 'real', got 'paper'"),
    (["venue.address=null"], "venue.address: environment practice needs it: http://127.0.0.1:8900 is where it listens"),
    (
        ["venue.environment=real"],
        "venue.address: environment real has its own: set it to null, or environment to practice",
    ),
    (["venue.address=http://example.com:8900"], f"venue.address: {ADDRESS} 'http://example.com:8900'"),
    (["venue.address=https://127.0.0.1:8900"], f"venue.address: {ADDRESS} 'https://127.0.0.1:8900'"),
    (["venue.address=http://127.0.0.1"], f"venue.address: {ADDRESS} 'http://127.0.0.1'"),
    (["venue.address=http://127.0.0.1:99999"], f"venue.address: {ADDRESS} 'http://127.0.0.1:99999'"),
    (["venue.address=http://me@127.0.0.1:8900"], f"venue.address: {ADDRESS} 'http://me@127.0.0.1:8900'"),
    (["venue.address=http://127.0.0.1:8900/api"], f"venue.address: {ADDRESS} 'http://127.0.0.1:8900/api'"),
    (["venue.recv_window_ms=60001"], "venue.recv_window_ms: expected a number of at most 60000, got 60001"),
    (
        ["live.unknown_grace_ms=14999"],
        "live.unknown_grace_ms: must be at least venue.recv_window_ms + 10000 = 15000",
    ),
    (["live.kill_policy=ignore"], "live.kill_policy: expected 'cancel' or 'flatten', got 'ignore'"),
    (["live.external=ignore"], "live.external: expected 'block' or 'adopt', got 'ignore'"),
    (["live.max_price_jump=0"], "live.max_price_jump: expected a number above 0, got 0"),
    (["clock_sync.warn_threshold_ms=1000"], "clock_sync.warn_threshold_ms: must be below kill_threshold_ms (1000)"),
    (["throttle.max_backoff_s=1"], "throttle.backoff_base_s: must not be above max_backoff_s (1)"),
    (["throttle.cancel_share=0"], "throttle.cancel_share: expected a number of at least 0.05, got 0"),
    (["health.port=65536"], "health.port: expected a number of at most 65535, got 65536"),
    (["dry_run=maybe"], "dry_run: expected true or false, got 'maybe'"),
    (["risk.enabled=false"], "risk.enabled: risk is always on: set single limits to null instead"),
    (["risk.max_drawdown=null"], "risk.max_drawdown: limits off (null) is an error in mode live: give it a value"),
]


@pytest.mark.parametrize(("overrides", "message"), RULES, ids=lambda value: str(value)[:40])
def test_impossible_live_setting_is_refused_in_one_line(refusal, overrides, message):
    line = refusal("", *overrides, text=LIVE)
    assert line.startswith(("--set ", "x.yaml"))
    assert line.endswith(": " + message)


@pytest.mark.parametrize(
    "overrides",
    [
        ["venue={environment: testnet}"],
        ["venue={environment: real}", "i_accept_real_money=true", "dry_run=false"],
        ["venue.address='http://localhost:1'"],
        ["venue.address='http://[::1]:8900/'"],
        ["venue.recv_window_ms=60000", "live.unknown_grace_ms=70000"],
        ["clock_sync={warn_threshold_ms: 999, kill_threshold_ms: 1000}"],
        ["throttle={backoff_base_s: 120, max_backoff_s: 120}"],
        ["health={host: 0.0.0.0, port: 0}"],
    ],
    ids=str,
)
def test_setting_at_the_edge_is_accepted(live, overrides):
    live(*overrides)


def test_address_is_kept_without_its_last_slash(live):
    assert live("venue.address='http://127.0.0.1:8900/'").venue.address == "http://127.0.0.1:8900"


@pytest.mark.parametrize("key", ["api_key", "apiKey", "api_secret", "secret", "BINANCE_API_KEY", "password", "token"])
def test_key_of_the_exchange_in_section_venue_is_refused_and_not_repeated(refusal, key):
    told = f"{key}: secrets come from the environment only: remove it from the configuration"
    text = LIVE.replace('8900" }', f'8900", {key}: hunter2hunter2 }}')
    assert refusal("", text=text) == f"x.yaml:5: {told}"
    assert refusal("", f"venue.{key}=hunter2hunter2", text=LIVE) == f"--set: venue.{told}"


def test_sections_of_live_trading_are_refused_in_other_modes(refusal):
    line = refusal("venue: { address: http://127.0.0.1:8900 }\n")
    assert line.startswith("x.yaml:8: unknown key 'venue'")


def test_what_alpaca_holds_back_of_a_purchase_is_held_back_by_us(live, refusal):
    stocks = ("venue={kind: alpaca}", "data.symbols=[SPY]")
    assert live(*stocks, "execution.reserve_bps=250").execution.reserve_bps == 250
    told = refusal("", *stocks, "execution.reserve_bps=249", text=LIVE)
    assert "execution.reserve_bps: Alpaca holds back 2.5% above the price of stocks bought at market" in told
    assert live("venue={kind: alpaca}", "execution.reserve_bps=200").execution.reserve_bps == 200
    told = refusal("", "venue={kind: alpaca}", "execution.reserve_bps=199", text=LIVE)
    assert told.endswith(
        "2% above the price of crypto bought at market, and rejects what cash does not cover: must be at least 200"
    )
    assert live("execution.reserve_bps=0").execution.reserve_bps == 0, "Binance holds back nothing"


def test_live_bars_of_a_market_that_closes_are_of_a_session_at_most(live, refusal):
    market = "market={calendar: XNYS, timezone: America/New_York}"
    assert live(market, "data.timeframe=1d").data.timeframe == "1d"
    assert live("data.timeframe=1w").data.timeframe == "1w", "round the clock there are weeks"
    told = refusal("", market, "data.timeframe=1w", text=LIVE)
    assert told.endswith(
        "data.timeframe: live, bars of a market that closes are of a session at most: set it to 1d or shorter"
    )


def test_worlds_of_alpaca_are_told_by_paper_and_address(live):
    def world_of(text: str) -> str:
        return live(f"venue={text}", "execution.reserve_bps=200").venue.environment

    worlds = {"{kind: alpaca}": "paper", "{kind: alpaca, paper: false}": "real"}
    worlds["{kind: alpaca, address: 'http://127.0.0.1:8901'}"] = "practice"
    assert {text: world_of(text) for text in worlds} == worlds
