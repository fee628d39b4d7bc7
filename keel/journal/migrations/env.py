"""What alembic runs: apply the migrations on the connection that keel.journal.schema hands over."""

from __future__ import annotations

from alembic import context

from keel.journal.schema import METADATA


def migrate() -> None:
    """Apply the migrations that are missing, inside the caller's transaction."""
    context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
    context.run_migrations()


# Alembic loads this file as a script; imported as a module it must do nothing.
if hasattr(context, "config"):
    migrate()
