"""A service's schema at an earlier migration, to fill with data and upgrade in place."""

from alembic import command
from sqlalchemy import text

from shared.postgres.database import (
    OWN_VERSIONS,
    SHARED_MIGRATIONS,
    SHARED_VERSIONS,
    _alembic,
    _upgrade,
)


def moved_to(connection, migrations, version):
    """Upgrade a service's own tables to a version."""
    config = _alembic(migrations)
    config.attributes["connection"] = connection
    config.attributes["version_table"] = OWN_VERSIONS
    command.upgrade(config, version)


async def made_anew(connection, service, migrations, version):
    """Put an empty schema of a version in the place of a service's present one."""
    await connection.execute(text(f"DROP SCHEMA {service} CASCADE"))
    await connection.execute(text(f"CREATE SCHEMA {service}"))
    await connection.run_sync(_upgrade, SHARED_MIGRATIONS, SHARED_VERSIONS)
    await connection.run_sync(moved_to, migrations, version)
