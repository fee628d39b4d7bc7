"""vectorbt's side of a comparison, through its public API alone.

What is decided at the close of a bar is traded at the open of the next: everything decided is moved one row down, the
price is the open, and what a weight is worth is reckoned at the close before (`val_price`). With `at_once` nothing is
moved and the price is vectorbt's own default, the close of the signal's bar.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt
from serve import Job, serve


def play_weights(job: Job) -> Job:
    """Trade target weights (rows, N) of the group's value, NaN for none; the instruments share the cash."""
    close = frame(job, "close")
    later = 0 if job["at_once"] else 1
    portfolio = vbt.Portfolio.from_orders(
        close,
        size=frame(job, "targets").shift(later),
        size_type="targetpercent",
        price=prices(job),
        val_price=close.shift(later),
        fees=job["fee_rate"],
        size_granularity=job["step"] or np.nan,
        init_cash=job["cash"],
        cash_sharing=True,
        group_by=True,
        call_seq="auto",
        freq="1h",
        **job["options"],
    )
    return answer(portfolio)


def play_signals(job: Job) -> Job:
    """Trade codes (rows,): 1 enter long, -1 enter short, 2 exit, 0 nothing; `size` units an entry."""
    codes = frame(job, "codes").shift(0 if job["at_once"] else 1).fillna(0)
    portfolio = vbt.Portfolio.from_signals(
        frame(job, "close"),
        entries=codes == 1,
        exits=codes == 2,
        short_entries=codes == -1,
        short_exits=codes == 2,
        size=np.inf if job["size"] is None else job["size"],
        price=prices(job),
        open=frame(job, "open"),
        high=frame(job, "high"),
        low=frame(job, "low"),
        accumulate="addonly" if job["adds"] else "disabled",
        fees=job["fee_rate"],
        init_cash=job["cash"],
        freq="1h",
        **job["options"],
    )
    return answer(portfolio)


def prices(job: Job) -> pd.DataFrame:
    """Return what orders are filled at; infinity is vectorbt's default, the close."""
    opens = frame(job, "open")
    return opens.where(opens.isna(), np.inf) if job["at_once"] else opens


def frame(job: Job, name: str) -> pd.DataFrame:
    values = job[name].reshape(len(job["close"]), -1)
    return pd.DataFrame(values, index=pd.date_range("2020-01-01", periods=len(values), freq="1h"))


def answer(portfolio: Any) -> Job:
    filled = portfolio.orders.records_arr
    return {
        "equity": np.asarray(portfolio.value(), np.float64).reshape(-1),
        "row": filled["idx"],
        "instrument": filled["col"],
        "qty": np.where(filled["side"] == 0, filled["size"], -filled["size"]),
        "price": filled["price"],
        "fees": filled["fees"].sum(),
    }


if __name__ == "__main__":
    serve({"weights": play_weights, "signals": play_signals})
