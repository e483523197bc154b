"""A compromised service at Postgres: its role tries every table, function and way around there is (ADR-0021)."""

import re

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from local.stack.postgres import ROLE, role_of
from local.stack.services import APIS
from shared.postgres.database import GRANTS, SHARED_MIGRATIONS, Database

pytestmark = [pytest.mark.enable_socket, pytest.mark.clause("wall/postgres")]

REFUSED = asyncpg.InsufficientPrivilegeError

VERBS = {
    "SELECT": "SELECT * FROM {table}",
    "INSERT": "INSERT INTO {table} DEFAULT VALUES",
    "UPDATE": "UPDATE {table} SET {column} = {column}",
    "DELETE": "DELETE FROM {table}",
    "TRUNCATE": "TRUNCATE {table} CASCADE",
    "LOCK": "LOCK TABLE {table} IN ACCESS SHARE MODE",
    "COPY": "COPY {table} TO STDOUT",
    "TRIGGER": "CREATE TRIGGER mine BEFORE INSERT ON {table} EXECUTE FUNCTION"
    " pg_catalog.suppress_redundant_updates_trigger()",
    "ALTER": "ALTER TABLE {table} ADD COLUMN mine int",
    "DROP": "DROP TABLE {table} CASCADE",
}
"""One attempt for each thing that one may try to do to a table."""

VIEW_OWNERS = {"ALTER": "ALTER VIEW {view} RENAME TO mine", "DROP": "DROP VIEW {view} CASCADE"}
"""The rights that only the owner of a view may have."""

WORK = ("SELECT", "INSERT", "UPDATE", "DELETE")

AROUND = [
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_get(1)",
    "COPY (SELECT 1) TO PROGRAM 'cat'",
    "COPY (SELECT 1) TO '/tmp/mine'",
    "SELECT pg_read_file('postmaster.pid')",
    "SELECT pg_ls_dir('.')",
    "SELECT rolpassword FROM pg_authid",
    "SELECT passwd FROM pg_shadow",
    "SELECT * FROM pg_largeobject",
    "CREATE SCHEMA mine",
    "CREATE TABLE public.mine (n int)",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE ROLE mine",
    "CREATE EXTENSION dblink SCHEMA public",
    "CREATE EXTENSION citext SCHEMA public",
    "CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION pg_catalog.pg_notify()",
    "CREATE PUBLICATION mine FOR ALL TABLES",
    "SET session_replication_role = replica",
    "SET SESSION AUTHORIZATION plateward",
    "SELECT pg_reload_conf()",
    "SELECT pg_switch_wal()",
    "SELECT pg_create_physical_replication_slot('mine')",
]
"""Ways to reach past the tables; each is refused to every service."""


OUTSIDE_TRANSACTIONS = ["CREATE DATABASE mine", "ALTER SYSTEM SET log_statement = 'all'"]


@pytest.fixture
def urls(whole_database_url, postgres):
    """Each service's own address, by its name, of a database with every service's tables."""
    database = make_url(whole_database_url).database
    return {service: postgres.service_url(service, database) for service in APIS}


async def as_owner(database_url, query):
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


async def columns(database_url):
    """Return each table, view and sequence of the services: (schema, table, kind) to its columns."""
    rows = await as_owner(
        database_url,
        f"""
        SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, a.attname AS column
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE n.nspname = ANY(ARRAY{list(APIS)}) AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
            AND a.attgenerated = '' AND a.attidentity <> 'a'
        """,
    )
    found = {}
    for row in rows:
        found.setdefault((row["schema"], row["name"], row["kind"]), []).append(row["column"])
    assert {schema for schema, _, _ in found} == set(APIS), "the walk is broken"
    return found


