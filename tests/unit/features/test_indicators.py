"""TA-Lib comes without pandas, unless pandas is there already."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = "import keel.strategies.rsi; import sys; assert 'pandas' not in sys.modules; import pandas; pandas.Series"
WITH = """
import numpy, pandas
from keel.features.indicators import talib
assert isinstance(talib.SMA(pandas.Series(numpy.arange(9.0)), 3), pandas.Series)
"""


@pytest.mark.parametrize("program", [WITHOUT, WITH])
def test_pandas_is_loaded_by_whoever_asks_for_it_only(program):
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
