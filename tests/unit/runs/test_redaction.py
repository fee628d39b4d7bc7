from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keel.runs.redaction import REDACTED, redact, redact_command, redact_mapping


@given(secret=st.text(min_size=6, max_size=40).filter(lambda text: len(text.strip()) >= 6), around=st.text())
def test_a_secret_of_the_environment_never_survives_in_a_text(secret: str, around: str) -> None:
    environ = {"EXCHANGE_API_KEY": secret}
    assert secret not in redact(around + secret + around, environ).replace(REDACTED, "")


@pytest.mark.parametrize("name", ["API_KEY", "apiSecret", "GITHUB_TOKEN", "DB_PASSWORD", "KEY_PASSPHRASE"])
def test_every_name_that_looks_like_a_secret_counts(name: str) -> None:
    assert redact("sent hunter2-hunter2", {name: "hunter2-hunter2"}) == f"sent {REDACTED}"


def test_a_secret_is_found_quoted_for_a_url_escaped_for_json_and_line_by_line() -> None:
    value = 'a/b+c"d e\nsecond line of the key'
    environ = {"PRIVATE_KEY": value}
    for spelling in (
        quote(value, safe=""),
        'a/b+c\\"d e\\nsecond line of the key',
        "second line of the key",
    ):
        assert redact(f"<{spelling}>", environ) == f"<{REDACTED}>"


def test_a_secret_that_holds_another_is_blanked_whole() -> None:
    environ = {"A_TOKEN": "abcdef", "B_TOKEN": "abcdefghi"}
    assert redact("abcdefghi", environ) == REDACTED


def test_ordinary_variables_and_short_values_are_left_alone() -> None:
    assert redact("false in /home", {"TOKENIZERS_PARALLELISM": "false", "HOME": "/home/me"}) == "false in /home"


def test_command_line_values_named_like_secrets_are_blanked() -> None:
    argv = [
        "run",
        "--api-key=x1",
        "--token",
        "x2",
        "--set",
        "wire.secret=x3",
        "--set=a.password=x4=x5",
        "--key",
        "--v",
    ]
    assert redact_command(argv, {}) == (
        "run",
        f"--api-key={REDACTED}",
        "--token",
        REDACTED,
        "--set",
        f"wire.secret={REDACTED}",
        f"--set=a.password={REDACTED}",
        "--key",
        "--v",
    )


def test_ordinary_arguments_stay_as_they_are() -> None:
    argv = ("script_backtest.py", "--config", "configs/config_sim.yaml", "--set", "run.seed=7")
    assert redact_command(argv, {"API_KEY": "0123456789"}) == argv


def test_config_keeps_its_shape_and_loses_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SECRET", "open sesame")
    tree = {"a": [{"api_key": "x", "n": 1.5}], "b": "say open sesame", "c": None, "d": False}
    assert redact_mapping(tree) == {
        "a": [{"api_key": REDACTED, "n": 1.5}],
        "b": f"say {REDACTED}",
        "c": None,
        "d": False,
    }
