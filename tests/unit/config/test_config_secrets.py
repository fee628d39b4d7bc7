"""Secrets come from the environment only, and no message repeats one."""

from __future__ import annotations

from pathlib import Path

import pytest

from keel.config.load import load_config
from keel.domain.errors import ConfigError

VALUE = "hunter2hunter2"
MESSAGE = "secrets come from the environment only"


@pytest.mark.parametrize(
    "text",
    [
        f"api_key: {VALUE}\n",
        f"run:\n  apiKey: {VALUE}\n",
        f"venue: {{BINANCE_API_SECRET: {VALUE}}}\n",
        f"strategy: {{params: {{db: [{{Password: {VALUE}}}]}}}}\n",
        f"token: {{a: {VALUE}}}\n",
        f"api-secret: [{VALUE}]\n",
        f"password: *{VALUE}\n",
        f"password:\n  *{VALUE}\n",
        f"password: !{VALUE} x\n",
        f"password:\n  !{VALUE}!x y\n",
        f"password: &{VALUE} [\n",
        f"password: %{VALUE}\n",
        f'password: "\\q{VALUE}"\n',
        f"? password {VALUE}\n: 1\n",
        f"? [password, {VALUE}]\n: 1\n",
    ],
)
def test_secret_in_a_file_is_refused_and_never_repeated(refusal, text):
    line = refusal(text)
    assert VALUE not in line
    assert line.startswith("x.yaml:")


@pytest.mark.parametrize("key", ["api_key", "run.secret", "venue.password", "strategy.params.TOKEN", "private_key"])
def test_secret_as_override_is_refused_and_never_repeated(refusal, key):
    line = refusal("", f"{key}={VALUE}")
    assert line == f"--set: {key}: {MESSAGE}: remove it from the configuration"


def test_override_that_is_cut_short_does_not_repeat_a_secret(refusal):
    assert VALUE not in refusal("", f"password:{VALUE}")
    assert VALUE not in refusal("", f"run={{password: {VALUE}}}")


def test_secret_key_is_named_with_its_line(refusal):
    assert refusal("run:\n  api_key: x\n") == f"x.yaml:9: api_key: {MESSAGE}: remove it from the configuration"


def test_secret_in_a_base_is_refused_even_when_overridden(folder):
    Path("base.yaml").write_text(f"api_key: {VALUE}\n")
    Path("x.yaml").write_text("extends: base.yaml\nmode: sim\n")
    with pytest.raises(ConfigError) as caught:
        load_config(Path("x.yaml"))
    assert str(caught.value).startswith("base.yaml:1: api_key: ")
    assert VALUE not in str(caught.value)


def test_secret_that_breaks_the_syntax_is_still_told_to_be_a_secret(refusal):
    line = refusal(f"password: *{VALUE}\n")
    assert line == f"x.yaml:8: a key that looks like one: {MESSAGE}: remove it from the configuration"
