"""The record that makes a run repeatable: what ran, on which bars, with which code, and what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from keel.runs.hashing import config_hash
from keel.runs.provenance import CodeRevision, code_revision, own_sources, package_versions
from keel.runs.redaction import redact_command, redact_mapping

RUNNING: Final = "running"


@dataclass(frozen=True, slots=True)
class DataRecord:
    """Describe one instrument's bars as the run saw them; times are UTC epoch ms, `path` is as configured.

    `content_hash` is of what the run read, after any repair. `findings` are what the checks of the bars found and
    `repairs` what was mended in them, as JSON-able trees.
    """

    instrument: str
    timeframe: str
    path: str
    feed: str
    price_kind: str
    rows: int
    first_ts_ms: int | None
    last_ts_ms: int | None
    content_hash: str
    findings: tuple[Mapping[str, Any], ...] = ()
    repairs: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class RunManifest:
    """Hold what is needed to repeat a run and to know that the repeat came out the same; secrets never enter.

    `started` and `finished` are ISO 8601 in UTC, `status` is the run's (`running` until `finish`),
    `result_hash` is `canonical_hash` of its metrics and fills. `own_code` holds the SHA-256 of the user's own modules,
    a strategy's for one, by module name. `repeats` is the id of the run that this one repeats, if it does.
    """

    run_id: str
    name: str
    command: tuple[str, ...]
    config: Mapping[str, Any]
    config_hash: str
    data: tuple[DataRecord, ...]
    seed: int
    stream: int
    started: str
    code: CodeRevision = field(default_factory=code_revision)
    own_code: Mapping[str, str] = field(default_factory=own_sources)
    versions: Mapping[str, str] = field(default_factory=package_versions)
    repeats: str | None = None
    finished: str | None = None
    status: str = RUNNING
    result_hash: str | None = None

    def finish(self, status: str, result_hash: str | None, finished: datetime | None = None) -> RunManifest:
        """Return the manifest of the finished run: its status, result hash and end time (default: now)."""
        return replace(self, status=status, result_hash=result_hash, finished=iso_utc(finished or datetime.now(UTC)))

    def as_json(self) -> dict[str, Any]:
        """Return the tree that manifest.json holds."""
        return asdict(self)


def begin_manifest(
    run_id: str,
    resolved: Mapping[str, Any],
    data: Sequence[DataRecord],
    command: Sequence[str],
    started: datetime,
) -> RunManifest:
    """Build the manifest of a run that starts: `resolved` is the whole resolved config, `command` the argv.

    Secrets are taken out of the command and the config; the hash is of the config as given. Raises KeyError
    where the config has no `run` section with a name, a seed and a stream.
    """
    run = resolved["run"]
    return RunManifest(
        run_id=run_id,
        name=run["name"],
        command=redact_command(command),
        config=redact_mapping(resolved),
        config_hash=config_hash(resolved),
        data=tuple(data),
        seed=run["seed"],
        stream=run["stream"],
        started=iso_utc(started),
    )


def iso_utc(moment: datetime) -> str:
    """Return a time as ISO 8601 in UTC with milliseconds; `moment` carries its zone."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
