"""Enter an ordinary backtest in the trial ledger: it is a trial of its bars, too."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keel.backtest.search.trial import figures_of
from keel.domain.errors import UsageError
from keel.runs.ledger import Trial, TrialLedger, setup_hash
from keel.runs.manifest import RunManifest, iso_utc
from keel.runs.result import RunResult


def note_backtest(
    resolved: Mapping[str, Any], result: RunResult, metrics: dict[str, Any], manifest: RunManifest
) -> None:
    """Enter a finished backtest as a study of one trial; where the ledger refuses, warn: the run itself stands.

    `resolved` is the whole resolved config, `metrics` what `summarise` returned.
    """
    now = datetime.now(UTC)
    trial = Trial(
        number=0,
        key="",
        started=manifest.started,
        duration_s=(now - datetime.fromisoformat(manifest.started)).total_seconds(),
        config_hash=manifest.config_hash,
        setup_hash=setup_hash(resolved),
        parameters={},
        set_hash="",
        source_hash=manifest.code.source_hash,
        git_revision=manifest.code.git_revision,
        seed=manifest.seed,
        stream=manifest.stream,
        status=result.status,
        first_ts_ms=int(result.bars["open_ts_ms"][0].min()),
        last_ts_ms=int(result.marks["ts_ms"][-1]),
        figures=figures_of(metrics),
    )
    try:
        with TrialLedger.open(Path(result.config.run.state_dir)) as ledger:
            study = ledger.claim_study(manifest.run_id, "backtest", iso_utc(now), {})
            ledger.record(study, replace(trial, set_hash=ledger.note_bars(manifest.data)))
    except UsageError as error:
        sys.stderr.write(f"warning: this run is missing in the trial ledger: {error}\n")
