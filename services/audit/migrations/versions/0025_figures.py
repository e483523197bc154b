"""Create the sums of each month, from which the counted figures are made (ADR-0119).

Their position in the log begins at entry 0, so audit counts the whole log once, in steps.
"""

from alembic import op

revision = "audit_0025"
down_revision = "audit_0024"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE month_figures (
            month date NOT NULL,
            figure text NOT NULL,
            kind text NOT NULL,
            count bigint NOT NULL CHECK (count >= 0),
            PRIMARY KEY (month, figure, kind)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE month_figures")
    op.execute("DELETE FROM cursors WHERE name = 'figures'")
