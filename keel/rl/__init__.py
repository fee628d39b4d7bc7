"""Agents that learn in the simulator they will trade through. Importing it registers `keel/Trading-v0`."""

from __future__ import annotations

from gymnasium.envs.registration import register, registry

_ID = "keel/Trading-v0"

if _ID not in registry:
    # What builds objects from a config lies above this room: it is named, not imported.
    register(
        _ID,
        entry_point="keel.app.wire_environment:make_env",
        vector_entry_point="keel.app.wire_environment:make_vector_env",
    )
