"""The smallest configuration there is."""

from __future__ import annotations

MINIMAL = """\
mode: sim
data:
  venue: synthetic
  symbols: [SYNBTC/USDT]
  timeframe: 1h
strategy:
  class: keel.strategies.moving_average:MovingAverageCrossover
"""
