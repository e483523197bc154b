"""The rights on a service's tables: of their owner, and of the role that works with them (ADR-0016)."""

import asyncio
import logging
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from local.stack.postgres import ROLE, Postgres, role_of
from local.stack.process import free_port
from local.stack.services import APIS
from services.registry import SPECS
from shared.postgres.database import OWN_VERSIONS, SHARED_VERSIONS, Database
from shared.postgres.schema import SchemaFault, migrate_as, prepare
from shared.postgres.settings import DatabaseSettings
from shared.service.command import status_of
from shared.testing import mac_key_text
from shared.testing.root import TestRoot

pytestmark = pytest.mark.enable_socket

BEFORE_BIT, TRUNCATE_BIT, DELETE_BIT, UPDATE_BIT = 2, 32, 8, 16
"""Of pg_trigger.tgtype (PostgreSQL, catalog/pg_trigger.h)."""


@dataclass
class Place:
    """One database by its roles, and the services' migrations."""

    database_url: str
    postgres: Postgres
    services: os.PathLike

    def works(self, service="audit"):
        return self.postgres.service_url(service, make_url(self.database_url).database)

    def migrations(self, service):
        return self.services / service / "migrations"

    def settings(self, service="audit", **given):
        both = {"database_url": self.works(service), "database_owner_url": self.database_url}
        return DatabaseSettings(**{**both, **given})

    async def prepare(self, service="audit", **given):
        """Start like a service; return its database, closed."""
        settings = self.settings(service, **given)
        db = Database(settings.database_link(), service, pool_size=1)
        try:
            await prepare(db, settings, self.migrations(service))
        finally:
            await db.close()

    async def ask(self, url, statement, schema="audit"):
        db = Database(url, schema, pool_size=1)
        try:
            async with db.begin() as connection:
                result = await connection.execute(text(statement))
                return result.all() if result.returns_rows else []
        finally:
            await db.close()


@pytest.fixture
def place(database_url, postgres, repository, monkeypatch):
    for name in DatabaseSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return Place(database_url, postgres, repository / "services")


@pytest.fixture
def whole(place, whole_database_url):
    """A place with all services' tables, made by their migrations."""
    return place


AGAINST_THE_LOG = [
    "ALTER TABLE entries DISABLE TRIGGER ALL",
    "ALTER TABLE entries DISABLE TRIGGER append_only",
    "ALTER TABLE entries ENABLE REPLICA TRIGGER append_only",
    "DROP TRIGGER append_only ON entries",
    "CREATE TRIGGER mine BEFORE INSERT ON entries EXECUTE FUNCTION refuse_change()",
    "CREATE RULE mine AS ON INSERT TO entries DO INSTEAD NOTHING",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NEW; END'",
    "DROP FUNCTION refuse_change() CASCADE",
    "ALTER TABLE entries ADD COLUMN more text",
    "ALTER TABLE entries OWNER TO plateward_audit",
    "DROP TABLE entries",
    "DROP SCHEMA audit CASCADE",
    "TRUNCATE entries",
    "TRUNCATE checkpoints",
    "UPDATE entries SET kind = 'x'",
    "UPDATE checkpoints SET note = 'x'",
    "DELETE FROM entries",
    "DELETE FROM nodes",
    "DELETE FROM checkpoints",
    "DELETE FROM alembic_version",
    "CREATE TABLE mine (n int)",
    "GRANT DELETE ON entries TO plateward_audit",
    "SET SESSION AUTHORIZATION plateward",
    "SET ROLE plateward",
    "SET session_replication_role = replica",
]


@pytest.mark.clause("468.6/unalterable")
@pytest.mark.parametrize("statement", AGAINST_THE_LOG)
async def test_the_services_role_cannot_change_what_protects_the_log(place, statement):
    await place.prepare()
    refused = "permission denied|must be owner|must be able to SET ROLE"
    if statement.startswith("GRANT"):  # Postgres only warns when a role grants rights that it lacks
        await place.ask(place.works(), statement)
        refused, statement = "permission denied", "DELETE FROM entries"
    with pytest.raises(DBAPIError, match=refused):
        await place.ask(place.works(), statement)


