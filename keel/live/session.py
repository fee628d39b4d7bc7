"""A session of a run: what it was configured with, and what has changed since the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from keel.config.load import dump_yaml, resolve
from keel.config.modes import LiveRun
from keel.domain.errors import GateRefusedError, UsageError
from keel.journal.entries import SessionStarted
from keel.journal.journal import Journal
from keel.journal.reading import Selection
from keel.journal.texts import in_parts
from keel.runs.model_file import ModelFile

_MARKET: Final = ("data.symbols", "venue.kind", "venue.environment", "account.currency", "account.type")
"""What a book is made of: with another one it means nothing."""
_NO_MATTER: Final = ("run.", "health.", "doctor.", "i_accept_real_money")
_TOLD: Final = 12
_OF_HASH: Final = 12
"""How much of a hash is shown."""


def session_started(config: LiveRun, run_id: str, config_hash: str, code: str) -> SessionStarted:
    """Return the entry that begins a session; it holds the whole config, for whoever plays the run again."""
    return SessionStarted(
        run_id,
        config_hash,
        code,
        config.venue.kind,
        config.venue.environment,
        config.dry_run,
        config.data.symbols,
        in_parts(dump_yaml(config)),
        model_hash(config),
    )


def model_hash(config: LiveRun) -> str:
    """Return the hash of the weights in `strategy.params.model`, empty where that is no model of Keel's."""
    path = config.strategy.params.get("model")
    if not isinstance(path, str):
        return ""
    try:
        return ModelFile(Path(path)).card.weights_hash
    except UsageError:
        return ""  # the strategy itself says what is wrong with its file


def refuse_other_model(started: SessionStarted, config: LiveRun) -> None:
    """Refuse to play a session again by other weights than it ran with. Raises UsageError."""
    now = model_hash(config)
    if started.model and now != started.model:
        raise UsageError(
            f"strategy.params.model {config.strategy.params.get('model')}: its weights are "
            f"{now[:_OF_HASH] or 'not there'}, session {started.run_id} ran with {started.model[:_OF_HASH]}: put that "
            "model back, or name a session that ran with this one by its run id"
        )


def last_session(journal: Journal) -> SessionStarted | None:
    """Return how the newest session of a journal began, None for a journal without any."""
    found = None
    for recorded in journal.entries(Selection(kinds=(SessionStarted.__name__,))):
        if isinstance(recorded.entry, SessionStarted):
            found = recorded.entry
    return found


def changes_since(before: SessionStarted | None, config: LiveRun) -> tuple[str, ...]:
    """Return what has changed in the config since a session, each as `key before → now`; folders and pages left out.

    Other weights in the same model's file count, too.
    Raises GateRefusedError where the market is another one: symbols, exchange, the account's currency or type.
    """
    if before is None or not before.config:
        return ()
    was, now = dict(_flat(yaml.safe_load("".join(before.config)))), dict(_flat(resolve(config)))
    keys = [key for key in dict.fromkeys((*was, *now)) if was.get(key) != now.get(key)]
    told = {key: f"{key} {_shown(was.get(key))} → {_shown(now.get(key))}" for key in keys}
    other = [told[key] for key in keys if key in _MARKET]
    if other:
        raise GateRefusedError(
            f"the journal is that of another market: {'; '.join(other)}; put that back, or give the run a name of its "
            "own (run.name); scripts/flatten.py closes what the old one left open"
        )
    return (*(told[key] for key in keys if not key.startswith(_NO_MATTER)), *_other_weights(before, config))


def _other_weights(before: SessionStarted, config: LiveRun) -> Iterator[str]:
    now = model_hash(config)
    if before.model and now and now != before.model:
        yield f"weights of strategy.params.model {before.model[:_OF_HASH]} → {now[:_OF_HASH]}"


def in_few_words(changes: tuple[str, ...]) -> str:
    """Return changes as one line."""
    more = f" and {len(changes) - _TOLD} more" if len(changes) > _TOLD else ""
    return "; ".join(changes[:_TOLD]) + more


def _flat(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _shown(value: object) -> str:
    text = "unset" if value is None else f"{value}"
    return text if len(text) <= 60 else f"{text[:59]}…"
