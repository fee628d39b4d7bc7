"""The compiler's progress, as a first run shows it."""

from __future__ import annotations

from keel.domain.compiled_cache import cache_is_warm
from keel.sim.warm_up import STEPS, warm_up


def test_warm_up_names_each_of_its_steps_and_marks_the_cache_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setenv("KEEL_CACHE_DIR", str(tmp_path))
    names = []
    for name in warm_up():
        names.append(name)
        assert not cache_is_warm()
    assert len(names) == STEPS
    assert len(set(names)) == STEPS
    assert cache_is_warm()
