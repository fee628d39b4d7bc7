"""A model on disk: one zip that says all of itself, and that nothing in it can run code.

model.json         the card: way of learning, networks, actions, symbols, spans, versions, hash of the weights
observation.json   what its observations are made of (keel.features.fitted)
policy.pth         the weights: tensors by name, read without unpickling objects
…                  a checkpoint has more members, with which training goes on
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Self

from keel.domain.errors import UsageError
from keel.runs.disk import disk_errors_named

FORMAT: Final = 1
"""Version of model.json: raised whenever a model of before cannot be served as it is."""
CARD: Final = "model.json"
OBSERVATION: Final = "observation.json"
WEIGHTS: Final = "policy.pth"
_LARGEST_CARD: Final = 1 << 24
_MEND: Final = "take a model that Keel's training saved, or train again"


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Say what a model is.

    `algorithm` is the config section it learnt by and `action` that of its actions, of which `weight_range` (least,
    most) is what limits and venue let through; `symbols` are in the order of the
    training data and decided one at a time where `apart`. `spans` holds the training, validation and test spans it was
    made with: train, a list of [start, end], validation and test, one each or None; UTC epoch milliseconds. `figures`
    are those of its validation span. `weights_hash` is of its tensors, `observation_hash` of observation.json.
    """

    run_id: str
    algorithm: Mapping[str, Any]
    action: Mapping[str, Any]
    weight_range: tuple[float, float]
    symbols: tuple[str, ...]
    apart: bool
    venue: str
    timeframe: str
    observation_size: int
    observation_bound: float
    observation_hash: str
    weights_hash: str
    steps: int
    spans: Mapping[str, Any]
    figures: Mapping[str, float | None]
    versions: Mapping[str, str]
    config_hash: str
    format: int = FORMAT

    def to_json(self) -> str:
        """Return the text of model.json."""
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, content: bytes, where: str) -> Self:
        """Read the text of model.json; `where` names the file. Raises UsageError where it is none of this format."""
        try:
            tree = json.loads(content)
            made_by = tree["format"]
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"{where}: its {CARD} is not one of Keel's: {_MEND}") from None
        if made_by != FORMAT:
            raise UsageError(f"{where}: is a model of format {made_by}, this version serves {FORMAT}: {_MEND}")
        if set(tree) != {field.name for field in fields(cls)}:
            raise UsageError(f"{where}: its {CARD} lacks keys of format {FORMAT}, or has others: {_MEND}")
        if not isinstance(tree["symbols"], list) or not isinstance(tree["weight_range"], list):
            raise UsageError(f"{where}: its {CARD} has symbols or a weight range that are no lists: {_MEND}")
        return cls(**{**tree, "symbols": tuple(tree["symbols"]), "weight_range": tuple(tree["weight_range"])})


class ModelFile:
    """Hold a model as it was when it was opened, whatever takes its place since, and read its members.

    Every member is checked against the zip's own checksum when it is read.
    """

    def __init__(self, path: Path) -> None:
        """Open a model. Raises UsageError where there is none, where it is damaged, or where it is not Keel's."""
        self.path = path
        self._content = self._whole()
        self._members = self._list()
        if CARD not in self._members:
            # stable-baselines3's own zips hold pickled objects: loading one runs whatever code it was given.
            whose = "a zip of stable-baselines3, which could run code," if "data" in self._members else "a zip"
            raise UsageError(f"{path}: is {whose} without {CARD}, not a model of Keel: {_MEND}")
        self.card = ModelCard.from_json(self.read(CARD), str(path))

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        """Return one member's content. Raises UsageError where it is missing or damaged."""
        if name not in self._members:
            raise UsageError(f"{self.path}: lacks {name}: it is cut short or was changed; {_MEND}")
        try:
            with zipfile.ZipFile(BytesIO(self._content)) as archive:
                if name == CARD and archive.getinfo(name).file_size > _LARGEST_CARD:
                    raise zipfile.BadZipFile("its card is too large")
                return archive.read(name)
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise UsageError(f"{self.path}: {name} cannot be read ({error}): {_MEND}") from None

    def refuse_damage(self) -> None:
        """Read every member once. Raises UsageError where one is damaged."""
        for name in self._members:
            self.read(name)

    def _whole(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            raise UsageError(f"{self.path}: no such model: give the path of a model's zip") from None
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be read ({error.strerror}): {_MEND}") from None

    def _list(self) -> frozenset[str]:
        try:
            with zipfile.ZipFile(BytesIO(self._content)) as archive:
                return frozenset(archive.namelist())
        except zipfile.BadZipFile:
            raise UsageError(f"{self.path}: is no whole zip, perhaps cut short: {_MEND}") from None


def write_model(path: Path, card: ModelCard, members: Mapping[str, bytes]) -> None:
    """Write a model's zip, whole or not at all: what stood there before stays until the new one is on disk.

    `members` are all but the card, by name. Raises UsageError where the disk refuses.
    """
    beside = path.with_name(f".{path.name}.partial")
    with disk_errors_named(path):
        try:
            with beside.open("wb") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                    for name, content in {CARD: card.to_json().encode(), **members}.items():
                        archive.writestr(zipfile.ZipInfo(name), content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
