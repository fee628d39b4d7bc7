"""Reading a configuration stays cheap: `--help` waits for these imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("numpy", "numba", "polars", "pyarrow", "pandas", "torch", "talib", "exchange_calendars")


def test_loading_a_configuration_imports_nothing_heavy():
    code = (
        "import sys; from pathlib import Path; from keel.config.load import load_config;"
        "load_config(Path('configs/config_template.yaml'));"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
