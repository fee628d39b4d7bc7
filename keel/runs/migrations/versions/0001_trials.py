"""Create the trial ledger: studies, the bars they ran on, and their trials."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "study",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
    )
    op.create_table(
        "bars",
        sa.Column("set_hash", sa.String, primary_key=True),
        sa.Column("instrument", sa.String, primary_key=True),
        sa.Column("timeframe", sa.String, primary_key=True),
        sa.Column("content_hash", sa.String, nullable=False),
        sa.Column("first_ts_ms", sa.Integer),
        sa.Column("last_ts_ms", sa.Integer),
        sa.Column("row_count", sa.Integer, nullable=False),
    )
    _create_trial()


def _create_trial() -> None:
    needed = ("started", "set_hash", "source_hash", "status")
    op.create_table(
        "trial",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("study", sa.String, sa.ForeignKey("study.name"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in needed),
        *(sa.Column(name, sa.String) for name in ("config_hash", "setup_hash", "git_revision", "reason")),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("first_ts_ms", sa.Integer),
        sa.Column("last_ts_ms", sa.Integer),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("stream", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Float) for name in ("sharpe", "total_return", "max_drawdown")),
        sa.Column("figures", sa.JSON, nullable=False),
        sa.UniqueConstraint("study", "key"),
    )
    op.create_index("ix_trial_set_hash", "trial", ["set_hash"])


def downgrade() -> None:
    """Remove the tables."""
    for table in ("trial", "bars", "study"):
        op.drop_table(table)
