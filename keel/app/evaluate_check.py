"""Check a model and the bars it is to be played on, and play nothing."""

from __future__ import annotations

from typing import Final

import numpy as np

from keel.app.evaluate_wiring import Subject
from keel.backtest.evaluation.spans import seen_before
from keel.domain.errors import UsageError
from keel.domain.timeframe import utc_text

_LOOKS: Final = 256
"""Closes at which the model is asked, spread over the bars."""


def check_subject(subject: Subject) -> dict[str, str]:
    """Return, by what was looked at, what is whole. Raises UsageError where the model gives no finite weights.

    Files, hashes and features were checked when the subject was wired; here the model decides at closes spread over all
    bars, each as if it held nothing.
    """
    policy, card, closes = subject.policy, subject.policy.card, subject.panel.close_ts_ms
    rows = np.unique(np.linspace(policy.first, len(closes) - 1, _LOOKS).astype(int))
    for row in map(int, rows):
        weights = policy.weights_when_flat(row)
        if not np.all(np.isfinite(weights)):
            raise UsageError(
                f"{subject.config.evaluation.model}: decides {weights.tolist()} at {utc_text(int(closes[row]))}: train "
                "again, its weights are damaged"
            )
    start, end = subject.span_of(subject.rows)
    seen = "; ".join(seen_before(card, (start, end)))
    return {
        "model": f"{subject.config.evaluation.model}: {card.algorithm['kind']}, {card.steps:,} steps, weights "
        f"{card.weights_hash[:12]}, observations {card.observation_hash[:12]}: whole",
        "bars": f"{', '.join(card.symbols)} {card.timeframe}: {len(closes):,}, observations from the "
        f"{policy.first + 1}. on: whole",
        "decisions": f"finite at {len(rows)} closes",
        "evaluated": f"{utc_text(start)} to {utc_text(end)}, {subject.rows[1] - subject.rows[0]:,} bars"
        + (f"; IN-SAMPLE: {seen}" if seen else ", not seen in training"),
    }
