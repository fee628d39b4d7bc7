"""Where generated cases get their numbers from: plain random ones, the same for the same seed wherever they are drawn.

hypothesis' own draws favour constants that it finds in whatever modules are loaded, and vary what was drawn before: a
seed repeats nothing once a test more is collected, and cases resemble each other. It still shrinks what fails.
"""

from __future__ import annotations

from random import Random
from typing import Any, NoReturn

from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, PrimitiveProvider

BACKEND = "plain"


class PlainDraws(PrimitiveProvider):
    """Draw integers and booleans, each from nothing but the sequence's number."""

    number = 0

    def __init__(self, data: ConjectureData | None, /) -> None:
        super().__init__(data)
        self._random = Random(self.number)  # noqa: S311

    def draw_boolean(self, p: float = 0.5) -> bool:
        return self._random.random() < p

    def draw_integer(self, min_value: int | None = None, max_value: int | None = None, **_: Any) -> int:
        assert min_value is not None
        assert max_value is not None
        return self._random.randint(min_value, max_value)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("cases are drawn as bounded integers")

    draw_float = draw_string = draw_bytes = _refuse


def use_sequence(number: int) -> str:
    """Return the name of a hypothesis backend that draws the sequence `number`, from its beginning."""
    AVAILABLE_PROVIDERS[BACKEND] = type("PlainDraws", (PlainDraws,), {"number": number})
    return BACKEND
