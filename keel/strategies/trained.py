"""A trained model as a strategy: in a backtest, an evaluation or live it decides as it did in training.

strategy:
  class: keel.strategies.trained:Policy
  params: { model: artifacts/best_model.zip }
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from keel.domain.account import AccountView
from keel.domain.errors import ConfigError, UsageError
from keel.features.kinds import extra_columns
from keel.strategies.desk import LiveOrder
from keel.strategies.observer import Features, Observer
from keel.strategies.panel import BarPanel
from keel.strategies.port import Context, EventStrategy, StrategyParams

if TYPE_CHECKING:
    from keel.runs.model_file import ModelCard
    from keel.strategies.policy import ServedPolicy, State

_EXTRA: Final = "rl"
"""What `pip install 'keel[…]'` needs besides, to serve a model."""
_PACKAGES: Final = ("torch", "stable_baselines3", "sb3_contrib", "gymnasium")


class Policy(EventStrategy):
    """Decide by a trained model, from the observations it was trained on.

    It keeps still until every feature of its window is there, and then sets each symbol's target at every close. A
    model that was trained on symbols `apart` decides each by itself: of N symbols each is shown an account of an Nth of
    the equity, and gets an Nth of the weight it asks for.
    """

    class Params(StrategyParams):
        """Set the model and what becomes of its weights."""

        model: str = Field(description="path of a model's zip")
        deterministic: bool = Field(default=True, description="take the likeliest action; false: draw it")
        seed: int = Field(0, ge=0, le=2**32 - 1, description="seed of the actions that are drawn")
        scale: float = Field(1.0, gt=0, le=10, description="factor on every weight")
        most_weight: float | None = Field(None, gt=0, le=10, description="largest weight of a symbol, either way")

    params: Params

    def __init__(self, params: Params) -> None:
        """Load the model. Raises UsageError, one line, for a file that is not Keel's, damaged or changed."""
        super().__init__(params)
        self._served = serve(Path(params.model))
        self._observer = Observer(self._served.fitted, apart=self.card.apart)
        self._observer.refuse_other_size(self.card.observation_size, params.model)
        self._state: State = None
        self.alter: Callable[[Features], Features] | None = None
        """Changes the features before they are shown: for questions such as what a feature is worth."""

    @property
    def card(self) -> ModelCard:
        """Return what the model says of itself."""
        return self._served.card

    @property
    def first(self) -> int:
        """Return the first row it decides on, once it is prepared."""
        return self._observer.first

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Return the names of the features of one symbol's bar."""
        return self._observer.layout.features

    def check_market(self, venue: str, symbols: Sequence[str], timeframe: str) -> None:
        """Refuse bars of another venue, other symbols or another timeframe than the model was trained on."""
        card = self.card
        given = {"venue": venue, "symbols": ", ".join(symbols), "timeframe": timeframe}
        trained = {"venue": card.venue, "symbols": ", ".join(card.symbols), "timeframe": card.timeframe}
        for key, value in given.items():
            if value != trained[key]:
                raise ConfigError(
                    f"data.{key}: {value}, but {self.params.model} was trained on {trained[key]}: set it to that, or "
                    "take a model of its own"
                )

    def extra_columns(self) -> tuple[str, ...]:
        """Return the columns that the model's features are made of, beside the bars."""
        return tuple(extra_columns(self._served.fitted.section))

    def prepare(self, bars: BarPanel) -> None:
        """Compute the features of all bars; nothing is remembered of a run before."""
        features = self._observer.begin(bars)
        if self.alter is not None:
            self._observer.show(self.alter(features))
        self._state = None
        if not self.params.deterministic:
            self._served.seed(self.params.seed)

    def follow(self, bars: BarPanel) -> None:
        """Compute the features again; what is remembered of the run stays."""
        self._observer.follow(bars)

    def on_bar(self, context: Context) -> None:
        """Set every symbol's target as the model decides."""
        account, row = context.account, len(context.bars) - 1
        self._observer.count_bar(account.position_qty)
        if row < self._observer.first:
            return
        orders = context.orders if self._observer.sees_orders else ()
        weights = self._decide(row, account, orders)
        for symbol, weight in zip(self.card.symbols, weights.tolist(), strict=True):
            context.set_target(symbol, weight)

    def weights_when_flat(self, row: int) -> NDArray[np.float64]:
        """Return the weights (N,) it would decide at a row from `first` on with no position and no memory."""
        self._state = None
        nothing = np.zeros(len(self.card.symbols))
        return self._decide(row, AccountView(1.0, 1.0, nothing, nothing, nothing, nothing, 1.0), ())

    def _decide(self, row: int, account: AccountView, orders: Sequence[LiveOrder]) -> NDArray[np.float64]:
        shown = self._observer.see(row, account, orders)
        actions, self._state = self._served.act(shown, self._state, deterministic=self.params.deterministic)
        weights = self._served.actions.weights(actions).ravel() / self._observer.shares * self.params.scale
        most = self.params.most_weight
        return np.asarray(weights if most is None else np.clip(weights, -most, most))


def serve(path: Path) -> ServedPolicy:
    """Load a model. Raises UsageError for one that is not Keel's, and where the extra `rl` is not installed."""
    try:
        from keel.strategies.policy import ServedPolicy
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        raise UsageError(
            f"{path}: a model needs {error.name}, which is not installed: pip install 'keel[{_EXTRA}]'"
        ) from None
    return ServedPolicy(path)