@pytest.mark.parametrize("service", APIS)
async def test_no_service_can_alter_tables_or_change_rows_that_a_trigger_protects(whole, service):
    """Covers every existing table, so that a later one is tested too."""
    role = role_of(service)
    tables = await whole.ask(
        whole.database_url,
        f"""
        SELECT c.oid::regclass::text AS name,
            has_table_privilege('{role}', c.oid, 'TRUNCATE, TRIGGER, REFERENCES, MAINTAIN') AS more,
            has_table_privilege('{role}', c.oid, 'UPDATE') AS updates,
            has_table_privilege('{role}', c.oid, 'DELETE') AS deletes,
            pg_get_userbyid(c.relowner) AS owner,
            (SELECT coalesce(bit_or(tgtype::int), 0) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                WHERE tgrelid = c.oid AND NOT tgisinternal AND tgtype & {BEFORE_BIT} > 0) AS guarded
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(ARRAY{list(APIS)}) AND c.relkind IN ('r', 'p')
        """,
    )
    assert {table.owner for table in tables} == {ROLE}
    assert not [table.name for table in tables if table.more]
    guarded = [table for table in tables if table.guarded & TRUNCATE_BIT]
    assert len(guarded) >= 13, "found hardly any: the walk is broken"
    assert all(table.guarded & DELETE_BIT and table.guarded & UPDATE_BIT for table in guarded)
    assert not [table.name for table in guarded if table.updates or table.deletes]


async def test_functions_with_the_owners_rights_are_executable_only_by_their_service(whole):
    may = ", ".join(
        f"has_function_privilege('{role_of(service)}', p.oid, 'EXECUTE') AS {service}"
        for service in APIS
    )
    functions = await whole.ask(
        whole.database_url,
        f"""
        SELECT p.oid::regprocedure::text AS name, n.nspname AS schema, proconfig,
            prorettype = 'trigger'::regtype AS of_trigger,
            has_function_privilege('public', p.oid, 'EXECUTE') AS everybodys, {may}
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE prosecdef AND n.nspname = ANY(ARRAY{list(APIS)}) ORDER BY 1
        """,
    )
    assert {f.name.split("(")[0] for f in functions} >= {
        "retention.drop_month",
        "retention.make_month",
    }
    for function in functions:
        assert not function.everybodys
        callers = [] if function.of_trigger else [function.schema]
        assert [s for s in APIS if getattr(function, s)] == callers
        assert f"search_path={function.schema}, pg_temp" in function.proconfig


async def test_a_month_can_be_dropped_only_for_a_purge_run_beyond_it(whole):
    await whole.ask(whole.works("retention"), "SELECT make_month('2025-02-10Z')", "retention")
    drop = "SELECT drop_month('2025-02-10Z')"
    run = (
        "INSERT INTO purge_runs (run_id, kind, state, before, basis, reason, proposed_by, proposed_at)"
        " VALUES (gen_random_uuid(), 'single', '{}', '{}', '{{}}', 'test', '{{}}', now())"
    )
    for state, before in (
        ("proposed", "2025-06-01Z"),
        ("authorised", "2025-06-01Z"),
        ("certified", "2025-06-01Z"),
        ("executing", "2025-02-28Z"),
    ):
        await whole.ask(whole.works("retention"), run.format(state, before), "retention")
        with pytest.raises(DBAPIError, match="no purge run"):
            await whole.ask(whole.works("retention"), drop, "retention")
    await whole.ask(whole.works("retention"), run.format("executing", "2025-03-01Z"), "retention")
    assert await whole.ask(whole.works("retention"), drop, "retention") == [(True,)]
    assert await whole.ask(whole.works("retention"), drop, "retention") == [(False,)]
    left = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'retention.reads'::regclass"
    assert await whole.ask(whole.works("retention"), left) == [(0,)]


