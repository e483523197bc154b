"""Alembic environment for every schema; the connection comes from `shared.postgres.database`, never from a file."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
    transaction_per_migration=False,
)
context.run_migrations()
