"""The tables of an export: their structure as SQL and JSON, and their rows as a JSON object a line.

A row is written as PostgreSQL's `row_to_json` writes it, and read as its `json_populate_recordset` reads it, so every
value comes back exactly: times with microseconds and offset, bytes as `\\x` and hexadecimal, numbers in full precision.
"""

import asyncio
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import msgspec

from local.backup.database import LONGEST_S, SCHEMAS, Snapshot, run_client, tables_of
from shared.core.errors import InternalFault
from shared.postgres.settings import DatabaseLink

PAGE = 2000
"""Rows that are read or stored at a time."""

SECRET = {"retention.signing_keys": "private_pem"}
"""Columns with secret keys in plaintext, by table. They are written as null: the sealed keys have them."""

MAX_PAGE_BYTES = 4_000_000
"""Text of rows that is stored at a time; one row may be longer."""

_COLUMNS = """
    SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
        a.attgenerated <> '' AS generated
    FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_KEY = """
    SELECT a.attname::text AS name FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
    WHERE i.indrelid = to_regclass($1) AND i.indisprimary AND a.attnum = ANY(i.indkey)
    ORDER BY array_position(i.indkey::int2[], a.attnum)
"""
_SEQUENCES = """
    SELECT schemaname || '.' || sequencename AS name, last_value FROM pg_sequences
    WHERE schemaname = ANY($1) AND last_value IS NOT NULL ORDER BY 1
