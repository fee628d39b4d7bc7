"""Section `observation`: what it takes, and what it refuses in one line that names the key."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from keel.config.observation import ObservationSection
from keel.config.problems import explain
from keel.config.yaml_tree import read_document
from keel.domain.errors import ConfigError


def load(text: str) -> ObservationSection:
    document = read_document(text, "x.yaml")
    try:
        return ObservationSection.model_validate(document.values)
    except ValidationError as error:
        raise explain(error, document, ObservationSection) from None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("features: [{kind: rsi, bar: 3}]", "unknown key 'features[0].bar': nearest right key is 'features[0].bars'"),
        ("features: [{kind: rsx}]", "features[0].kind: expected 'log_return', 'momentum', 'z_score',"),
        ("features: [{bars: 3}]", "missing key 'features[0].kind'"),
        ("features: [{kind: column}]", "missing key 'features[0].name'"),
        ("features: []", "features: expected at least 1, got 0"),
        ("features: [{kind: rsi, bars: 1}]", "features[0].bars: expected a number of at least 2, got 1"),
        ("features: [{kind: rsi, bars: 14.0}]", "features[0].bars: expected a whole number, got 14.0"),
        ("features: [{kind: macd, fast: 30}]", "features[0].slow: must be above fast (30), got 26"),
        ("features: [{kind: rsi}, {kind: atr}, {kind: rsi, bars: 14}]", "features: entries 1 and 3 are the same rsi"),
        ("features: [{kind: column, name: ../x}]", "features[0].name: expected a name of 1 to 64 letters"),
        ("account: [weight, weight]", "account: weight is listed twice: list each once"),
        ("account: [weights]", "account[0]: expected 'weight', 'unrealised', 'bars_held', 'in_flight' or 'drawdown'"),
        ("window: 0", "window: expected a number of at least 1, got 0"),
        ("clip: .inf", "clip: expected a finite number"),
    ],
)
def test_wrong_section_is_one_line_that_names_the_key(text, message):
    with pytest.raises(ConfigError, match=r"^x.yaml:1: ") as caught:
        load(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_section_has_defaults_and_comes_back_from_what_it_writes():
    section = load("{}")
    assert [entry.kind for entry in section.features][:2] == ["log_return", "log_return"]
    assert ObservationSection.model_validate(section.model_dump(mode="json")) == section
    assert load("{account: [], features: [{kind: rsi}, {kind: rsi, bars: 7}]}").account == ()


def test_every_key_is_described():
    for name, definition in ObservationSection.model_json_schema()["$defs"].items():
        for key, field in definition["properties"].items():
            assert len(field["description"]) > 10, f"{name}.{key}"
