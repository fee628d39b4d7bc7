"""Configurations that fuzzing or reading found to crash, hang or overflow: each is refused in one line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from made_configs import MINIMAL

from keel.config.layers import MOST_BYTES, MOST_LAYERS
from keel.config.load import dump_yaml, load_config, load_update
from keel.domain.errors import ConfigError


def refused_at(path: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(Path(path))
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("escape", ["\\UFFFFFFFF", "\\U00110000"])
def test_escape_beyond_all_characters_is_refused_with_its_line(refusal, escape):
    told = refusal(f'run:\n  name: "{escape}"\n')
    assert told == "x.yaml:9: not valid YAML: an escape or a version names nothing there is"


def test_version_too_long_to_read_is_refused(refusal):
    assert refusal(text=f"%YAML {'9' * 5000}.1\n---\nmode: sim\n").startswith("x.yaml:1: not valid YAML")


def test_half_a_character_is_refused_as_value_and_as_key(refusal):
    told = "half a character (\\uD800 to \\uDFFF) is none: remove it"
    assert refusal('run: {logs_dir: "a\\uD800"}\n') == f"x.yaml:8: run.logs_dir: {told}"
    assert refusal('"\\uDFFF": 1\n') == f"x.yaml:8: {told}"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")])
def test_nesting_deeper_than_can_be_written_back_is_refused(refusal, load, opening, closing):
    def nested(depth: int) -> str:
        return MINIMAL + f"  params: {{x: {opening * depth}1{closing * depth}}}\n"

    assert load(text=nested(29))
    assert refusal(text=nested(31)) == "x.yaml:8: strategy: nested more than 32 deep: a configuration is flatter"
    assert "nested too deeply" in refusal(text=nested(2000))


@pytest.mark.parametrize("number", ["0x" + "f" * 100_000, "9" * 400, "1" + "0" * 5000, "0o" + "7" * 10_000])
def test_number_beyond_all_numbers_is_refused_without_being_told_whole(refusal, number):
    told = refusal(f"run: {{seed: {number}}}\n")
    assert told.startswith("x.yaml:8: run.seed: expected a finite number, got ")
    assert len(told) < 200


@pytest.mark.parametrize("rate", ["1e-320", "1e300", "1e13", "1" + "0" * 300])
def test_rate_that_would_overflow_a_book_is_refused(refusal, rate):
    assert "expected a number from 1e-12 to 1e+12 or the symbol" in refusal("", f"data.rates={{EUR: {rate}}}")


def test_zero_with_a_billion_decimals_is_zero(load):
    config = load('market: {instrument: {tick_size: "0e-999999999"}}\n').config
    assert "tick_size: '0'" in dump_yaml(config)


def test_decimal_of_more_digits_than_a_float_holds_is_refused_not_rounded(refusal):
    told = refusal(f'market: {{instrument: {{tick_size: "1.{"0" * 40}1"}}}}\n')
    assert "expected a decimal of at most 15 digits" in told


def test_half_life_that_makes_an_infinite_decay_is_refused(refusal):
    assert "impact.half_life_bars: expected a number of at least 0.001" in refusal("impact: {half_life_bars: 5e-324}\n")


@pytest.mark.parametrize("name", ['"a\\0b"', '"' + "a" * 300 + '"'])
def test_name_no_file_can_have_is_refused(refusal, name):
    assert refusal(f"extends: {name}\n").startswith("x.yaml:8: extends ")


def test_links_in_a_circle_are_refused(folder):
    Path("a.yaml").symlink_to("b.yaml")
    Path("b.yaml").symlink_to("a.yaml")
    assert refused_at("a.yaml").startswith("a.yaml: cannot be read: ")


def test_file_that_does_not_end_is_refused(folder):
    Path("x.yaml").write_text(MINIMAL + "#" * MOST_BYTES)
    assert refused_at("x.yaml") == "x.yaml: over 1,000,000 bytes: a configuration is smaller"
    if Path("/dev/zero").exists():
        assert "over 1,000,000 bytes" in refused_at("/dev/zero")


def test_files_that_extend_one_another_twice_over_are_read_once(folder):
    for i in range(MOST_LAYERS):
        Path(f"x{i}.yaml").write_text(f"extends: [x{i + 1}.yaml, x{i + 1}.yaml]\nrun: {{seed: {i}}}\n")
    Path(f"x{MOST_LAYERS}.yaml").write_text(MINIMAL)
    began_s = time.process_time()
    assert load_config(Path("x0.yaml")).config.run.seed == 0
    assert time.process_time() - began_s < 60  # each of them read again, it would be a million files


def test_files_that_extend_one_another_without_end_are_refused(folder):
    for i in range(MOST_LAYERS + 2):
        Path(f"x{i}.yaml").write_text(f"extends: x{i + 1}.yaml\n")
    assert refused_at("x0.yaml").endswith("extends goes over more than 20 files: extend fewer")


@pytest.mark.parametrize("there", [False, True])
def test_file_whose_name_cannot_be_printed_is_named_by_its_escapes(folder, there):
    Path("x.yaml").write_text('extends: "y\ufeff.yaml"\nmode: sim\n', encoding="utf-8")
    if there:
        Path("y\ufeff.yaml").write_text("mode: 7\nrun: {seed: x}\n", encoding="utf-8")
    assert "y\\ufeff.yaml" in refused_at("x.yaml")


def test_thousands_of_keys_are_laid_over_one_another_in_no_time(folder):
    lines = "".join(f"    k{i}: {i}\n" for i in range(8000))
    Path("base.yaml").write_text(f"{MINIMAL}  params:\n{lines}")
    Path("x.yaml").write_text(f"extends: base.yaml\nstrategy:\n  params:\n{lines}")
    began_s = time.process_time()
    assert load_config(Path("x.yaml")).config.strategy.params["k7999"] == 7999
    assert time.process_time() - began_s < 100  # every key laid over every other, it would be hours


@pytest.mark.parametrize("override", ["a." * 40 + "b=1", "strategy.params.\x07=1", "strategy.params.\udcff=1"])
def test_override_of_what_is_no_key_is_refused(refusal, override):
    told = refusal("", override)
    assert told.isprintable()
    assert told.endswith("is no key: write key=value, such as --set run.seed=8")


def test_key_that_looks_like_a_mark_of_the_checker_is_an_unknown_key(refusal):
    assert "unknown key '[key]'" in refusal("", "[key]=")
    assert "unknown key 'run.[key]'" in refusal("run: {'[key]': 1}\n")


def test_address_that_cannot_be_parsed_is_refused_by_its_key(folder):
    Path("u.yaml").write_text("jobs: {a: {format: csv, source: 'http://[', venue: v, symbols: [A], timeframe: 1h}}\n")
    with pytest.raises(ConfigError) as caught:
        load_update(Path("u.yaml"))
    assert str(caught.value) == "u.yaml:1: jobs.a.source: expected an address such as https://host/path"
