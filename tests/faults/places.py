"""A practice venue of either exchange in a thread, and the live config that the doctor looks at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from unit.practice_here import KEYS, Here, practising, running

from keel.app.fetch_assets import fetch_assets
from keel.app.fetch_filters import fetch_filters

from .scene import STOCKS, Exchange, Scene

FETCHED = "fetched.json"
"""The exchange's rules, in the folder of a place."""
ALPACA = """\
extends: {root}/configs/base/us_stocks.yaml
mode: live
run: {{name: live, state_dir: {folder}/state, artifacts_dir: {folder}/artifacts, logs_dir: {folder}/logs}}
dry_run: false
data: {{store: {folder}/bars, venue: synthetic, symbols: [SYNA], timeframe: 1m}}
market: {{instrument: {{tick_size: "0.01", step_size: 1, min_qty: 1, min_notional: 1}}}}
strategy: {{class: "keel.strategies.moving_average:MovingAverageCrossover", params: {{short: 5, long: 20}}}}
account: {{initial_cash: 10000}}
risk: {{max_order_notional: 500, daily_loss_limit: 100, max_drawdown: 0.2, max_orders_per_min: 10}}
venue: {{kind: alpaca, address: "{address}"}}
live: {{filters: {folder}/filters.json}}
health: {{port: 0}}
doctor: {{min_free_disk_gb: 0}}
"""
_ROOT = Path(__file__).resolve().parents[2]


class Brokerage(Here):
    """Be a place whose venue speaks Alpaca's wire."""

    def config(self, *replacements: tuple[str, str], name: str = "live.yaml") -> Path:
        """Write a live config that asks this venue, with texts replaced, and return its path."""
        text = ALPACA.format(root=_ROOT, folder=self.folder, address=self.address)
        for old, new in replacements:
            assert old in text, old
            text = text.replace(old, new)
        path = self.folder / name
        path.write_text(text)
        return path


@contextmanager
def place(folder: Path, exchange: Exchange) -> Iterator[Here]:
    """Serve an exchange, and fetch its rules."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in zip(exchange.environ, (KEYS.key, KEYS.secret), strict=True):
            patch.setenv(name, value)
        if exchange is not STOCKS:
            with practising(folder) as here:
                fetch_filters(out=folder / FETCHED, config=here.config())
                yield here
            return
        venue = Scene(folder, pace=1, keys=KEYS, exchange=exchange).stage.open_venue({"practice": KEYS})
        with running(venue) as address:
            here = Brokerage(venue, address, folder)
            fetch_assets(output=folder / FETCHED, config=here.config())
            yield here
