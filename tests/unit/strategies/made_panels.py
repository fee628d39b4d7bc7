"""Panels of bars for the tests of strategies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from keel.domain.layout import BAR, BAR_PRESENT
from keel.domain.timeframe import MS_PER_DAY
from keel.strategies.panel import BarPanel


def panel_of(*closes: Sequence[float | None], days_apart: int = 1) -> BarPanel:
    """Return daily bars of one instrument for each list of closes, from 1970-01-01 on; None is a missing bar."""
    bars = np.zeros((len(closes[0]), len(closes)), BAR)
    bars["day"] = np.arange(len(bars))[:, None] * days_apart
    bars["close_ts_ms"] = (bars["day"] + 1) * MS_PER_DAY
    for i, own in enumerate(closes):
        for bar, close in zip(bars[:, i], own, strict=True):
            for name in ("open", "high", "low", "close"):
                bar[name] = np.nan if close is None else close
            if close is not None:
                bar["flags"], bar["volume"] = BAR_PRESENT, 1.0
    return BarPanel(bars, tuple(f"S{i}" for i in range(len(closes))))


@st.composite
def any_panel(draw: st.DrawFn) -> BarPanel:
    """Draw up to 40 rows of up to 3 instruments with missing bars; prices repeat often enough to tie.

    The rows lie within two months or, five days apart, more.
    """
    rows = draw(st.integers(1, 40))
    price = st.one_of(st.none(), st.integers(1, 12).map(float), st.floats(1e-3, 1e6))
    one = st.lists(price, min_size=rows, max_size=rows)
    return panel_of(*draw(st.lists(one, min_size=1, max_size=3)), days_apart=draw(st.sampled_from([1, 5])))
