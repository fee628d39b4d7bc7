"""Create the journal: what it is, its entries, which only grow, and snapshots of what they lead to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEPT = {
    "entries_are_not_changed": "BEFORE UPDATE ON entries",
    "entries_are_not_removed": "BEFORE DELETE ON entries",
    "entries_grow_at_the_end": "BEFORE INSERT ON entries WHEN NEW.seq <= (SELECT max(seq) FROM entries)",
    "about_is_not_changed": "BEFORE UPDATE ON about",
    "about_is_not_removed": "BEFORE DELETE ON about",
    "about_is_one_row": "BEFORE INSERT ON about WHEN (SELECT count(*) FROM about) > 0",
}
"""Triggers, and what each refuses."""


def upgrade() -> None:
    """Create the tables and the triggers that keep them append-only."""
    op.create_table(
        "about",
        sa.Column("tag", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("created_ms", sa.Integer, nullable=False),
    )
    _create_entries()
    op.create_table(
        "snapshots",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("layout", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("checksum", sa.String, nullable=False),
    )
    for name, what in _KEPT.items():
        op.execute(f"CREATE TRIGGER {name} {what} BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END")


def _create_entries() -> None:
    op.create_table(
        "entries",
        sa.Column("seq", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("ts_ms", "wall_ms", "session")),
        *(sa.Column(name, sa.String, nullable=False) for name in ("kind", "level", "subject")),
        sa.Column("client_order_id", sa.String),
        sa.Column("order_id", sa.Integer),
        sa.Column("trade_id", sa.String),
        sa.Column("body", sa.String, nullable=False),
        sa.Column("checksum", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    for name in ("ts_ms", "wall_ms", "subject"):
        op.create_index(f"ix_entries_{name}", "entries", [name])
    for name, columns, unique in (
        ("client_order_id", ["client_order_id"], False),
        ("order_id", ["order_id"], True),
        ("trade_id", ["subject", "trade_id"], True),
    ):
        there = sa.text(f"{name} IS NOT NULL")
        op.create_index(f"ix_entries_{name}", "entries", columns, unique=unique, sqlite_where=there)


def downgrade() -> None:
    """Remove the tables, and the triggers with them."""
    for table in ("snapshots", "entries", "about"):
        op.drop_table(table)
