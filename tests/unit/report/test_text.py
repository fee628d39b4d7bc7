"""Figures are written alike everywhere."""

from __future__ import annotations

import pytest

from keel.report import text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (text.money(1234.5), "1,234.50"),
        (text.money(-1234567.8), "−1,234,568"),
        (text.amount(1234.5), "1,234"),
        (text.amount(12.5), "12.50"),
        (text.percent(-0.12345), "−12.35%"),
        (text.percent(-0.000001), "0.00%"),
        (text.gain(0.1), "+10.00%"),
        (text.gain(0.000001), "0.00%"),
        (text.gain(-0.1), "−10.00%"),
        (text.percent(150.0), "15,000%"),
        (text.percent(1e4), "1,000,000%"),
        (text.percent(-1.2345e30), "−1.23e+32%"),
        (text.gain(1.2345e6), "+1.23e+08%"),
        (text.times(2.5), "2.50×"),
        (text.days(0.5), "12.0 hours"),
        (text.days(40.2), "40 days"),
        (text.hours(0.5), "30 minutes"),
        (text.hours(72.0), "3.0 days"),
        (text.date("2021-01-01T00:00:00Z"), "1 Jan 2021"),
        (text.date("2021-01-01T13:30:00Z"), "1 Jan 2021 13:30 UTC"),
        (text.label("not_shortable"), "Not shortable"),
    ],
)
def test_figure_is_written_as_people_read_it(written, expected):
    assert written == expected


@pytest.mark.parametrize(
    "write",
    [text.money, text.amount, text.percent, text.gain, text.ratio, text.times, text.bps, text.count, text.days,
     text.hours, text.date],
)  # fmt: skip
def test_what_is_not_defined_is_a_dash(write):
    assert write(None) == text.MISSING
