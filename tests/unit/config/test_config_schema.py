"""The JSON Schema that editors read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keel.config.load import json_schema, load_config, write_json_schema
from keel.config.modes import MODELS
from keel.domain.errors import ConfigError


def test_schema_tells_modes_apart_by_their_key():
    schema = json_schema()
    assert schema["discriminator"]["propertyName"] == "mode"
    assert set(schema["discriminator"]["mapping"]) == set(MODELS)
    assert len(schema["oneOf"]) == 4


def test_schema_refuses_unknown_keys_and_resolves_every_reference():
    schema = json_schema()
    for definition in schema["$defs"].values():
        assert definition["additionalProperties"] is False
    for reference in _all(schema, "$ref"):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]


def test_schema_describes_every_key():
    for name, definition in json_schema()["$defs"].items():
        for key, field in definition["properties"].items():
            assert len(field["description"]) > 10, f"{name}.{key}"


def test_schema_lets_a_file_extend_another_and_leave_keys_to_it():
    definition = json_schema()["$defs"]["SimRun"]
    assert "extends" in definition["properties"]
    assert definition["required"] == ["mode"]
    assert "required" not in json_schema()["$defs"]["DataSection"]


def test_schema_uses_the_names_of_the_file_not_of_python():
    properties = json_schema()["$defs"]["StrategySection"]["properties"]
    assert set(properties) == {"class", "params"}


def test_schema_is_written_whole_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "configs" / "schema.json"
    write_json_schema(path)
    assert json.loads(path.read_text()) == json_schema()
    assert [p.name for p in path.parent.iterdir()] == ["schema.json"]


def test_schema_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/schema.json: cannot be written: "):
        write_json_schema(tmp_path / "file" / "schema.json")


def test_limits_of_the_schema_are_those_of_the_loader(folder, load):
    load()
    assert json_schema()["$defs"]["FeesSection"]["properties"]["taker_bps"]["maximum"] == 50
    with pytest.raises(ConfigError):
        load_config(Path("x.yaml"), ["fees.taker_bps=50.1"])


def _all(value: Any, key: str) -> list[Any]:
    if isinstance(value, dict):
        here = [value[key]] if key in value else []
        return here + [hit for below in value.values() for hit in _all(below, key)]
    return [hit for below in value for hit in _all(below, key)] if isinstance(value, list) else []
