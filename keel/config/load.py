"""The one door of configuration: read YAML, merge, check, and write it back."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import TypeAdapter, ValidationError

from keel.config.layers import override_all, read_layers
from keel.config.modes import MODELS, DecidedConfig, EvalRun, RunConfig, TrainRun
from keel.config.practice import PracticeConfig
from keel.config.problems import explain
from keel.config.section import clip
from keel.config.strategy import StrategySection
from keel.config.update import UpdateConfig
from keel.config.yaml_tree import Document
from keel.domain.errors import ConfigError

_OF_THE_STRATEGY: Final = re.compile(r"\s*strategy\s*\.")
"""How an override of a key of the strategy begins."""

SCRIPTS: Final = {
    "sim": "script_backtest.py",
    "train": "train_model_multi_patch.py",
    "eval": "script_eval.py",
    "live": "script_live.py",
}
"""The entry script of each mode."""


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """Hold a checked configuration, the file it came from and its resolved values, ready for JSON or YAML.

    `document` holds what was written, and where, for what is checked once more is known.
    """

    config: RunConfig
    path: Path
    resolved: dict[str, Any]
    document: Document

    @property
    def deciding(self) -> DecidedConfig:
        """Return the configuration of a run in which a strategy decides. Raises ConfigError in modes train and eval."""
        if isinstance(self.config, TrainRun | EvalRun):
            place = self.document.place(("mode",))
            raise ConfigError(
                f"{place}: mode: {self.config.mode} has no strategy to simulate: give a config of mode sim"
            )
        return self.config


def load_config(path: Path, overrides: Sequence[str] = (), expect_mode: str | None = None) -> LoadedConfig:
    """Return the configuration of a file with `--set` overrides such as `run.seed=8` applied.

    Relative folders stay as written. Raises ConfigError, one line that names file, line, key and mend, for
    what is missing, unknown, of the wrong type or impossible together, and if the mode is not `expect_mode`.
    """
    return _check(read_layers(path, overrides), path, expect_mode)


def vary(loaded: LoadedConfig, overrides: Sequence[str]) -> LoadedConfig:
    """Return a configuration with further overrides applied, checked as one read from a file is.

    Raises ConfigError as `load_config` does.
    """
    document = override_all(loaded.document, overrides)
    if all(_OF_THE_STRATEGY.match(override) for override in overrides):
        return _with_strategy(loaded, document)
    return _check(document, loaded.path, loaded.config.mode)


def _with_strategy(loaded: LoadedConfig, document: Document) -> LoadedConfig:
    """Check the strategy's section alone: no rule joins it to another, and the others are as they were."""
    try:
        strategy = StrategySection.model_validate(document.values["strategy"])
    except ValidationError:
        return _check(document, loaded.path, loaded.config.mode)
    config = loaded.config.model_copy(update={"strategy": strategy})
    resolved = loaded.resolved | {"strategy": strategy.model_dump(mode="json", by_alias=True)}
    return LoadedConfig(config, loaded.path, resolved, document)


def _check(document: Document, path: Path, expect_mode: str | None) -> LoadedConfig:
    model = MODELS[_mode_of(document, expect_mode)]
    try:
        config = model.model_validate(document.values)
    except ValidationError as error:
        raise explain(error, document, model) from None
    return LoadedConfig(config, path, resolve(config), document)


def load_update(path: Path) -> UpdateConfig:
    """Return the configuration of the update job. Raises ConfigError as `load_config` does."""
    document = read_layers(path, ())
    try:
        return UpdateConfig.model_validate(document.values)
    except ValidationError as error:
        raise explain(error, document, UpdateConfig) from None


def load_practice(path: Path, overrides: Sequence[str] = ()) -> tuple[PracticeConfig, Document]:
    """Return the configuration of the practice venue and what was written. Raises ConfigError as `load_config` does."""
    document = read_layers(path, overrides)
    try:
        return PracticeConfig.model_validate(document.values), document
    except ValidationError as error:
        raise explain(error, document, PracticeConfig) from None


def resolve(config: RunConfig) -> dict[str, Any]:
    """Return every key of a configuration with its value, defaults included, as plain JSON-able values."""
    return config.model_dump(mode="json", by_alias=True)


def dump_yaml(config: RunConfig) -> str:
    """Return the resolved configuration as YAML that loads back to an equal one."""
    return yaml.dump(resolve(config), Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a configuration file, for editors.

    Only `mode` is required in it: any other key may come from a file in `extends` or from the command line.
    """
    schema = TypeAdapter[Any](RunConfig).json_schema(by_alias=True)
    for name, definition in schema["$defs"].items():
        definition.pop("required", None)
        if name in {model.__name__ for model in MODELS.values()}:
            definition["required"] = ["mode"]
            definition["properties"] = {"extends": _EXTENDS, **definition["properties"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Keel configuration",
        **schema,
    }


def write_json_schema(path: Path) -> None:
    """Write the JSON Schema whole or not at all. Raises ConfigError if the folder cannot be written."""
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(json_schema(), indent=2) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None


def _mode_of(document: Document, expect_mode: str | None) -> str:
    mode = document.values.get("mode")
    where = document.place(("mode",))
    if "mode" not in document.values:
        raise ConfigError(f"{where}: missing key 'mode': write one of sim, train, eval, live")
    if not isinstance(mode, str) or mode not in MODELS:
        raise ConfigError(f"{where}: mode: expected sim, train, eval or live, got '{clip(str(mode))}'")
    if expect_mode is not None and mode != expect_mode:
        raise ConfigError(f"{where}: mode: this command runs {expect_mode}, not {mode}: use {SCRIPTS[mode]}")
    return mode


_EXTENDS: Final = {
    "description": "Files, relative to this one, whose keys this one adds to and overrides; the later wins.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}


class _Dumper(yaml.SafeDumper):
    """Quote what Keel's reader takes for a number, besides what YAML 1.1 does."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Write every value out: an anchor would hide it from a reader's search."""
        return True


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_.]*[eE][-+]?[0-9]+$|^0o[0-7]+$"),
    list("-+0123456789"),
)
