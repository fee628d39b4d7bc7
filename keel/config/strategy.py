"""Section `strategy`: which class decides, with which parameters."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from keel.config.section import ClassPath, Section


class StrategySection(Section):
    """Hold a strategy's class and parameters; the class's own Params checks them when the run is wired."""

    class_path: ClassPath = Field(
        alias="class", description="Strategy class, module:Class, such as keel.strategies.momentum:Momentum."
    )
    params: dict[str, Any] = Field({}, description="Parameters of the strategy, checked by the class itself.")
