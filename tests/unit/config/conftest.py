"""Small configurations on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from made_configs import MINIMAL

from keel.config.load import LoadedConfig, load_config
from keel.domain.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, so that messages name files as a user types them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def load(folder: Path) -> Callable[..., LoadedConfig]:
    """Load a smallest valid file (7 lines) with more text below it."""

    def run(more: str = "", *overrides: str, text: str | None = None) -> LoadedConfig:
        Path("x.yaml").write_text(MINIMAL + more if text is None else text, encoding="utf-8")
        return load_config(Path("x.yaml"), overrides)

    return run


@pytest.fixture
def refusal(load: Callable[..., LoadedConfig]) -> Callable[..., str]:
    """Return the one line with which a configuration is refused."""

    def run(more: str = "", *overrides: str, text: str | None = None) -> str:
        with pytest.raises(ConfigError) as caught:
            load(more, *overrides, text=text)
        line = str(caught.value)
        assert "\n" not in line
        return line

    return run
