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
CHARTS = ("equity", "price", "rolling", "days", "returns")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="chromium and chromedriver are not installed: the page is not opened",
)


@pytest.fixture(scope="module")
def run(make_run):
    return dataclasses.replace(make_run(rows=9000, symbols=("AAA", "BBB")), symbols=("AAA", "B<b>&B"))


@pytest.fixture(scope="module")
def report(run, tmp_path_factory) -> Path:
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

    wanted = report.as_uri() + query
    if driver.current_url == wanted and query:
        # A page that stands there is as good as a new one, once it shows the whole run.
        driver.execute_script("document.querySelector('[data-reset]').click()")
    else:
        driver.get(wanted)
    WebDriverWait(driver, 20).until(
        lambda d: d.execute_script("return document.documentElement.dataset.drawn") == "yes"
    )


def style(driver, selector: str, name: str) -> str:
    script = "return getComputedStyle(document.querySelector(arguments[0])).getPropertyValue(arguments[1])"
    return driver.execute_script(script, selector, name)


def test_page_draws_every_chart_without_a_console_message(driver, report):
    open_drawn(driver, report, "?theme=light")
    marks = ".cartesianlayer path.js-line, .cartesianlayer .point, .cartesianlayer path.box"
    script = "return document.getElementById(arguments[0]).querySelectorAll(arguments[1]).length"
    drawn = [driver.execute_script(script, chart, marks) for chart in CHARTS]
    assert all(count > 0 for count in drawn)
    assert driver.get_log("browser") == []
    asked = driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in asked if not name.startswith(("data:", "blob:"))] == []


def test_no_button_offers_to_upload_a_chart(driver, report):
    open_drawn(driver, report, "?theme=light")
    titles = driver.execute_script(
        "return [...document.querySelectorAll('.modebar-btn')].map(b => b.getAttribute('data-title') || "
        "b.getAttribute('aria-label') || '')"
    )
    assert titles
    assert not any("share" in title.lower() or "cloud" in title.lower() for title in titles)


def test_scale_buttons_and_instrument_choice_change_the_charts(driver, report):
    open_drawn(driver, report, "?theme=light")
    driver.find_element("css selector", "[data-scale=log]").click()
    assert driver.execute_script("return document.getElementById('equity')._fullLayout.yaxis.type") == "log"
    driver.execute_script(
        "const s = document.getElementById('instrument'); s.value = '1'; s.dispatchEvent(new Event('change'))"
    )
    until(driver, "const t = document.querySelector('#price .ytitle'); return t && t.textContent === 'B<b>&B'")
    driver.execute_script(
        "s = document.getElementById('instrument'); s.value = '0'; s.dispatchEvent(new Event('change'))"
    )
    driver.find_element("css selector", "[data-scale=linear]").click()
    until(driver, "return document.querySelector('#price .ytitle').textContent === 'AAA'")


def candles(driver) -> dict:
    return driver.execute_script(
        "const d = document.getElementById('price').data[0];"
        "return {x: [...d.x], open: [...d.open], high: [...d.high], low: [...d.low], close: [...d.close]}"
    )


def until(driver, script: str, *arguments) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 20).until(lambda d: d.execute_script(script, *arguments))


def note(driver) -> str:
    return driver.find_element("id", "price-note").text


def test_zooming_in_turns_pooled_candles_into_the_true_bars(driver, report, run):
    open_drawn(driver, report, "?theme=light")
    wide = candles(driver)
    size = 9000 // len(wide["x"]) + 1
    bars = run.bars[:, 0]
    assert "pools" in note(driver)
    assert wide["high"][0] == pytest.approx(bars["high"][:size].max(), rel=1e-6)
    assert wide["close"][0] == pytest.approx(bars["close"][size - 1], rel=1e-6)
    driver.execute_script("Plotly.relayout('price', {'xaxis.range': [4000, 4060]})")
    until(driver, "return document.getElementById('price-note').textContent.startsWith('Every candle is one bar')")
    near = candles(driver)
    first = int(near["x"][0])
    assert len(near["x"]) == pytest.approx(120, abs=2)
    for name in ("open", "high", "low", "close"):
        assert near[name] == pytest.approx(bars[name][first : first + len(near["x"])], abs=1e-5)


def test_zooming_one_chart_zooms_the_others_and_one_button_shows_the_whole_run_again(driver, report, run):
    open_drawn(driver, report, "?theme=light")
    reset = driver.find_element("css selector", "[data-reset]")
    assert not reset.is_displayed()
    driver.execute_script("Plotly.relayout('equity', {'xaxis.range': ['2021-03-01', '2021-03-08']})")
    until(driver, "return document.getElementById('price').layout.xaxis.range[1] < 2000")
    hours = driver.execute_script("return document.getElementById('price').layout.xaxis.range")
    assert hours == pytest.approx([59 * 24, 66 * 24], abs=1)
    assert len(driver.execute_script("return document.getElementById('equity').data[1].x")) < 200
    reset.click()
    until(driver, "return document.getElementById('price').layout.xaxis.range[1] === 9000")


def test_buttons_walk_through_the_trades_and_say_what_each_was(driver, report):
    open_drawn(driver, report, "?theme=light")
    driver.find_element("css selector", "[data-trade='1']").click()
    until(driver, "return document.getElementById('trade-note').textContent.startsWith('Trade 1 of')")
    assert "closed by a market order" in driver.find_element("id", "trade-note").text
    driver.find_element("css selector", "[data-trade='-1']").click()
    until(driver, "return /^Trade (\\d+) of \\1\\./.test(document.getElementById('trade-note').textContent)")
    driver.find_element("css selector", "[data-days='7']").click()
    until(
        driver, "const r = document.getElementById('price').layout.xaxis.range; return Math.abs(r[1] - r[0] - 168) < 2"
    )


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


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_no_width_needs_sideways_scrolling_and_nothing_overlaps(driver, report, width):
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        open_drawn(driver, report)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        assert driver.execute_script(OVERLAPS) == []
        # A drawing as tall as its box and a table as wide as its column: nothing hides behind an edge.
        cut = "return [...document.querySelectorAll('.scroll')].filter(b => b.scrollWidth > b.clientWidth + 1).length"
        assert driver.execute_script(cut) == 0 or width < 600
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


OVERLAPS = """
const hits = [];
function meet(boxes) {
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach(b => {
    const wide = Math.min(a.r.right, b.r.right) - Math.max(a.r.left, b.r.left);
    const high = Math.min(a.r.bottom, b.r.bottom) - Math.max(a.r.top, b.r.top);
    if (wide > 1 && high > 1 && !a.e.contains(b.e)) { hits.push(a.e.textContent.slice(0, 40)); }
  }));
}
function boxes(selector) {
  return [...document.querySelectorAll(selector)]
    .filter(e => e.getClientRects().length && !e.closest('details') && e.textContent.trim())
    .map(e => ({ e, r: e.getBoundingClientRect() }));
}
meet(boxes('h1, h2, h3, .chart, .scroll, .note, p.says, .tile, .controls'));
['equity', 'price', 'rolling', 'days', 'returns'].forEach(
  id => meet(boxes('#' + id + ' .xtick text, #' + id + ' .legendtext')));
return hits;
"""
"""Pairs of boxes, and of tick labels or legend entries of one chart, that stand on one another."""
