"""A model's zip says all of itself, cannot run code, and is refused in one line when anything in it was changed."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from made_training import ALGORITHMS, Told, config_of, learn, write_bars

from keel.domain.errors import UsageError
from keel.runs.model_file import ModelFile
from keel.strategies.policy import ServedPolicy

MODEL = Path("run/final_model.zip")
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder, here = tmp_path_factory.mktemp("trained"), Path.cwd()
    os.chdir(folder)
    try:
        write_bars()
        learn(config_of([*ALGORITHMS["ppo"], "training.total_timesteps=160"]), Path("run"), Told())
        return MODEL.read_bytes()
    finally:
        os.chdir(here)


@pytest.fixture
def model(trained: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "model.zip"
    path.write_bytes(trained)
    return path


def test_a_model_stays_as_it_was_opened_whatever_takes_its_place(model: Path, trained: bytes):
    opened = ModelFile(model)
    model.write_bytes(b"another")
    with zipfile.ZipFile(io.BytesIO(trained)) as archive:
        for name in archive.namelist():
            assert opened.read(name) == archive.read(name)


def change(path: Path, edit: Callable[[Members], object]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    edit(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def card_with(**fields: object) -> Callable[[Members], object]:
    def edit(members: Members) -> None:
        members["model.json"] = json.dumps(json.loads(members["model.json"]) | fields).encode()

    return edit


def test_a_model_lists_its_parts_and_holds_no_pickled_objects(model: Path):
    assert zipfile.ZipFile(model).namelist() == ["model.json", "observation.json", "policy.pth"]
    assert ServedPolicy(model).card.symbols == ("A/USDT",)


def test_a_zip_that_would_execute_code_is_refused_and_runs_nothing(model: Path, tmp_path: Path):
    target = tmp_path / "ran"

    class Writes:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {target}",)

    for content in (pickle.dumps(Writes()), _torch_pickle(Writes())):
        change(model, lambda members, content=content: members.update({"policy.pth": content}))
        with pytest.raises(UsageError, match="holds more than tensors, or is damaged, and is not loaded"):
            ServedPolicy(model)
        assert not target.exists()


def _torch_pickle(thing: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(thing, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda members: members.pop("model.json"), "without model.json, not a model of Keel"),
        (lambda members: members.pop("policy.pth"), "lacks policy.pth: it is cut short or was changed"),
        (lambda members: members.update({"model.json": b"{"}), "its model.json is not one of Keel's"),
        (card_with(format=99), "is a model of format 99, this version serves 1"),
        (card_with(more=1), "lacks keys of format 1, or has others"),
        (card_with(algorithm={"kind": "ppq"}), "names networks or actions that this version does not know"),
        (card_with(observation_hash="0" * 64), "its hash is .*, the model was trained with 000000000000"),
        (card_with(weights_hash="0" * 64), "its weights are not those its card was written for"),
        (card_with(observation_size=3), "its weights do not fit the networks of its card"),
        (lambda members: members.update({"data": b"", "model.json": b""}), "its model.json is not one of Keel's"),
    ],
)
def test_what_was_changed_is_refused(model: Path, edit: Callable[[Members], object], told: str):
    change(model, edit)
    with pytest.raises(UsageError, match=told):
        ServedPolicy(model)


def test_a_zip_of_the_learning_library_is_refused_by_what_it_is(model: Path):
    def edit(members: Members) -> None:
        members.clear()
        members.update({"data": b"{}", "policy.pth": b""})

    change(model, edit)
    with pytest.raises(UsageError, match="is a zip of stable-baselines3, which could run code, without model"):
        ModelFile(model)


@pytest.mark.parametrize("length", [0, 10, 500, -1])
def test_a_model_cut_short_is_refused(model: Path, length: int):
    model.write_bytes(model.read_bytes()[:length])
    with pytest.raises(UsageError, match="is no whole zip, perhaps cut short"):
        ModelFile(model)


def test_a_flipped_byte_is_refused(model: Path):
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 0xFF
    model.write_bytes(bytes(content))
    with pytest.raises(UsageError):
        ServedPolicy(model)


def test_no_such_model_is_said(tmp_path: Path):
    with pytest.raises(UsageError, match="no such model: give the path of a model's zip"):
        ModelFile(tmp_path / "none.zip")
