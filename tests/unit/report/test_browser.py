"""The report opened in a real browser, from a file, without a network."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from keel.metrics.summary import run_trades, summarise
from keel.report.html import render_html

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="chromium and chromedriver are not installed: the page is not opened",
)


@pytest.fixture(scope="module")
def report(make_run, tmp_path_factory) -> Path:
    run = dataclasses.replace(make_run(rows=9000, symbols=("AAA", "BBB")), symbols=("AAA", "B<b>&B"))
    trades = run_trades(run)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_html(run, summarise(run, trades), trades, "mode: sim\n", {"seed": 7}), encoding="utf-8")
    return path


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


def open_drawn(driver, report: Path, query: str = "") -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    driver.get(report.as_uri() + query)
    WebDriverWait(driver, 20).until(
        lambda d: d.execute_script("return document.documentElement.dataset.drawn") == "yes"
    )


def style(driver, selector: str, name: str) -> str:
    script = "return getComputedStyle(document.querySelector(arguments[0])).getPropertyValue(arguments[1])"
    return driver.execute_script(script, selector, name)


def test_page_draws_every_chart_without_a_console_message(driver, report):
    open_drawn(driver, report)
    marks = ".cartesianlayer path.js-line, .cartesianlayer .point"
    script = "return document.getElementById(arguments[0]).querySelectorAll(arguments[1]).length"
    drawn = [driver.execute_script(script, chart, marks) for chart in ("equity", "price", "returns")]
    assert all(count > 0 for count in drawn)
    assert driver.get_log("browser") == []
    asked = driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in asked if not name.startswith(("data:", "blob:"))] == []


def test_theme_button_restyles_page_and_charts_and_is_remembered(driver, report):
    open_drawn(driver, report, "?theme=light")
    line = "#equity .js-line"
    light = style(driver, "body", "background-color"), style(driver, line, "stroke")
    driver.find_element("id", "theme").click()
    dark = style(driver, "body", "background-color"), style(driver, line, "stroke")
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    open_drawn(driver, report)
    assert driver.execute_script("return document.documentElement.dataset.theme") == "dark"
    driver.execute_script("localStorage.clear()")


def test_scale_buttons_and_instrument_choice_change_the_charts(driver, report):
    open_drawn(driver, report, "?theme=light")
    driver.find_element("css selector", "[data-scale=log]").click()
    assert driver.execute_script("return document.getElementById('equity')._fullLayout.yaxis.type") == "log"
    driver.execute_script(
        "const s = document.getElementById('instrument'); s.value = '1'; s.dispatchEvent(new Event('change'))"
    )
    title = driver.execute_script("return document.querySelector('#price .ytitle').textContent")
    assert title == "B<b>&B"


def test_phone_width_needs_no_sideways_scrolling(driver, report):
    phone = {"width": 420, "height": 900, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        open_drawn(driver, report)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= 420
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_no_button_offers_to_upload_a_chart(driver, report):
    open_drawn(driver, report)
    titles = driver.execute_script(
        "return [...document.querySelectorAll('.modebar-btn')].map(b => b.getAttribute('data-title') || "
        "b.getAttribute('aria-label') || '')"
    )
    assert titles
    assert not any("share" in title.lower() or "cloud" in title.lower() for title in titles)