@pytest.mark.clause("wall/postgres")
async def test_a_role_with_rights_on_another_services_tables_is_refused(place, postgres, caplog):
    """Each service would have these rights if a department gave all of them one role."""
    await place.prepare("hotlist")
    await place.ask(place.database_url, f"GRANT USAGE ON SCHEMA hotlist TO {role_of('audit')}")
    with pytest.raises(SchemaFault, match="also reaches the tables of hotlist"):
        await place.prepare("audit")
    with caplog.at_level(logging.WARNING):
        await place.prepare("audit", database_owner_url=None)
    assert "also reaches the tables of hotlist" in caplog.text
    await place.prepare("hotlist")  # revokes the rights of others
    await place.prepare("audit")


async def test_a_grant_that_is_no_longer_declared_is_revoked(place):
    await place.prepare()
    for grant in (
        "GRANT ALL ON ALL TABLES IN SCHEMA audit TO plateward_audit",
        "GRANT UPDATE (kind) ON entries TO plateward_audit",
        "GRANT ALL ON SCHEMA audit TO plateward_audit",
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA audit TO plateward_audit",
        "GRANT UPDATE (kind) ON entries TO plateward_retention",
        "GRANT SELECT ON entries TO plateward_hotlist",
        "GRANT INSERT (level) ON nodes TO plateward_release",
        "GRANT USAGE ON SCHEMA audit TO plateward_hotlist, plateward_release",
        "CREATE FUNCTION former() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "REVOKE ALL ON FUNCTION former() FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION former() TO plateward_audit",
    ):
        await place.ask(place.database_url, grant)
    await place.ask(place.works("hotlist"), "SELECT count(*) FROM entries")
    may = "SELECT has_column_privilege('plateward_retention', 'audit.entries', 'kind', 'UPDATE')"
    assert await place.ask(place.database_url, may) == [(True,)]
    await place.ask(place.works(), "UPDATE entries SET kind = 'x' WHERE false")
    assert await place.ask(place.works(), "SELECT former()") == [(1,)]
    await place.prepare()
    for statement in (
        "UPDATE entries SET kind = 'x' WHERE false",
        "TRUNCATE cursors",
        "CREATE TABLE mine (n int)",
        "SELECT former()",
        "SELECT setval('outbox_seq_seq', 1)",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            await place.ask(place.works(), statement)
    for statement, service in (
        ("SELECT count(*) FROM audit.entries", "hotlist"),
        ("INSERT INTO audit.nodes (level) SELECT 1 WHERE false", "release"),
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            await place.ask(place.works(service), statement)
    assert await place.ask(place.database_url, may) == [(False,)], "also without the schema"


# --- one role for all, and the way from there -----------------------------------------------------


async def alone(place, service="audit"):
    """Run a service as it was before there were two roles: its own role makes its tables."""
    await place.prepare(service, database_url=place.database_url, database_owner_url=None)


async def test_a_warning_is_logged_if_the_services_role_owns_its_tables(place, caplog):
    with caplog.at_level(logging.WARNING):
        await alone(place)
    assert "the role of DATABASE_URL owns the tables of audit" in caplog.text
    assert await place.ask(place.database_url, "SELECT count(*) FROM entries") == [(0,)]


async def test_a_role_that_owns_its_tables_is_refused_on_another_machine(place, monkeypatch):
    monkeypatch.setattr("shared.postgres.settings.is_this_machine", lambda _: False)
    monkeypatch.setenv("DATABASE_ALLOW_UNVERIFIED", "true")
    away = {"database_url": place.database_url, "database_owner_url": None}
    with pytest.raises(SchemaFault, match="DATABASE_ALLOW_OWNER=true"):
        await place.prepare(**away)
    made = "SELECT to_regnamespace('audit') IS NOT NULL"
    assert await place.ask(place.database_url, made) == [(False,)], "nothing is made before"
    await place.prepare(**away, database_allow_owner=True)
    with pytest.raises(SchemaFault, match="owns the tables of audit"):
        await place.prepare(**away)
    await place.prepare()


async def test_a_role_that_would_own_the_tables_it_makes_is_refused(place, postgres, monkeypatch):
    monkeypatch.setattr("shared.postgres.settings.is_this_machine", lambda _: False)
    monkeypatch.setenv("DATABASE_ALLOW_UNVERIFIED", "true")
    role = role_of("audit")
    postgres._sql(f"GRANT CREATE ON DATABASE tests TO {role}")
    with pytest.raises(SchemaFault, match="or may act as their owner"):
        await place.prepare(database_owner_url=None)
    await place.prepare()
    await place.prepare(database_owner_url=None)
    made = "SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = 'audit'"
    assert await place.ask(place.database_url, made) == [(ROLE,)]


@pytest.mark.parametrize("versions", [SHARED_VERSIONS, OWN_VERSIONS])
async def test_tables_of_another_version_are_refused_until_their_owner_migrates_them(
    place, versions
):
    await place.prepare()
    await place.prepare(database_owner_url=None)
    [(now,)] = await place.ask(place.database_url, f"SELECT version_num FROM {versions}")
    await place.ask(place.database_url, f"UPDATE {versions} SET version_num = 'later'")
    with pytest.raises(SchemaFault, match="do not fit this version"):
        await place.prepare(database_owner_url=None)
    await place.ask(place.database_url, f"UPDATE {versions} SET version_num = '{now}'")
    await place.prepare(database_owner_url=None)


@pytest.mark.parametrize("how", ["a member of the owner", "a superuser", "owns the database"])
async def test_a_role_that_could_become_the_owner_is_refused(place, postgres, how):
    role = role_of("audit")
    done, undone = {
        "a member of the owner": (f"GRANT {ROLE} TO {role}", f"REVOKE {ROLE} FROM {role}"),
        "a superuser": (f"ALTER ROLE {role} SUPERUSER", f"ALTER ROLE {role} NOSUPERUSER"),
        "owns the database": (
            f"ALTER DATABASE tests OWNER TO {role};"
            f" GRANT CREATE, CONNECT ON DATABASE tests TO {ROLE}",
            f"ALTER DATABASE tests OWNER TO {ROLE}; GRANT CONNECT ON DATABASE tests TO {role}",
        ),
    }[how]
    postgres._sql(done)
    try:
        with pytest.raises(SchemaFault, match="or may act as their owner"):
            await place.prepare()
    finally:
        postgres._sql(undone)
    await place.prepare()


@pytest.mark.clause("wall/postgres")
@pytest.mark.parametrize(
    "part", ["SCHEMA audit", "TABLE audit.cursors", "FUNCTION audit.refuse_change()"]
)
async def test_a_role_that_owns_any_part_of_its_schema_is_refused(
    place, postgres, monkeypatch, part
):
    monkeypatch.setattr("shared.postgres.settings.is_this_machine", lambda _: False)
    monkeypatch.setenv("DATABASE_ALLOW_UNVERIFIED", "true")
    await place.prepare()
    await place.prepare(database_owner_url=None)
    database = make_url(place.database_url).database
    postgres._sql(f"ALTER {part} OWNER TO {role_of('audit')}", database)
    with pytest.raises(SchemaFault, match="owns the tables of audit"):
        await place.prepare(database_owner_url=None)
    postgres._sql(f"ALTER {part} OWNER TO {ROLE}", database)
    await place.prepare()


async def test_tables_of_a_single_role_database_keep_working_when_that_role_becomes_the_owner(
    place,
):
    """As docs/operations/upgrade.md describes: the old role hands over no object, and the services get a new role."""
    for service in APIS:
        await alone(place, service)
    await place.ask(place.database_url, "INSERT INTO cursors VALUES ('kept', 7)")
    with pytest.raises(SchemaFault, match=r"python -m services\.audit migrate"):
        await place.prepare(database_owner_url=None)
    for service in APIS:
        await place.prepare(service)
        await place.prepare(service, database_owner_url=None)
    kept = await place.ask(place.works(), "SELECT * FROM cursors WHERE name = 'kept'")
    assert kept == [("kept", 7)]


async def test_tables_of_one_role_are_refused_to_another_owner_until_they_are_reassigned(
    place, postgres
):
    """The other way: a service keeps its role, and all that it owns goes to a new one."""
    await alone(place, "audit")
    postgres._sql(
        "CREATE ROLE heir LOGIN PASSWORD 'x'; GRANT CREATE, CONNECT ON DATABASE tests TO heir;"
    )
    heir = make_url(place.database_url).set(username="heir", password="x")
    roles = {
        "database_url": place.database_url,
        "database_owner_url": heir.render_as_string(hide_password=False),
    }
    try:
        with pytest.raises(SchemaFault, match="audit belong to plateward and not to the role of"):
            await place.prepare(**roles)
        handed_over = f"REASSIGN OWNED BY {ROLE} TO heir; GRANT CONNECT ON DATABASE tests TO {ROLE}"
        postgres._sql(handed_over, "tests")
        await place.prepare("audit", **roles)
        with pytest.raises(DBAPIError, match="must be owner"):
            await place.ask(place.database_url, AGAINST_THE_LOG[0])
    finally:
        postgres._sql(f"REASSIGN OWNED BY heir TO {ROLE}; DROP OWNED BY heir", "tests")
        postgres._sql("DROP ROLE heir")


# --- the separate command -------------------------------------------------------------------------


def command(place, service, *arguments, **given):
    """Run a service's command line with these settings alone; return its exit status and its output."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE_")}
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}", *arguments],
        cwd=place.services.parent,
        env={**bare, **given},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("service", APIS)
async def test_every_service_makes_its_tables_by_a_command_and_then_starts_without_the_owner(
    place, service
):
    given = {"DATABASE_URL": place.works(service), "DATABASE_OWNER_URL": place.database_url}
    status, said = command(place, service, "migrate", **given)
    assert status == 0, said
    assert f"the tables of {service} are up to date" in said
    await place.prepare(service, database_owner_url=None)


async def test_the_command_says_what_it_lacks_and_shows_no_password(place):
    status, said = command(place, "audit", "migrate", DATABASE_URL=place.works())
    assert status == 2
    assert "with DATABASE_OWNER_URL" in said
    twice = {"DATABASE_URL": place.database_url, "DATABASE_OWNER_URL": place.database_url}
    status, more = command(place, "audit", "migrate", **twice)
    assert status == 2
    assert "DATABASE_URL and DATABASE_OWNER_URL name one role" in more
    for url in (place.works(), place.database_url):
        assert make_url(url).password not in said + more


async def test_a_service_without_its_tables_ends_at_start_with_advice(place, tmp_path):
    given = {
        "DATABASE_URL": place.works("release"),
        "ROOT_PUBLIC_KEYS": TestRoot().public,
        "EVENT_MAC_KEY": mac_key_text("release"),
        "OBJECT_STORE_URL": tmp_path.as_uri(),
        "PORT": str(free_port()),
    }
    status, said = command(place, "release", **given)
    assert status != 0
    assert "run `python -m services.release migrate` with DATABASE_OWNER_URL" in said
    assert make_url(place.works("release")).password not in said


async def test_tables_of_another_version_are_refused(place):
    await place.prepare()
    await place.ask(place.database_url, "UPDATE alembic_version SET version_num = 'audit_9999'")
    with pytest.raises(SchemaFault, match="do not fit this version"):
        await place.prepare(database_owner_url=None)


async def test_a_pod_waits_for_tables_of_its_version_with_the_rights_of_its_own_role(
    place, monkeypatch, capsys
):
    monkeypatch.setenv("DATABASE_URL", place.works())
    arguments = ["await-tables", "--within"]

    def waits(within_s):
        return status_of(SPECS["audit"], {}, [*arguments, within_s])

    assert await asyncio.to_thread(waits, "0") == 2
    assert "the tables of audit do not fit this version" in capsys.readouterr().err
    waiting = asyncio.create_task(asyncio.to_thread(waits, "60"))
    await place.prepare()
    assert await waiting == 0
    await place.ask(place.database_url, "UPDATE alembic_version SET version_num = 'audit_9999'")
    assert await asyncio.to_thread(waits, "0") == 2


async def test_concurrent_migrations_wait_for_each_other(place):
    link = place.settings().database_owner_link()
    await asyncio.gather(
        *(
            migrate_as(link, service, place.migrations(service), role=role_of(service))
            for service in ("audit", "audit", "audit", "release")
        )
    )
    await place.prepare(database_owner_url=None)
