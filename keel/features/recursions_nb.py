"""Features that carry a state from bar to bar."""

from __future__ import annotations

import math
from typing import Any

from keel.domain.compile_nb import compiled

NO_MOVE = 1e-12
"""Average move, as a fraction of the price, that counts as none at all beside the index's neutral 50."""


@compiled
def rsi_nb(close: Any, bars: Any, out: Any) -> None:
    """Write Wilder's index, 0 to 100, into `out`; NaN for the first `bars` bars.

    The averages of gains and losses begin as plain means of the first `bars` changes. Where nothing has moved for long
    the index tends to 50. TA-Lib says 0 where the averages are below 1e-14, whatever the price: a coin that costs less,
    or that stood still for a while, would look sold out.
    """
    gain = loss = 0.0
    for i in range(min(bars + 1, len(close))):
        out[i] = math.nan
        if i > 0:
            change = close[i] - close[i - 1]
            gain += max(change, 0.0) / bars
            loss += max(-change, 0.0) / bars
    for i in range(bars, len(close)):
        if i > bars:
            change = close[i] - close[i - 1]
            gain += (max(change, 0.0) - gain) / bars
            loss += (max(-change, 0.0) - loss) / bars
        out[i] = 50.0 + 50.0 * (gain - loss) / (gain + loss + NO_MOVE * close[i])


@compiled
def garch_nb(returns: Any, omega: Any, alpha: Any, beta: Any, variance: Any, out: Any) -> None:
    """Write the volatility a GARCH(1,1) expects after each return into `out`; before the first it is `variance`.

    sigma²[t+1] = omega + alpha * r[t]² + beta * sigma²[t]. Source: Bollerslev, Generalized autoregressive conditional
    heteroskedasticity, J. Econometrics 31, 1986.
    """
    for i in range(len(returns)):
        variance = omega + alpha * returns[i] * returns[i] + beta * variance
        out[i] = math.sqrt(variance)
