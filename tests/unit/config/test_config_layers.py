"""Files extend files, `--set` overrides both, and every key remembers where it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from keel.config.load import load_config
from keel.domain.errors import ConfigError

TOP = """\
mode: sim
data: {venue: v, symbols: [A], timeframe: 1h}
strategy: {class: "a:B"}
"""


def write(**files: str) -> None:
    Path("base").mkdir(exist_ok=True)
    for name, text in files.items():
        path = Path(name.replace("__", "/") + ".yaml")
        path.write_text(text, encoding="utf-8")


def refused(path: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(Path(path), overrides)
    return str(caught.value)


def test_file_adds_to_and_overrides_what_it_extends(folder):
    write(
        base__costs="fees: {taker_bps: 5, minimum: 1}\n",
        x=f"extends: base/costs.yaml\n{TOP}fees: {{taker_bps: 7}}\n",
    )
    fees = load_config(Path("x.yaml")).config.fees
    assert (fees.taker_bps, fees.minimum) == (7, 1)


def test_later_file_of_a_list_wins(folder):
    write(
        base__a="fees: {taker_bps: 1, minimum: 1}\n",
        base__b="fees: {taker_bps: 2}\n",
        x="extends: [base/a.yaml, base/b.yaml]\n" + TOP,
    )
    fees = load_config(Path("x.yaml")).config.fees
    assert (fees.taker_bps, fees.minimum) == (2, 1)


def test_lists_are_replaced_not_joined(folder):
    write(base__a="data: {symbols: [X, Y, Z]}\n", x="extends: base/a.yaml\n" + TOP)
    assert load_config(Path("x.yaml")).config.data.symbols == ("A",)


def test_null_takes_back_what_a_base_set(folder):
    write(base__a="risk: {daily_loss: 0.1}\n", x=f"extends: base/a.yaml\n{TOP}risk: {{daily_loss: null}}\n")
    assert load_config(Path("x.yaml")).config.risk.daily_loss is None


def test_extends_is_relative_to_the_file_that_says_it(folder):
    write(base__a="extends: b.yaml\n", base__b="run: {seed: 42}\n", x="extends: base/a.yaml\n" + TOP)
    assert load_config(Path("x.yaml")).config.run.seed == 42


def test_two_bases_may_share_a_third(folder):
    write(
        base__c="run: {seed: 42}\n",
        base__a="extends: c.yaml\n",
        base__b="extends: c.yaml\n",
        x="extends: [base/a.yaml, base/b.yaml]\n" + TOP,
    )
    assert load_config(Path("x.yaml")).config.run.seed == 42


def test_error_in_a_base_names_the_base_and_its_line(folder):
    write(base__a="\n\nrun:\n  seed: abc\n", x="extends: base/a.yaml\n" + TOP)
    assert refused("x.yaml") == "base/a.yaml:4: run.seed: expected a whole number, got 'abc'"


def test_error_in_an_overriding_key_names_the_top_file(folder):
    write(base__a="run: {seed: 1}\n", x=f"extends: base/a.yaml\n{TOP}run:\n  seed: abc\n")
    assert refused("x.yaml") == "x.yaml:6: run.seed: expected a whole number, got 'abc'"


def test_missing_base_is_named_with_the_line_that_asks_for_it(folder):
    write(x="# a comment\nextends:\n  - base/gone.yaml\n" + TOP)
    assert refused("x.yaml") == "x.yaml:3: extends base/gone.yaml: base/gone.yaml: no such file"


def test_circle_of_files_is_refused(folder):
    write(base__a="extends: ../x.yaml\n", x="extends: base/a.yaml\n" + TOP)
    assert refused("x.yaml") == "base/a.yaml:1: extends ../x.yaml: extends goes in a circle: x.yaml -> a.yaml -> x.yaml"


def test_file_that_extends_itself_is_refused(folder):
    write(x="extends: x.yaml\n" + TOP)
    assert "extends goes in a circle: x.yaml -> x.yaml" in refused("x.yaml")


@pytest.mark.parametrize("value", ["5", "null", "{a: b}", "[[a]]", "''"])
def test_extends_takes_paths_only(folder, value):
    write(x=f"extends: {value}\n{TOP}")
    assert refused("x.yaml") == "x.yaml:1: extends: expected a path or a list of paths, relative to this file"


def test_override_wins_over_files_and_later_over_earlier(folder):
    write(base__a="run: {seed: 1}\n", x=f"extends: base/a.yaml\n{TOP}run: {{seed: 2}}\n")
    assert load_config(Path("x.yaml"), ["run.seed=3", "run.seed=4"]).config.run.seed == 4


def test_override_sets_a_whole_list_or_section(folder):
    write(x=TOP + "risk: {daily_loss: 0.1}\n")
    config = load_config(Path("x.yaml"), ["data.symbols=[B, C/D]", "risk={max_drawdown: 0.2}"]).config
    assert config.data.symbols == ("B", "C/D")
    assert (config.risk.daily_loss, config.risk.max_drawdown) == (None, 0.2)


def test_override_value_may_hold_an_equals_sign(folder):
    write(x=TOP)
    assert load_config(Path("x.yaml"), ["data.symbols=[EURUSD=X]"]).config.data.symbols == ("EURUSD=X",)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("run.seed=abc", "--set run.seed: run.seed: expected a whole number, got 'abc'"),
        ("run.sed=1", "--set run.sed: unknown key 'run.sed': nearest right key is 'run.seed'"),
        (
            "strateggy.params=1",
            "--set strateggy.params: unknown key 'strateggy': nearest right key is 'strategy'",
        ),
        ("run.seed", "--set run.seed: write key=value, such as --set run.seed=8"),
        ("=5", "--set : write key=value, such as --set run.seed=8"),
        ("run..seed=5", "--set run..seed: write key=value, such as --set run.seed=8"),
        ("run.seed=[1", "--set run.seed: not valid YAML at column 3: "),
        ("run.seed={a: 1, a: 2}", "--set run.seed: a: given twice, first at --set run.seed: keep one"),
        (
            "data.symbols.0=B",
            "--set data.symbols.0: data.symbols has no keys below it: set it whole, as in --set data.symbols=value",
        ),
        ("mode.x=1", "--set mode.x: mode has no keys below it: set it whole, as in --set mode=value"),
        ("run.seed=", "--set run.seed: run.seed: expected a whole number, got nothing"),
    ],
)
def test_wrong_override_is_refused_by_its_own_name(folder, override, message):
    write(x=TOP)
    assert refused("x.yaml", override).startswith(message)
