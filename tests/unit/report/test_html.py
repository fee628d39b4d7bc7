"""The report is one safe, self-contained file of bounded size."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import re
import time
import tracemalloc
from html.parser import HTMLParser

import numpy as np
import pytest

from keel.domain.orders import EventKind
from keel.metrics.summary import run_trades, summarise
from keel.report import html
from keel.report.html import render_html

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'


def page(run, config_yaml="mode: sim\n", manifest=None, summary=None) -> str:
    trades = run_trades(run)
    tree = summarise(run, trades) if summary is None else summary
    return render_html(run, tree, trades, config_yaml, manifest or {"run_id": run.run_id})


def data_of(text: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


class Tags(HTMLParser):
    """Collect the tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(text)
    return parser.seen


@pytest.fixture(scope="module")
def run(make_run):
    return make_run(rows=9000, symbols=("AAA", "BBB"))


def test_page_names_no_outside_address_and_forbids_them(run):
    text = page(run)
    assert re.findall(r"(?i)\b(?:https?|wss?|ftp):|[\"'(]//\w", text) == []
    loading = [(tag, a) for tag, a in tags(text) if {"src", "href", "srcset", "action"} & set(a)]
    assert {tag for tag, _ in loading} == {"a"}
    anchors = {a["id"] for _, a in tags(text) if "id" in a}
    assert {a["href"] for _, a in loading} <= {f"#{name}" for name in anchors}
    assert "default-src 'none'" in text


def test_library_inside_the_page_is_the_installed_one():
    code = gzip.decompress(base64.b64decode(html.packed_library()))
    assert b"plotly.js" in code[:200]
    assert code.count(b"</script") == 0


def test_hostile_names_are_inert_everywhere(run):
    hostile = dataclasses.replace(run, symbols=(EVIL, "BBB"), run_id=EVIL)
    object.__setattr__(hostile, "config", _with_name(run.config, EVIL))
    summary = summarise(hostile)
    summary["costs"]["currency"] = EVIL
    summary["status"] = EVIL
    summary["reasons"]["denied"][EVIL] = 1
    summary["instruments"][EVIL] = dict(summary["instruments"]["BBB"])
    summary["trades"]["exits"][EVIL] = 1
    summary["signals"]["by_instrument"][EVIL] = {"buy": 1, "sell": 0, "hold": 0}
    text = page(hostile, f"strategy: {EVIL}", {"command": [EVIL], EVIL: {"deep": EVIL}}, summary)
    clean = tags(page(run))
    scripts = [a for tag, a in tags(text) if tag == "script"]
    assert scripts == [a for tag, a in clean if tag == "script"]
    assert not any(tag == "img" or "onerror" in a for tag, a in tags(text))
    assert data_of(text)["prices"][0]["symbol"] == EVIL


def test_dollar_signs_in_a_config_are_kept_as_they_are(run):
    assert "params: {x: $title}" in page(run, "params: {x: $title}")


def test_charts_hold_the_true_extremes_and_every_fill_of_a_short_run(run, unpacked):
    data = data_of(page(run))
    curves = unpacked(data["equity"]["curves"])
    equity = curves["strategy"]
    true = run.marks["equity"]
    assert (equity.min(), equity.max()) == (pytest.approx(true.min(), abs=0.1), pytest.approx(true.max(), abs=0.1))
    assert curves["t"][-1] == run.marks["ts_ms"][-1]
    assert curves["strategy_drawdown"].min() == pytest.approx(
        min(0, (true / np.maximum.accumulate(true) - 1).min()), abs=1e-5
    )
    assert curves["net"] == pytest.approx(run.marks["net"] / true, abs=1e-5)
    fills = run.events[(run.events["kind"] == EventKind.FILLED) & (run.events["instrument"] == 1)]
    second = data["prices"][1]
    assert second["fill_count"] == len(fills)
    assert unpacked(second["fills"])["price"] == pytest.approx(fills["price"], rel=1e-6)


def test_benchmark_at_equal_risk_has_the_volatility_of_the_strategy(run, unpacked):
    curves = unpacked(data_of(page(run))["equity"]["curves"])
    spread = {name: np.std(np.diff(np.log(curves[name]))) for name in ("strategy", "matched", "benchmark")}
    assert spread["matched"] == pytest.approx(spread["strategy"], rel=0.02)
    assert spread["benchmark"] > 1.2 * spread["strategy"]


def test_rolling_figures_begin_when_there_are_enough_days_and_end_at_the_last(run, unpacked):
    rolling = data_of(page(run))["rolling"]
    curves = unpacked(rolling["curves"])
    assert rolling["window"] == round(375 / 4)
    assert len(curves["t"]) == 375 - rolling["window"] + 1
    assert curves["t"][-1] == run.marks["ts_ms"][-1]
    assert set(curves) == {"t", "sharpe", "benchmark_sharpe", "volatility", "benchmark_volatility", "beta"}


