"""What an export has sealed stays erasable where it is imported: a purge there erases it as here."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from local.backup.database import SCHEMAS
from local.backup.repository import store_at
from services.registry import SPECS
from shared.postgres.database import database_of
from tests.integration.audit.erasing import purge, sightings
from tests.integration.audit.sealed_events import verdict
from tests.integration.backup.exporting import export, imported
from tests.integration.backup.installing import Place

__all__ = ["purge", "verdict"]

pytestmark = pytest.mark.clause("wall/export")

VALUES = "SELECT * FROM sealed_values ORDER BY seq, name"
KEYS = "SELECT * FROM day_keys ORDER BY 1"


@pytest.fixture
async def place(database_url, postgres, tmp_path):
    """The installation of the audit service of these tests, with the tables of all services."""
    made = Place(database_url, postgres, tmp_path)
    for schema in SCHEMAS:
        async with database_of(made.live.database, schema) as db:
            await db.migrate(SPECS[schema].migrations)
    return made


async def test_values_that_were_imported_are_erased_by_a_purge(
    place, deliver, clock, purge, query, verdict, runtime, writer
):
    await deliver(*sightings(clock))
    await writer.sign_if_grown()
    folder = place.folder / "export"
    folder.mkdir()
    await export(place, folder)
    values, keys = await query(VALUES), await query(KEYS)
    assert values
    assert keys
    # The service goes on in another installation: an empty one in the place of its own.
    async with database_of(place.live.database, "public") as db, db.begin() as connection:
        for schema in SCHEMAS:
            await connection.execute(text(f'DROP SCHEMA "{schema}" CASCADE'))
    await runtime.db.engine.dispose()
    elsewhere = replace(place.live, objects=store_at(str(place.folder / "new")), keys={})
    assert (await imported(place, elsewhere, folder)).faults == []
    assert (await query(VALUES), await query(KEYS)) == (values, keys)
    await purge()
    left = str(await query("SELECT * FROM sealed_values")) + str(
        await query("SELECT opened(r) FROM sealed_values, unnest(records || disclosure) r")
    )
    for plate, stays in (
        ("1GONE11", False),
        ("2HELD22", True),
        ("3GONE33", False),
        ("4LATE44", True),
        ("5YOUNG5", True),
    ):
        assert (plate in left) is stays, plate
    assert (await verdict()).ok
