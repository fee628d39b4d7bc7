"""In what two runs differ: their inputs, by their manifests, and the first thing that came out otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from keel.domain.timeframe import utc_text
from keel.runs.hashing import canonical_json, config_hash
from keel.runs.read import FinishedRun
from keel.runs.redaction import REDACTED

if TYPE_CHECKING:
    import polars as pl

ABSENT: Final = "absent"
_SHORT_HASH: Final = 12
_LONGEST: Final = 60
_HASH: Final = re.compile("[0-9a-f]{40,64}")
_DESCRIBED: Final = ("config", "config_hash", "data", "code", "own_code", "versions", "seed", "stream")
_NO_INPUT: Final = ("run_id", "name", "command", "started", "finished", "status", "result_hash", "repeats")
_NOT_SHAPING: Final = ("run.name", "run.artifacts_dir", "run.logs_dir", "run.state_dir", "data.store", "doctor")
"""Config keys and sections that change no result: names, folders, and checks made before a run."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Name an input of a run and what it was `then` and is `now`, in words."""

    input: str
    then: str
    now: str

    def __str__(self) -> str:
        return f"{self.input}: {self.then} then, {self.now} now"


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a tree's leaves by dotted name; lists and empty mappings are leaves."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        inner = (
            flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) and value else {f"{prefix}{name}": value}
        )
        flat |= inner
    return flat


def shaping_config(resolved: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys of a resolved config that can change a result, by dotted name, with their values as text."""
    return {name: _text(value) for name, value in flatten(resolved).items() if _shapes(name)}


def config_differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Return the keys of two resolved configs that differ and can change a result, in the order of the first."""
    before, after = shaping_config(then), shaping_config(now)
    both = ((f"config {name}", before.get(name, ABSENT), after.get(name, ABSENT)) for name in {**before, **after})
    return [Difference(name, _short(old), _short(new)) for name, old, new in both if old != new]


def input_differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Return every input in which two manifests (as manifest.json holds them) differ; none = a promise can be kept."""
    found = config_differences(then["config"], now["config"])
    if config_hash(then["config"]) != then["config_hash"]:
        secret = REDACTED in canonical_json(then["config"])
        why = "with a secret that manifests do not keep" if secret else "other than its own hash says"
        found.append(Difference("config of the manifest", why, "as in config.yaml"))
    found += _data_differences(then["data"], now["data"])
    if then["code"]["source_hash"] != now["code"]["source_hash"]:
        found.append(Difference("Keel's code", _revision(then["code"]), _revision(now["code"])))
    found += _named_differences("own code", then.get("own_code", {}), now["own_code"])
    found += _named_differences("version of", then["versions"], now["versions"])
    others = [name for name in {**then, **now} if name not in (*_DESCRIBED, *_NO_INPUT)]
    before, after = ({name: tree[name] for name in others if tree.get(name)} for tree in (then, now))
    return found + _named_differences("manifest", flatten(before), flatten(after))


def first_result_difference(then: FinishedRun, now: FinishedRun) -> str | None:
    """Return in words the first fill or mark that differs, else the figures that do; None where all is the same.

    Of a run that was stopped only what lies before its last mark is compared, and no figures.
    """
    marks = then.table("equity.parquet"), now.table("equity.parquet")
    fills = then.table("fills.parquet"), now.table("fills.parquet")
    if then.is_partial:
        last = marks[0]["ts_ms"].max()
        marks = marks[0], marks[1].head(marks[0].height)
        fills = fills[0].filter(fills[0]["ts_ms"] <= last), fills[1].filter(fills[1]["ts_ms"] <= last)
    found = [each for each in (_first_row("fill", *fills), _first_row("mark", *marks)) if each is not None]
    if found:
        return min(found)[1]
    if then.is_partial:
        return None
    before, after = flatten(then.metrics), flatten(now.metrics)
    names = [name for name in {**before, **after} if before.get(name, ABSENT) != after.get(name, ABSENT)]
    return f"no fill and no mark, but metrics {', '.join(names[:3])}" if names else None


def _shapes(name: str) -> bool:
    return not any(name == each or name.startswith(f"{each}.") for each in _NOT_SHAPING)


def _data_differences(then: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[Difference]:
    before, after = ({f"{one['instrument']} {one['timeframe']}": one for one in each} for each in (then, now))
    found = []
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            found.append(Difference(f"bars of {name}", _bars(old), _bars(new)))
            continue
        if old["content_hash"] != new["content_hash"]:
            found.append(Difference(f"bars of {name}", _bars(old), _bars(new)))
        rest = {"path", "rows", "first_ts_ms", "last_ts_ms", "content_hash"}
        inner = ({key: value for key, value in one.items() if key not in rest} for one in (old, new))
        found += _named_differences(f"bars of {name},", *inner)
    return found


def _bars(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "not read"
    first, last = (utc_text(record[name]) for name in ("first_ts_ms", "last_ts_ms"))
    return f"{record['rows']:,} rows, {first} to {last}, hash {_short(record['content_hash'])}"


def _revision(code: Mapping[str, Any]) -> str:
    sources = f"sources {_short(code['source_hash'])}"
    if code["git_revision"] is None:
        return sources
    return f"{sources}, revision {_short(code['git_revision'])}{' with uncommitted changes' if code['dirty'] else ''}"


def _named_differences(what: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    return [
        Difference(f"{what} {name}", _short(then.get(name, ABSENT)), _short(now.get(name, ABSENT)))
        for name in {**then, **now}
        if then.get(name, ABSENT) != now.get(name, ABSENT)
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else canonical_json(value)


def _short(value: object) -> str:
    text = _text(value)
    if _HASH.fullmatch(text):
        return text[:_SHORT_HASH]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _first_row(what: str, then: pl.DataFrame, now: pl.DataFrame) -> tuple[int, str] | None:
    import polars as pl

    shared = [name for name in then.columns if name in now.columns and name != "time"]  # ts_ms says the same
    rows = min(then.height, now.height)
    before, after = then.select(shared).head(rows), now.select(shared).head(rows)
    unlike = pl.Series([False]).new_from_index(0, rows)
    for name in shared:
        unlike |= before[name].ne_missing(after[name])
    first = unlike.arg_max() if unlike.any() else None
    if first is None:
        return None if then.height == now.height else _one_more(what, then, now, rows)
    columns = [name for name in shared if before[name].ne_missing(after[name])[first]]
    old, new = before.row(first, named=True), after.row(first, named=True)
    moment = min(old["ts_ms"], new["ts_ms"])
    values = ", ".join(f"{name} {old[name]} then, {new[name]} now" for name in columns[:2])
    return moment, f"{what} {first + 1} of {then.height} ({_label(old)}): {values}"


def _one_more(what: str, then: pl.DataFrame, now: pl.DataFrame, rows: int) -> tuple[int, str]:
    longer, when = (then, "only then") if then.height > now.height else (now, "only now")
    row = longer.row(rows, named=True)
    return row["ts_ms"], f"{what} {rows + 1} ({_label(row)}) was there {when}: {then.height} then, {now.height} now"


def _label(row: Mapping[str, Any]) -> str:
    parts = [str(row[name]) for name in ("side", "symbol") if name in row]
    return " ".join([utc_text(row["ts_ms"]), *parts])