def test_flat_stretches_are_gaps_in_the_rolling_ratio_not_zeros(make_run, unpacked):
    run = make_run(rows=24 * 300)
    run.marks["equity"][: 24 * 150] = 100_000.0
    curves = unpacked(data_of(page(run))["rolling"]["curves"])
    assert np.isnan(curves["sharpe"][:60]).all()
    assert np.isfinite(curves["benchmark_sharpe"]).all()


def test_run_of_a_few_days_has_no_rolling_figures_and_says_so(make_run):
    assert data_of(page(make_run(rows=240)))["rolling"]["curves"] is None


def test_costs_tell_maker_from_taker_fees_and_what_funding_took(run):
    text = page(run)
    assert "of it taker" in text
    assert "of it maker" in text
    assert re.search(r"Funding (paid|received)", text)


def test_buttons_offer_stretches_of_time_that_hold_bars_enough(make_run):
    def offered(**more) -> list[str]:
        return re.findall(r'data-days="(\d+)"', page(make_run(**more)))

    assert offered(rows=9000) == ["1", "7", "30", "182"]
    assert offered(rows=900, step_ms=86_400_000) == ["30", "182", "365"]
    assert offered(rows=20) == []


def test_every_instrument_has_a_row_where_there_are_several(run, make_run):
    assert re.search(r'<section aria-labelledby="h-instruments">.*?AAA.*?BBB', page(run), re.DOTALL)
    assert "h-instruments" not in page(make_run(rows=300))


def test_months_of_the_table_compound_to_the_year(run):
    text = page(run)
    table = re.search(r'<table class="months">.*?</table>', text, re.DOTALL)
    assert table is not None
    first_row = re.findall(r"<tr><th scope=\"row\">2021</th>(.*?)</tr>", table[0])[0]
    cells = [c.replace("−", "-").rstrip("%") for c in re.findall(r"<td[^>]*>(.*?)</td>", first_row)]
    months = [float(c) / 100 for c in cells[:12] if c]
    assert np.prod(1 + np.array(months)) - 1 == pytest.approx(float(cells[12]) / 100, abs=0.01)


def test_orders_made_to_fit_have_a_heading_of_their_own_and_are_no_fault(make_run):
    run = make_run(rows=300)
    summary = summarise(run)
    summary["reasons"] = {name: {} for name in summary["reasons"]}
    text = page(run, summary=summary)
    assert "Held back for reserve and fees" in text
    assert "Orders made to fit" in text
    assert "Made smaller" not in text
    summary["clipped"] = {}
    assert "Held back" not in page(run, summary=summary)


def test_note_on_the_ratios_says_how_many_returns_a_year_has(make_run):
    assert "Ratios from daily equity, 365 days a year" in page(make_run(rows=100))
    run = make_run(rows=100)
    summary = summarise(run)
    summary["period"]["periods_per_year"] = 365.25 / 7
    assert "Ratios from the equity at each bar, 52.18 bars a year" in page(run, summary=summary)


def test_cut_short_run_is_marked_on_the_page(make_run):
    text = page(make_run(rows=30, status="interrupted"))
    assert "Interrupted: partial result" in text
    assert "30 of 30 bars were run" in text


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_run_without_a_curve_still_has_a_page(make_run, rows):
    assert "</html>" in page(make_run(rows=rows, status="interrupted"))


def test_sixty_instruments_at_most_are_drawn_the_most_traded_ones(make_run):
    many = make_run(rows=300, symbols=tuple(f"S{i}" for i in range(70)), every=30)
    many.events["qty"][many.events["instrument"] == 5] = 0.0
    prices = data_of(page(many))["prices"]
    assert len(prices) == 60
    assert "S5" not in {p["symbol"] for p in prices}


def test_page_of_a_million_bars_holds_them_all_and_needs_little_time_and_memory(make_run):
    run = make_run(rows=1_000_000, step_ms=60_000, every=100)
    trades = run_trades(run)
    summary = summarise(run, trades)
    started = time.process_time()
    text = render_html(run, summary, trades, "", {})
    assert time.process_time() - started < 20.0  # two on an idle machine; writing bar by bar takes minutes
    assert len(text) < 15_000_000
    assert data_of(text)["prices"][0]["bars"]["n"] == 1_000_000
    tracemalloc.start()
    render_html(run, summary, trades, "", {})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120_000_000


def _with_name(config, name):
    section = config.run.model_copy(update={"name": name})
    strategy = config.strategy.model_copy(update={"class_path": f"m:{name}"})
    return config.model_copy(update={"run": section, "strategy": strategy})
