"""The health page in a real browser, as people see it: served over loopback, renewed by itself."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator

import pytest
from made_status import NAN, NO_LATENCY, made_status

from keel.config.live import HealthSection
from keel.domain.clock import WallClock
from keel.domain.orders import TradingState
from keel.live.board import StatusBoard
from keel.live.health.server import HealthServer
from keel.risk.kill_switch import KillSwitch

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="chromium and chromedriver are not installed: the page is not opened",
)


@pytest.fixture(scope="module")
def driver(tmp_path_factory) -> Iterator:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    flags = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
    for flag in f"{flags} disable-component-update disable-sync".split():
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def board() -> StatusBoard:
    return StatusBoard(WallClock(), 60.0)


@pytest.fixture(scope="module")
def server(board, tmp_path_factory) -> Iterator[HealthServer]:
    with HealthServer(HealthSection(port=0), board, KillSwitch(tmp_path_factory.mktemp("state")), {}) as server:
        yield server


def until(driver, script: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 20, poll_frequency=0.05).until(lambda d: d.execute_script(f"return {script}"))


def opened(driver, server, board, status) -> str:
    board.publish(status)
    driver.get(server.address)
    until(driver, "document.documentElement.dataset.drawn === 'yes'")
    return driver.find_element("tag name", "body").text


def test_the_page_shows_the_run_and_asks_nobody_else(driver, server, board):
    shown = opened(driver, server, board, made_status())
    for words in ("donchian-binance-20251129T012503Z-7f3a", "Healthy", "ACTIVE", "104,231.57", "−312.44", "+4,231.57"):
        assert words in shown
    for words in ("BTCUSDT 0.3463 89,425.15 91,250.15 31,600.00 30.32% +632.00", "denied: More than the account could"):
        assert words in shown
    for words in ("risk.max_drawdown\n79%", "83 ms / 121 ms / 305 ms", "k7fK2q1xYz0900wUtjsW03000001"):
        assert words in shown
    asked = driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert {name for name in asked if not name.startswith("data:")} == {f"{server.address}/status"}
    assert driver.get_log("browser") == []


def test_the_page_renews_itself(driver, server, board):
    opened(driver, server, board, made_status())
    board.publish(made_status(equity=99_000.0, reasons=("2 orders are unknown",), trading_state=TradingState.HALTED))
    until(driver, "document.getElementById('tiles').textContent.includes('99,000.00')")
    banner = driver.find_element("id", "banner")
    assert banner.is_displayed()
    assert banner.text == "Not healthy\n2 orders are unknown"
    assert driver.title.startswith("! PRACTICE · ")
    board.publish(made_status())
    until(driver, "document.getElementById('banner').hidden")
    assert driver.title.startswith("PRACTICE · ")


@pytest.mark.parametrize(
    ("environment", "dry_run", "words"),
    [("real", False, "REAL MONEY"), ("real", True, "DRY RUN"), ("testnet", False, "TESTNET"), ("moon", False, "MOON")],
)
def test_whose_money_it_is_stands_on_top_in_a_colour_of_its_own(driver, server, board, environment, dry_run, words):
    opened(driver, server, board, made_status(environment=environment, dry_run=dry_run))
    band = driver.find_element("id", "world")
    assert band.text.startswith(words)
    assert (band.value_of_css_property("background-color") == "rgba(179, 20, 29, 1)") == (
        words in ("REAL MONEY", "MOON")
    )


def test_what_is_not_known_is_a_dash_and_what_there_is_none_of_is_said(driver, server, board):
    unknown = dict.fromkeys(("equity", "pnl_total", "pnl_today", "drawdown"), NAN)
    status = made_status(0, 0, 0, **unknown, submit_latency=NO_LATENCY, last_bar_age_s=None, clock_offset_ms=None)
    shown = opened(driver, server, board, dataclasses.replace(status, risk_used={"risk.max_drawdown": NAN}))
    for words in ("No positions.", "No open orders.", "No decision yet.", "Last bar\n–", "Equity\n–", "drawdown\n–"):
        assert words in shown
    for words in ("NaN", "null", "undefined"):
        assert words not in shown


def test_words_of_others_are_text_and_never_markup(driver, server, board):
    evil = "<img src=x onerror=document.title='owned'><b>bold</b>"
    shown = opened(driver, server, board, made_status(run_id=evil, reasons=(evil,), risk_used={evil: 0.5}))
    assert shown.count(evil) == 3
    assert driver.find_elements("css selector", "#banner b, h1 b, img") == []


@pytest.mark.parametrize("width", [390, 1280])
def test_no_width_needs_sideways_scrolling(driver, server, board, width):
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        opened(driver, server, board, made_status(60, 9, 20))
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_run_that_has_ended_does_not_look_alive(driver, board, tmp_path):
    with HealthServer(HealthSection(port=0), board, KillSwitch(tmp_path), {}) as server:
        opened(driver, server, board, made_status())
    until(driver, "document.body.classList.contains('stale')")
    assert driver.find_element("id", "banner").text.startswith("No answer from the run since 20")
    driver.get_log("browser")