"""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column."""

    name: str
    type: str  # PostgreSQL's name
    nullable: bool
    generated: bool = False  # computed from other columns


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table."""

    table: str  # with its schema, which is the service's name
    file: str
    columns: Sequence[Column]
    key: Sequence[str]  # the columns of its primary key


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """All tables, and the last numbers that were drawn for their identity columns."""

    tables: Sequence[Table]
    sequences: Mapping[str, int]


async def described(snapshot: Snapshot, file_of: Mapping[str, str]) -> Tables:
    """Return the tables in a snapshot; `file_of` has the file of each."""
    driver = snapshot.driver
    return Tables(
        tables=[
            Table(
                table=table,
                file=file,
                columns=[
                    Column(**dict(row)) for row in await driver.fetch(_COLUMNS, _quoted(table))
                ],
                key=[row["name"] for row in await driver.fetch(_KEY, _quoted(table))],
            )
            for table, file in file_of.items()
        ],
        sequences={
            row["name"]: row["last_value"] for row in await driver.fetch(_SEQUENCES, list(SCHEMAS))
        },
    )


async def names_of(snapshot: Snapshot) -> list[str]:
    """Return the names of the tables in a snapshot, with their schemas."""
    return await tables_of(snapshot.driver)


def write_structure(link: DatabaseLink, snapshot: Snapshot, before: Path, after: Path) -> None:
    """Write the SQL that makes the tables, and that which follows the rows: keys, indexes, triggers.

    Raises: InternalFault.
    """
    for section, path in (("pre-data", before), ("post-data", after)):
        schemas = [word for schema in SCHEMAS for word in ("-n", schema)]
        options = ["--no-owner", f"--section={section}", f"--snapshot={snapshot.name}"]
        to = ["-f", str(path), *schemas, "-d", link.url.database or ""]
        run_client("pg_dump", link, snapshot.major, [*options, *to])


def run_structure(link: DatabaseLink, path: Path, major: int) -> None:
    """Run the SQL of a structure, whole or not at all. Raises: InternalFault."""
    options = ["-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null"]
    run_client("psql", link, major, [*options, "-f", str(path), "-d", link.url.database or ""])


@dataclass(frozen=True)
class Query:
    """A statement that returns one JSON text a row."""

    sql: str

    @classmethod
    def of_table(cls, table: str) -> "Query":
        """Return the rows of a table, without what only the sealed keys may have."""
        row = "row_to_json(plateward_row.*)"
        if (secret := SECRET.get(table)) is not None:
            row = f"(row_to_json(plateward_row.*)::jsonb || '{{\"{secret}\": null}}')"
        return cls(f"SELECT {row}::text FROM {_quoted(table)} AS plateward_row")  # noqa: S608 - from the catalogue


async def write_rows(driver: asyncpg.Connection, query: Query, path: Path) -> int:
    """Write a query's rows to a new gzip file, a line each, inside the caller's transaction; return their number."""
    count = 0
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        pages = driver.cursor(query.sql, prefetch=PAGE, timeout=LONGEST_S)
        lines = list[str]()
        async for (line,) in pages:
            # A column of the type json may have line ends, which mean nothing there.
            lines.append(line.replace("\n", " ").replace("\r", " "))
            if len(lines) == PAGE:
                count += len(lines)
                await asyncio.to_thread(file.write, _joined(lines))
                lines = []
        count += len(lines)
        file.write(_joined(lines))
    return count


def _joined(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def count_lines(path: Path) -> int:
    """Count the lines of a gzip file."""
    with gzip.open(path, "rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


async def load_rows(driver: asyncpg.Connection, table: Table, path: Path) -> int:
    """Store the rows of a table in a transaction of their own; return their number.

    Raises: InternalFault for a line that is no row of the table.
    """
    stored = [one for one in table.columns if not one.generated]
    names, values = ", ".join(f'"{one.name}"' for one in stored), ", ".join(map(_value, stored))
    statement = (  # names from the signed description, which was compared with the database's own
        f"INSERT INTO {_quoted(table.table)} ({names}) OVERRIDING SYSTEM VALUE SELECT {values} "  # noqa: S608
        f"FROM json_populate_recordset(NULL::{_quoted(table.table)}, $1::json)"
    )
    count = 0
    async with driver.transaction():
        await driver.execute("SET LOCAL synchronous_commit = off")
        insert = await driver.prepare(statement)
        for lines in await asyncio.to_thread(_pages, path):
            try:
                await insert.fetch(f"[{','.join(lines)}]", timeout=LONGEST_S)
            except asyncpg.DataError as exc:
                raise InternalFault(
                    f"{table.file} has a line that is no row of {table.table} ({type(exc).__name__})"
                ) from None
            count += len(lines)
    return count


def _value(column: Column) -> str:
    """Return what is stored in a column. A null is SQL's, unless the column has none: then it is JSON's."""
    if column.type in {"json", "jsonb"} and not column.nullable:
        return f"coalesce(\"{column.name}\", 'null')"
    return f'"{column.name}"'


def _pages(path: Path) -> Iterator[list[str]]:
    """Yield the lines of a gzip file, some at a time."""
    with gzip.open(path, "rb") as file:
        page, size = list[str](), 0
        for line in io.BufferedReader(file):
            page.append(line.decode())
            size += len(line)
            if len(page) == PAGE or size > MAX_PAGE_BYTES:
                yield page
                page, size = [], 0
        if page:
            yield page


async def check_described(driver: asyncpg.Connection, tables: Tables) -> None:
    """Raise InternalFault unless the database's tables have the columns that an export describes."""
    there = set(await tables_of(driver))
    for table in tables.tables:
        if table.table not in there:
            raise InternalFault(f"the structure does not make the table {table.table}")
        found = [Column(**dict(row)) for row in await driver.fetch(_COLUMNS, _quoted(table.table))]
        names = [(one.name, one.type, one.generated) for one in table.columns]
        if names != [(one.name, one.type, one.generated) for one in found]:
            raise InternalFault(f"the table {table.table} has other columns than the export says")


async def set_sequences(driver: asyncpg.Connection, tables: Tables) -> None:
    """Have identity columns go on after the last numbers of an export."""
    for name, last in tables.sequences.items():
        await driver.execute("SELECT setval(to_regclass($1), $2)", _quoted(name), last)


def _quoted(name: str) -> str:
    schema, _, table = name.partition(".")
    return f'"{schema}"."{table}"'