async def permitted(connection, statement):
    """Return whether a statement passes the privilege check; its effects are rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("SET LOCAL lock_timeout = '2s'")
        if statement.startswith("COPY ") and statement.endswith("STDOUT"):
            name = re.match(r'COPY "(\w+)"\."(\w+)"', statement)
            await connection.copy_from_table(
                name[2], schema_name=name[1], output=lambda _: _nothing()
            )
        else:
            await connection.execute(statement)
    except REFUSED:
        return False
    except asyncpg.PostgresError:
        return True  # a constraint or a trigger refused; no privilege is missing
    finally:
        await transaction.rollback()
    return True


async def _nothing():
    return None


async def permitted_to_view(connection, verb, view, names):
    """Return whether `verb` is permitted on a view, which refuses most verbs before it asks for privileges."""
    if verb in VIEW_OWNERS:
        return await permitted(connection, VIEW_OWNERS[verb].format(view=view))
    if verb in {"INSERT", "UPDATE"}:  # those that one may have on single columns
        for column in names:
            if await connection.fetchval(
                "SELECT has_column_privilege($1::text, $2::text, $3)", view, column, verb
            ):
                return True
    return await connection.fetchval("SELECT has_table_privilege($1::text, $2)", view, verb)


@pytest.mark.parametrize("service", APIS)
async def test_a_service_is_refused_every_table_of_every_other_for_every_verb(
    urls, database_url, service
):
    tried = 0
    connection = await asyncpg.connect(urls[service])
    try:
        for (schema, name, kind), names in (await columns(database_url)).items():
            if schema == service:
                continue
            table = f'"{schema}"."{name}"'
            attempts = {
                verb: text.format(table=table, column=names[0]) for verb, text in VERBS.items()
            }
            if kind == "S":
                attempts = {"USAGE": f"SELECT nextval('{table}')", "SELECT": attempts["SELECT"]}
            for verb, statement in attempts.items():
                assert not await permitted(connection, statement), (service, verb, table)
                tried += 1
    finally:
        await connection.close()
    assert tried > 400, "tried hardly anything: the walk is broken"


@pytest.mark.parametrize("service", APIS)
async def test_a_service_calls_no_function_of_another(urls, database_url, service):
    functions = await as_owner(
        database_url,
        f"""
        SELECT n.nspname AS schema, p.proname AS name,
            (SELECT coalesce(string_agg(format('NULL::%s', t::regtype), ', '), '')
                FROM unnest(p.proargtypes) AS t) AS arguments
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = ANY(ARRAY{list(APIS)}) AND n.nspname <> '{service}' AND prokind = 'f'
        """,
    )
    assert functions, "the walk is broken"
    connection = await asyncpg.connect(urls[service])
    try:
        for f in functions:
            call = f'SELECT "{f["schema"]}"."{f["name"]}"({f["arguments"]})'
            assert not await permitted(connection, call), call
    finally:
        await connection.close()


def declared(repository, service):
    """Return the declared grants of a service: (table, verb) to its columns, None for the whole table."""
    texts = [
        (folder / GRANTS).read_text()
        for folder in (SHARED_MIGRATIONS, repository / "services" / service / "migrations")
        if (folder / GRANTS).exists()
    ]
    code = re.sub(r"--.*", "", "\n".join(texts))
    found = {}
    for verbs, what in re.findall(r"GRANT\s+(.+?)\s+ON\s+(.+?)\s+TO\s+\{role\}", code, re.DOTALL):
        if what.startswith(("FUNCTION", "SEQUENCE")):
            continue
        for verb, _, only in re.findall(r"(\w+)\s*(\(([^)]*)\))?", verbs):
            for table in re.split(r"\s*,\s*", what.removeprefix("TABLE ").strip()):
                names = None if not only else {name.strip() for name in only.split(",")}
                found[table, verb] = names
    assert len(found) > 8, "read hardly any grant: the reading is broken"
    return found


@pytest.mark.parametrize("service", APIS)
async def test_a_service_has_exactly_its_declared_grants_in_its_own_schema(
    urls, database_url, repository, service
):
    grants = declared(repository, service)
    seen = set()
    connection = await asyncpg.connect(urls[service])
    try:
        for (schema, name, kind), names in (await columns(database_url)).items():
            if schema != service or kind == "S":
                continue
            table = f'"{schema}"."{name}"'
            for verb, text in VERBS.items():
                if verb in {"LOCK", "COPY"}:  # follow from the others
                    continue
                allowed = grants.get((name, verb), set())
                if kind == "v":
                    assert allowed in (None, set()), "columns of views are granted nowhere yet"
                    may = await permitted_to_view(connection, verb, table, names)
                    assert may == (allowed is None), (service, verb, table)
                elif verb == "UPDATE":
                    for column in names:
                        statement = f"UPDATE {table} SET {column} = DEFAULT WHERE false"
                        expected = allowed is None or column in allowed
                        may = await permitted(connection, statement)
                        assert may == expected, (service, statement)
                else:
                    assert allowed in (None, set()), "columns of other verbs are tried nowhere yet"
                    may = await permitted(connection, text.format(table=table, column=names[0]))
                    assert may == (allowed is None), (service, verb, table)
                if (name, verb) in grants:
                    seen.add((name, verb))
    finally:
        await connection.close()
    assert seen == set(grants), "a grant is about a table that was not tried"


@pytest.mark.parametrize("service", APIS)
async def test_a_service_cannot_bypass_its_table_grants(urls, service):
    others = [f"SET ROLE {role_of(other)}" for other in APIS if other != service]
    statements = [*AROUND, *others, f"SET ROLE {ROLE}", "SET ROLE postgres"]
    statements += [f"GRANT {role_of(service)} TO {role_of(other)}" for other in APIS[:1]]
    if service != "retention":  # a purge makes temporary tables
        statements.append("CREATE TEMPORARY TABLE mine (n int)")
    connection = await asyncpg.connect(urls[service])
    try:
        for statement in statements:
            assert not await permitted(connection, statement), (service, statement)
        for statement in OUTSIDE_TRANSACTIONS:
            with pytest.raises(REFUSED):
                await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("service", APIS)
async def test_a_service_signs_in_to_no_other_database(urls, service):
    for database in ("postgres", "template1"):
        with pytest.raises(REFUSED):
            await asyncpg.connect(urls[service], database=database)


async def test_a_service_works_with_its_own_tables(urls):
    """Without this, every refusal above would be no proof."""
    for service, url in urls.items():
        db = Database(url, service, pool_size=1)
        try:
            async with db.begin() as connection:
                await connection.exec_driver_sql("SELECT count(*) FROM outbox")
        finally:
            await db.close()
