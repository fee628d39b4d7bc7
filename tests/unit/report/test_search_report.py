"""The pictures and tables of a search: complete, honest about gaps, and drawn by a real browser."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from keel.report.search import SearchTable, print_search, short_names
from keel.report.search_html import render_search_html
from keel.report.search_png import heat_map_png, parallel_png
from keel.report.walk_forward import StepTable, print_walk_forward, render_steps_html, stability_png

COUNTS = {"trials": 7, "skipped": 1, "failed": 0, "resumed": 0, "on_these_bars": 1234, "different_on_these_bars": 99}
PNG = b"\x89PNG\r\n\x1a\n"


def row(number: int, a: Any, b: Any, sharpe: float | None, status: str = "done") -> dict[str, Any]:
    figures = (
        {} if status == "skipped" else {"sharpe": sharpe, "total_return": 0.1, "max_drawdown": -0.2, "trades": 9.0}
    )
    return {"number": number, "status": status, "reason": None, "p.a": a, "p.b": b, **figures}


ROWS = [
    row(0, 1, "<x>", 0.5),
    row(1, 2, "<x>", 1.5),
    row(2, 3, "<x>", None),
    row(3, 1, "y", -0.5),
    row(4, 2, "y", 0.75),
    row(5, 3, "y", None, "skipped"),
    row(6, 2, "y", 0.25),
]
TABLE = SearchTable(("p.a", "p.b"), "sharpe", ROWS, 1)
STEPS = StepTable(
    ("p.a", "p.b"),
    "sharpe",
    [
        {"step": i, "test_start": f"2021-0{i + 1}-01T00:00:00Z", "p.a": 1 + i, "p.b": "xy"[i % 2], "kept": False,
         "in_sample": 1.0, "out_of_sample": None if i == 2 else 0.5, "test_return": 0.01}
        for i in range(5)
    ],
)  # fmt: skip
OVERVIEW = {
    "steps": 5,
    "mean_in_sample": 1.0,
    "out_of_sample": 0.5,
    "efficiency": 0.5,
    "profitable_steps": 5,
    "changes": 4,
}


def printed(show, *arguments: Any) -> str:
    console = Console(file=io.StringIO(), width=120)
    show(console, *arguments)
    return console.file.getvalue()


def data_of(page: str) -> dict[str, Any]:
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_cell_of_the_heat_map_is_the_best_of_its_pair_and_empty_without_a_score():
    first, second, cells = TABLE.cells()
    assert (first, second) == ("p.a", "p.b")
    assert TABLE.levels("p.a") == [1, 2]
    assert cells == [[0.5, 1.5], [-0.5, 0.75]]


def test_order_follows_the_metric_and_its_direction():
    assert [each["number"] for each in TABLE.scored()] == [1, 4, 0, 6, 3]
    calm = SearchTable(("p.a",), "sharpe", ROWS, 3, smaller_is_better=True)
    assert [each["number"] for each in calm.scored()] == [3, 6, 0, 4, 1]


def test_frame_holds_every_trial_with_nulls_where_it_did_not_run():
    frame = TABLE.frame()
    assert frame.height == 7
    assert frame["sharpe"].to_list() == [0.5, 1.5, None, -0.5, 0.75, None, 0.25]
    assert SearchTable(("p.a",), "sharpe", [row(0, 1, 1, 0.1), row(1, "x", 1.5, 0.2)], 0).frame()["p.a"].to_list() == [
        "1",
        "x",
    ]


def test_names_are_shortened_only_while_they_stay_apart():
    assert short_names(["a.b.c", "d"]) == ["c", "d"]
    assert short_names(["a.x", "b.x"]) == ["a.x", "b.x"]


def test_console_shows_the_best_first_the_warnings_and_all_trials_ever():
    text = printed(print_search, TABLE, "study", ["beware"], COUNTS)
    assert "7 trials, 1 skipped; on these bars 1,234 trials so far, 99 different" in text
    assert re.search(r"Mind\s+beware", text)
    lines = [line.split() for line in text.splitlines() if re.match(r"\s+\d+\s", line)]
    assert [line[0] for line in lines] == ["1", "4", "0", "6", "3"]


def test_console_says_so_where_no_trial_has_a_score():
    text = printed(print_search, SearchTable(("p.a",), "sharpe", [row(0, 1, 1, None)], None), "study", [], COUNTS)
    assert "No trial has a sharpe" in text


def test_pictures_are_drawn_for_numbers_words_and_a_single_trial():
    for table in (TABLE, SearchTable(("p.a", "p.b"), "sharpe", ROWS[:1], 0)):
        assert heat_map_png(table).startswith(PNG)
        assert parallel_png(table).startswith(PNG)
    assert stability_png(STEPS).startswith(PNG)


def test_page_carries_all_trials_escaped_and_reaches_for_nothing_outside():
    page = render_search_html(TABLE, "a <b> study", ["mind <this>"], COUNTS)
    assert "a &lt;b&gt; study" in page
    assert "mind &lt;this&gt;" in page
    assert "<x>" not in page
    charts = data_of(page)
    assert len(charts["parallel"]["traces"][0]["line"]["color"]) == 5
    assert charts["heat"]["traces"][0]["z"] == [[0.5, 1.5], [-0.5, 0.75]]
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)=["']?http""", page.split('id="plotly"')[0])


def test_page_without_a_score_says_so():
    page = render_search_html(SearchTable(("p.a",), "sharpe", [row(0, 1, 1, None)], None), "study", [], COUNTS)
    assert "nothing to draw" in page


def test_walk_forward_tells_what_was_promised_and_what_was_kept():
    text = printed(print_walk_forward, STEPS, "study", OVERVIEW, COUNTS)
    assert "Sharpe 0.50 over all tests as one run, where the windows promised 1.00 on average" in text
    assert "50% of the promise was kept" in text
    assert "5 of 5 steps made money; the choice changed 4 times" in text
    charts = data_of(render_steps_html(STEPS, "study", OVERVIEW))
    assert charts["scores"]["traces"][1]["y"] == [0.5, 0.5, None, 0.5, 0.5]
    assert charts["parameter-0"]["traces"][0]["y"] == [1, 2, 3, 4, 5]


def test_browser_draws_every_chart(tmp_path: Path):
    browser = pytest.importorskip("test_browser")
    if not (browser.CHROMIUM and browser.DRIVER):
        pytest.skip("no Chromium and driver to look with")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.ui import WebDriverWait

    options = webdriver.ChromeOptions()
    options.binary_location = browser.CHROMIUM
    for flag in ("headless", "no-sandbox", "disable-gpu", "window-size=1280,1600", f"user-data-dir={tmp_path / 'c'}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(browser.DRIVER))
    try:
        for name, page, charts in (
            ("search", render_search_html(TABLE, "study", ["beware"], COUNTS), 2),
            ("steps", render_steps_html(STEPS, "study", OVERVIEW), 3),
        ):
            path = tmp_path / f"{name}.html"
            path.write_text(page)
            driver.get(path.as_uri())
            WebDriverWait(driver, 20).until(lambda d: d.execute_script("return document.body.dataset.drawn") == "yes")
            assert driver.execute_script("return document.querySelectorAll('.chart .main-svg').length") >= charts
            driver.find_element("id", "theme").click()
            assert "WebGL is not supported" not in driver.find_element("tag name", "main").text
            # Chromium warns that it draws without a graphics card.
            assert [line for line in driver.get_log("browser") if line["level"] == "SEVERE"] == []
    finally:
        driver.quit()
