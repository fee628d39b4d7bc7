"""What was learned from the training rows and belongs to a model: observation.json."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from keel.config.observation import ObservationSection
from keel.config.section import clip
from keel.domain.errors import UsageError
from keel.features.kinds import feature_names
from keel.features.observation_layout import ObservationLayout
from keel.features.series import Garch
from keel.runs.disk import disk_errors_named
from keel.runs.hashing import canonical_json

FORMAT: Final = 1
"""Version of observation.json, and of the way features are computed: raised whenever one of them changes."""
_MEND: Final = "take the observation.json that was saved with the model"


@dataclass(frozen=True)
class Fitted:
    """Hold all that turns bars into the observations a model was trained on.

    `centre` and `scale` have shape (N, F): a feature is (value - centre) / scale. `garch` has one entry a symbol, none
    unless the section asks for a GARCH.
    """

    section: ObservationSection
    symbols: tuple[str, ...]
    centre: tuple[tuple[float, ...], ...]
    scale: tuple[tuple[float, ...], ...]
    garch: tuple[Garch, ...] = ()

    @property
    def layout(self) -> ObservationLayout:
        """Return where every number of an observation stands."""
        section = self.section
        return ObservationLayout(section.window, self.symbols, feature_names(section), section.account)

    def alone(self, i: int) -> Fitted:
        """Return what belongs to symbol `i` by itself: its observations are those of a run of this symbol alone."""
        garch = self.garch[i : i + 1]
        return Fitted(self.section, self.symbols[i : i + 1], self.centre[i : i + 1], self.scale[i : i + 1], garch)

    @property
    def hash(self) -> str:
        """Return the SHA-256 (64 hex digits) of everything that observations depend on, to the last bit."""
        return _hash_of(self._tree())

    def to_json(self) -> str:
        """Return the text of observation.json; floats come back from it to the last bit."""
        return json.dumps(self._tree() | {"hash": self.hash}, indent=2, allow_nan=False) + "\n"

    def refuse_other(self, wanted: ObservationLayout, where: str) -> None:
        """Refuse a model whose observations are others than are wanted; `where` names it in the message.

        Raises UsageError that tells the first difference: symbols, features and their order, window or account.
        """
        for what in ("symbols", "features", "window", "account"):
            own, other = getattr(self.layout, what), getattr(wanted, what)
            if own != other:
                raise UsageError(
                    f"{where}: the model was trained on other observations: {_difference(what, own, other)}; "
                    f"set them as they were, or train again"
                )

    def refuse_other_hash(self, expected: str, where: str) -> None:
        """Refuse an observation.json that is not the one a model was trained with. Raises UsageError."""
        if self.hash != expected:
            raise UsageError(
                f"{where}: its hash is {self.hash[:12]}, the model was trained with {clip(expected[:12])}: {_MEND}"
            )

    def _tree(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "section": self.section.model_dump(mode="json"),
            "symbols": list(self.symbols),
            "features": list(feature_names(self.section)),
            "centre": [list(row) for row in self.centre],
            "scale": [list(row) for row in self.scale],
            "garch": [asdict(one) for one in self.garch],
        }


def join_fitted(parts: Sequence[Fitted]) -> Fitted:
    """Return what was fitted to single symbols of one section as one, in the order given."""
    return Fitted(
        parts[0].section,
        tuple(symbol for part in parts for symbol in part.symbols),
        tuple(row for part in parts for row in part.centre),
        tuple(row for part in parts for row in part.scale),
        tuple(one for part in parts for one in part.garch),
    )


def save_fitted(fitted: Fitted, path: Path) -> None:
    """Write observation.json, whole or not at all. Raises UsageError where the disk refuses."""
    beside = path.with_name(f".{path.name}.partial")
    with disk_errors_named(path):
        try:
            beside.write_text(fitted.to_json(), encoding="utf-8")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def load_fitted(path: Path) -> Fitted:
    """Read observation.json. Raises UsageError as `fitted_from_json` does, and where the file cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}): {_MEND}") from None
    return fitted_from_json(content, str(path))


def fitted_from_json(content: bytes | str, where: str) -> Fitted:
    """Read the text of an observation.json; `where` names it in messages.

    Raises UsageError, one line with the mend, for one that is cut short, of another format, edited (its hash does not
    match), or whose features are not in the order in which this version makes them.
    """
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        raise UsageError(f"{where}: is cut short, or no JSON: {_MEND}") from None
    if not isinstance(tree, dict) or "format" not in tree:
        raise UsageError(f"{where}: is no observation.json: {_MEND}")
    if tree["format"] != FORMAT:
        told = clip(str(tree["format"]))
        raise UsageError(f"{where}: is of format {told}, this version of Keel reads {FORMAT}: train again")
    if tree.pop("hash", None) != _hash_of(tree):
        raise UsageError(f"{where}: was changed after it was saved, its hash does not match: {_MEND}")
    return _from_tree(tree, where)


def _from_tree(tree: dict[str, Any], where: str) -> Fitted:
    try:
        section = ObservationSection.model_validate(tree["section"])
        fitted = Fitted(
            section=section,
            symbols=_names(tree["symbols"]),
            centre=_numbers(tree["centre"]),
            scale=_numbers(tree["scale"]),
            garch=tuple(Garch(**{key: float(value) for key, value in one.items()}) for one in tree["garch"]),
        )
        names, saved = feature_names(section), _names(tree["features"])
    except (KeyError, TypeError, ValueError, AttributeError, ValidationError):
        raise UsageError(f"{where}: lacks what an observation.json of format {FORMAT} has: {_MEND}") from None
    if names != saved:
        told = _difference("features", saved, names)
        raise UsageError(f"{where}: its features are not those that this version makes of its section: {told}; {_MEND}")
    if not _is_sound(fitted, len(names)):
        raise UsageError(f"{where}: has no centre and scale above 0 for each symbol and feature: {_MEND}")
    return fitted


def _names(values: list[str]) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise TypeError("a name is text")
    return tuple(values)


def _numbers(rows: list[list[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in rows)


def _is_sound(fitted: Fitted, features: int) -> bool:
    wanted = "garch" in {entry.kind for entry in fitted.section.features}
    parameters = [value for one in fitted.garch for value in asdict(one).values()]
    rows = [*fitted.centre, *fitted.scale]
    return (
        len(fitted.symbols) == len(fitted.centre) == len(fitted.scale)
        and len(fitted.garch) == len(fitted.symbols) * wanted
        and all(len(row) == features for row in rows)
        and all(map(math.isfinite, [*parameters, *(value for row in rows for value in row)]))
        and all(value > 0.0 for row in fitted.scale for value in row)
        and all(value >= 0.0 for value in parameters)
    )


def _hash_of(tree: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(tree).encode()).hexdigest()


def _difference(what: str, own: object, other: object) -> str:
    """Say in what two values differ: of tuples of names, the first place."""
    if not isinstance(own, tuple) or not isinstance(other, tuple):
        return f"{what} {own}, not {other}"
    if len(own) != len(other):
        return f"{len(own)} {what} ({clip(', '.join(own))}), not {len(other)} ({clip(', '.join(other))})"
    place = next(i for i, (one, another) in enumerate(zip(own, other, strict=True)) if one != another)
    return f"{what}[{place}] is {clip(own[place])}, not {clip(other[place])}"
