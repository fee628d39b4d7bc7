"""observation.json: exact there and back, and refused where it is not what was saved."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_features import EVERY_KIND, beside, market, section_of

from keel.domain.errors import UsageError
from keel.features.fitted import Fitted, fitted_from_json, load_fitted, save_fitted
from keel.features.observation import compute_features, fit
from keel.features.series import Garch

SYMBOLS = ("BTC/USDT", "ETH/USDT")
POSITIVE = st.floats(1e-300, 1e300)


@pytest.fixture(scope="module")
def fitted():
    bars = market(400, n=2)
    return fit(section_of(*EVERY_KIND, window=3), SYMBOLS, bars, beside(bars))


def told(fitted, changed):
    """Return the message that refuses a file with a changed tree."""
    tree = json.loads(fitted.to_json())
    changed(tree)
    with pytest.raises(UsageError) as caught:
        fitted_from_json(json.dumps(tree), "observation.json")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def signed(tree):
    """Give a changed tree the hash that fits it, as a file of another version would have."""
    from keel.features.fitted import _hash_of

    tree.pop("hash")
    tree["hash"] = _hash_of(tree)


def test_file_comes_back_equal_and_computes_the_same(fitted, tmp_path):
    save_fitted(fitted, tmp_path / "observation.json")
    again = load_fitted(tmp_path / "observation.json")
    assert again == fitted
    assert again.hash == fitted.hash
    bars = market(300, n=2, seed=3)
    np.testing.assert_array_equal(
        compute_features(again, bars, beside(bars)), compute_features(fitted, bars, beside(bars))
    )
    assert [path.name for path in tmp_path.iterdir()] == ["observation.json"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(-1e300, 1e300), POSITIVE), min_size=2, max_size=2), st.tuples(*[POSITIVE] * 4))
def test_floats_come_back_to_the_last_bit(numbers, parameters):
    (a, b), (c, d) = numbers
    section = section_of({"kind": "garch"})
    fitted = Fitted(section, SYMBOLS, ((a,), (c,)), ((b,), (d,)), (Garch(*parameters), Garch(*reversed(parameters))))
    assert fitted_from_json(fitted.to_json(), "x") == fitted


def test_hash_changes_with_everything_observations_depend_on(fitted):
    others = [
        replace(fitted, symbols=SYMBOLS[::-1]),
        replace(fitted, centre=(fitted.centre[1], fitted.centre[0])),
        replace(fitted, scale=(tuple(np.nextafter(fitted.scale[0], 9).tolist()), fitted.scale[1])),
        replace(fitted, garch=(replace(fitted.garch[0], beta=0.5), fitted.garch[1])),
        replace(fitted, section=section_of(*EVERY_KIND[::-1], window=3)),
        replace(fitted, section=section_of(*EVERY_KIND, window=3, clip=4.0)),
        replace(fitted, section=section_of(*EVERY_KIND, window=2)),
        replace(fitted, section=section_of(*EVERY_KIND, window=3, account=["weight"])),
    ]
    assert len({fitted.hash, *(other.hash for other in others)}) == len(others) + 1


def test_truncated_file_is_refused_wherever_it_ends(fitted):
    text = fitted.to_json()
    for end in range(0, len(text.rstrip()) - 1, 97):
        with pytest.raises(UsageError, match=r"observation.json: is cut short, or no JSON: take the observation.json"):
            fitted_from_json(text[:end], "observation.json")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000, "[]", '"format"', "{}", "null", "1e999"])
def test_what_is_no_observation_json_is_refused(content):
    with pytest.raises(UsageError, match=r"x: is (cut short, or no JSON|no observation.json)"):
        fitted_from_json(content, "x")


def test_other_format_is_told_before_anything_else(fitted):
    message = told(fitted, lambda tree: tree.update(format=2, section="new"))
    assert message == "observation.json: is of format 2, this version of Keel reads 1: train again"


@pytest.mark.parametrize("key", ["section", "symbols", "features", "centre", "scale", "garch", "hash"])
def test_edited_file_is_refused(fitted, key):
    wanted = "was changed after it was saved, its hash does not match"
    assert wanted in told(fitted, lambda tree: tree.pop(key))
    assert wanted in told(fitted, lambda tree: tree.update({key: []}))


def test_edited_number_is_refused(fitted):
    def edit(tree):
        tree["scale"][1][0] *= 1.0000001

    assert "its hash does not match" in told(fitted, edit)


@pytest.mark.parametrize("key", ["section", "symbols", "features", "centre", "scale", "garch"])
@pytest.mark.parametrize("value", [None, [], {}, "x", [[1.0]], [["nan"], ["inf"]], 7])
def test_file_with_a_fitting_hash_but_other_content_is_refused(fitted, key, value):
    def edit(tree):
        tree[key] = value
        signed(tree)

    assert re.match("observation.json: (lacks what|its features are not|has no centre)", told(fitted, edit))


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_scale_that_nothing_can_be_divided_by_is_refused(fitted, scale):
    def edit(tree):
        tree["scale"][1][2] = scale
        signed(tree)

    assert "has no centre and scale above 0 for each symbol and feature" in told(fitted, edit)


def test_features_that_this_version_would_order_otherwise_are_refused(fitted):
    def edit(tree):
        tree["features"][:2] = tree["features"][1::-1]
        signed(tree)

    message = told(fitted, edit)
    assert "its features are not those that this version makes" in message
    assert "features[0] is momentum_10, not log_return_3" in message


def test_missing_file_and_full_disk_are_one_line(fitted, tmp_path):
    with pytest.raises(UsageError, match=r"none.json: cannot be read \(No such file or directory\): take the"):
        load_fitted(tmp_path / "none.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write .*file/observation.json: not a directory"):
        save_fitted(fitted, tmp_path / "file" / "observation.json")


def test_save_that_fails_leaves_the_old_file_whole(fitted, tmp_path):
    path = tmp_path / "observation.json"
    save_fitted(fitted, path)
    before = path.read_bytes()
    (tmp_path / "same").hardlink_to(path)
    save_fitted(replace(fitted, symbols=SYMBOLS[::-1]), path)
    assert (tmp_path / "same").read_bytes() == before, "the old file was written into"
    (tmp_path / ".observation.json.partial").mkdir()
    before = path.read_bytes()
    with pytest.raises(UsageError, match="cannot write"):
        save_fitted(fitted, path)
    assert path.read_bytes() == before


def test_model_of_other_observations_is_refused_by_the_first_difference(fitted):
    def refused(section, symbols=SYMBOLS):
        wanted = replace(fitted, section=section, symbols=symbols).layout
        with pytest.raises(UsageError, match=r"best_model.zip: the model was trained on other observations") as caught:
            fitted.refuse_other(wanted, "best_model.zip")
        return str(caught.value)

    fitted.refuse_other(fitted.layout, "best_model.zip")
    own = fitted.section
    assert "symbols[0] is BTC/USDT, not ETH/USDT" in refused(own, SYMBOLS[::-1])
    assert "2 symbols (BTC/USDT, ETH/USDT), not 1 (BTC/USDT)" in refused(own, SYMBOLS[:1])
    assert "features[0] is log_return_3, not column_funding" in refused(section_of(*EVERY_KIND[::-1], window=3))
    assert "window 3, not 4" in refused(section_of(*EVERY_KIND, window=4))
    assert "5 account (weight," in refused(section_of(*EVERY_KIND, window=3, account=["weight"]))


def test_normaliser_of_another_model_is_refused_by_its_hash(fitted):
    fitted.refuse_other_hash(fitted.hash, "observation.json")
    with pytest.raises(UsageError, match=f"observation.json: its hash is {fitted.hash[:12]}, the model was trained"):
        fitted.refuse_other_hash("0" * 64, "observation.json")
