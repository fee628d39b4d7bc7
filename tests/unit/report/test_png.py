"""equity.png is a picture of 1600 × 900, whatever the run."""

from __future__ import annotations

import dataclasses
import struct

import pytest

from keel.metrics.summary import summarise
from keel.report.png import render_png


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("rows", [0, 1, 2, 5000])
def test_picture_is_1600_by_900(make_run, rows):
    run = make_run(rows=rows)
    assert size(render_png(run, summarise(run))) == (1600, 900)


def test_names_with_formula_signs_or_foreign_letters_are_plain_text(make_run):
    run = dataclasses.replace(make_run(rows=50, symbols=("A", "B")), symbols=("$x_{$", "株"))
    summary = summarise(run)
    summary["period"]["symbols"] = list(run.symbols)
    assert size(render_png(run, summary)) == (1600, 900)
